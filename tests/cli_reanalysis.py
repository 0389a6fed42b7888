"""Going over old data again: `cyto5 run` makes new revisions beside the old ones, only of what changed, says what and why, on a selection."""
import json
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

CYTO5 = os.environ["CYTO5"]
DATA = os.path.join(os.environ["C5_SOURCE"], "tests", "data")


def run(*words, code=0):
    done = subprocess.run([CYTO5, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == code, (words, done.returncode, done.stderr)
    return done.stderr


def revisions(path, name):
    with h5py.File(path, "r") as f:
        e = f["experiments"][name]
        return {p: (sorted(k for k in e[p] if k.startswith("r0")), e[p].get("latest", getlink=True).path) for p in ("masks", "objects", "crops")}


with tempfile.TemporaryDirectory() as tmp:
    out = os.path.join(tmp, "a.h5")

    def pipeline(segment, crop="{size: 32}"):
        path = os.path.join(tmp, "p.yml")
        with open(path, "w") as f:
            f.write("steps:\n- segment: %s\n- objects:\n- crop: %s\n" % (segment, crop))
        return path

    run("simulate", out, "--fields", "3", "--frames", "3", "--height", "128", "--width", "128", "--cells", "8", "--radius", "9")
    with h5py.File(out, "r") as f:
        names = sorted(f["experiments"])
    assert len(names) == 3, names

    # The first real run replaces nothing: the simulated truth stays as r000001.
    first = run("run", pipeline("{sigma: 1}"), out)
    assert "made by another step" in first, first
    one = revisions(out, names[0])
    assert one["masks"] == (["r000001", "r000002"], "r000002") and one["crops"] == (["r000002"], "r000002"), one

    # The same again: nothing to do, nothing new.
    again = run("run", pipeline("{sigma: 1}"), out)
    assert "segment: 3 experiments as before" in again and "crop: 3 experiments as before" in again, again
    assert revisions(out, names[0]) == one

    # Another crop size: only crops are made anew, and the reason is told.
    crops = run("run", pipeline("{sigma: 1}", "{size: 24}"), out)
    assert "crop again: settings changed: size 32 -> 24" in crops and "segment: 3 experiments as before" in crops, crops
    now = revisions(out, names[0])
    assert now["masks"] == one["masks"] and now["crops"] == (["r000002", "r000004"], "r000004"), now

    # A new threshold on one experiment: it and what follows from it, nothing else.
    chosen = run("run", pipeline("{sigma: 2}", "{size: 24}"), out, "--experiments", names[1])
    assert "settings changed: sigma 1 -> 2" in chosen and "another input" in chosen, chosen
    assert revisions(out, names[0]) == now
    assert revisions(out, names[1])["masks"][1] == "r000005"

    # The old revisions are untouched, and the container is sound.
    with h5py.File(out, "r") as f:
        assert f["experiments"][names[1]]["crops/r000002/images"].shape[2] == 32
        assert np.all(np.isfinite(f["experiments"][names[1]]["objects/r000002"]["area"]))
    run("check", out)
    run("run", pipeline("{sigma: 2}"), out, "--recompute", "--experiments", names[1])
    assert revisions(out, names[1])["masks"][1] == "r000006"
    assert "no experiment matches" in run("run", pipeline("{sigma: 2}"), out, "--experiments", "nothing*", code=3)
print("reanalysis: 1 passed, 0 failed")
sys.exit(0)
