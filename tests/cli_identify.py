"""cli_identify.py – cyto5 identify with the model that ships: real frames and simulated ones are told for what they are, a frame twice as large is
found to be twice as large, models say what they were trained on and warn where it does not fit, and bad input is refused in one line."""
import json
import os

import numpy as np

from support import *

SHIPPED = os.path.join(os.environ.get("C5_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")), "models")
SIM = ["--frames", 1, "--height", 256, "--width", 256, "--fields", 3, "--differentiation", 1, "--channels", "phase,marker"]


def identified(*words, **how):
    r = works("identify", *words, "--json", **how)
    return json.loads(r.out) if r.code == 0 else []


def refused(code, said, *words, env=None):
    r = run("identify", *words, env=env)
    check(r.code == code and len(r.errors) == 1 and said in r.errors[0], f"identify {words}: exit {code} and '{said}' in one line expected: {r}")


def halved(image):
    """The mean of 2 x 2 pixels."""
    h, w = (n // 2 * 2 for n in image.shape)
    return image[:h, :w].reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3)).astype("<u2")


def nuclei(seed, radius, side=320, n=30):
    """Bright soft discs on a dark ground."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side]
    image = 200 + rng.normal(0, 15, (side, side))
    for _ in range(n):
        cy, cx, r = rng.uniform(0, side), rng.uniform(0, side), radius * rng.uniform(0.9, 1.1)
        image += rng.uniform(1500, 3000) / (1 + np.exp(np.clip((np.hypot(y - cy, x - cx) - r) * 2, -30, 30)))
    return image.astype("<u2")


with Folder():
    # Real frames, as files and in a container.
    frames = {"t98g": T98G, "ecoli": ECOLI}
    for name, folder in frames.items():
        works("ingest", "real.h5", folder, "--experiment", name, "--modality", "phase", "--channel", "phase")
    told = {one["experiment"]: one for one in identified("real.h5", "--frames", 2)}
    check(sorted(told) == ["ecoli", "t98g"], f"experiments told: {sorted(told)}")
    for name, one in told.items():
        check(one["modality"] == "phase" and one["agrees"] and one["recorded"] == "phase" and one["probability"] > 0.5, f"{name}: {one}")
        check(abs(sum(one["kinds"].values()) - 1) < 1e-3, f"{name}: probabilities of kinds: {one['kinds']}")
    check(20 < told["t98g"]["diameter_px"] < 140, f"t98g: cells of 70 px are taken for {told['t98g']['diameter_px']}")

    # The same whatever the number of threads, and the same again.
    twice = [identified("real.h5", "--frames", 1, "--threads", n) for n in (1, 2, 2)]
    check(twice[0] == twice[1] == twice[2], "answers differ with the number of threads")

    # Half as large.
    with h5py.File("real.h5") as f:
        frame = f["experiments/t98g/raw/phase"][0]
    tiff("whole.tif", frame)
    tiff("half.tif", halved(frame))
    a, b = (identified(name)[0] for name in ("whole.tif", "half.tif"))
    check(abs(b["diameter_px"] / a["diameter_px"] - 0.5) < 0.12, f"halved: {a['diameter_px']} and {b['diameter_px']} px")
    c = identified("half.tif", "--like", "whole.tif")[0]
    check(abs(c["ratio"] / 0.5 - 1) < 0.05, f"half as large as the whole, by their ratio: {c['ratio']}")
    check(a["recorded"] is None and a["agrees"] and a["ratio"] is None, f"an image says no modality: {a}")

    # Fluorescence, with sizes that are known; recorded as something else, that is told.
    for radius in (6, 16):
        tiff(f"nuclei{radius}.tif", nuclei(radius, radius))
        one = identified(f"nuclei{radius}.tif")[0]
        check(one["kind"] == "nuclei" and one["modality"] == "fluorescence" and one["probability"] > 0.9, f"discs of radius {radius}: {one}")
        check(abs(np.log2(one["diameter_px"] / (2 * radius))) < 0.6, f"discs of {2 * radius} px: {one['diameter_px']}")
    works("ingest", "wrong.h5", "nuclei16.tif", "--experiment", "wrong", "--modality", "brightfield", "--channel", "light")
    r = works("identify", "wrong.h5")
    check(any("recorded as brightfield, but looks like fluorescence" in w for w in r.warnings), f"wrong modality: {r}")
    check("fluorescence (nuclei)" in r.out and "wrong/light" in r.out, f"the table: {r.out}")

    # A model says what it was trained on, and warns where images differ.
    works("simulate", "learn.h5", *SIM, "--radius", 9, "--cells", 60, "--efficiency-to", 0.8)
    works("simulate", "same.h5", *SIM, "--radius", 9, "--cells", 60, "--seed", 2)
    works("simulate", "large.h5", *SIM, "--radius", 24, "--cells", 10, "--seed", 3)
    works("stain", "train", "learn.h5", "--marker", "marker", "--name", "m", "--block", 16, "--width", 0.25, "--epochs", 1, "--per-epoch", 64,
          "--frames", 1)
    shown = json.loads(works("model", "show", "learn.h5:m", "--json").out)
    check(5 < shown.get("object_px", 0) < 60, f"object_px of the model: {shown.get('object_px')}")
    clean("learn.h5")
    ratios = {}
    for name in ("same", "large"):
        ratios[name] = np.median([one["ratio"] for one in identified(f"{name}.h5", "--for", "learn.h5:m", "--channel", "phase")])
        r = works("stain", "predict", f"{name}.h5", "--model", "learn.h5:m")
        check(any("as large as those model learn.h5:m was trained on" in w for w in r.warnings) == (name == "large"),
              f"{name}: prediction warns: {r.warnings}")
    check(0.8 < ratios["same"] < 1.25 and 1.7 < ratios["large"] < 4, f"scale against the model's: {ratios}")

    # Images are rescaled for the model before use: by what was found, or by what is said.
    r = works("stain", "predict", "large.h5", "--model", "learn.h5:m", "--rescale", "auto")
    check(not any("as large as those" in w for w in r.warnings), f"rescaled: {r.warnings}")
    clean("large.h5")
    with h5py.File("large.h5") as f:
        one = next(iter(f["experiments"].values()))
        maps, blocks = one["stain/latest/maps/marker"], one["stain/latest/blocks/marker"]
        check(0.7 < maps.attrs["rescaled"] * ratios["large"] < 1.4, f"rescaled by {maps.attrs['rescaled']}, found {ratios['large']} x as large")
        side = blocks.attrs["side_px"] * maps.attrs["rescaled"]
        check(maps.shape[1:] == one["raw/phase"].shape[1:] and abs(side - 16) < 1e-6, f"maps of {maps.shape}, blocks of {side} px to the network")
    r = works("stain", "predict", "large.h5", "--model", "learn.h5:m", "--rescale", 2)
    check(any("rescale the images by" in w and " more" in w for w in r.warnings), f"rescaled the wrong way: {r.warnings}")
    for word in ("twice", "0", "-1", "nan", "2x", "17"):
        r = run("stain", "predict", "large.h5", "--model", "learn.h5:m", "--rescale", word)
        check(r.code == 2 and len(r.errors) == 1 and "--rescale" in r.errors[0], f"--rescale {word}: {r}")
    r = works("identify", "nuclei16.tif", "--for", "learn.h5:m")
    check(any("looks like fluorescence; model learn.h5:m was trained on phase" in w for w in r.warnings), f"another modality: {r}")

    # Learning: the same model from one and two ranks, which then looks at images.
    for ranks in (0, 2):
        shutil.copy("learn.h5", f"taught{ranks}.h5")
        works("identify", "train", f"taught{ranks}.h5", "--tiles", 30, "--check", 10, "--epochs", 1, "--batch", 10, "--micro", 2, ranks=ranks)
        clean(f"taught{ranks}.h5")
    with h5py.File("taught0.h5") as f, h5py.File("taught2.h5") as g:
        m = f["models/identify/latest"]
        check(m.attrs["sha256"] == g["models/identify/latest"].attrs["sha256"], "one and two ranks learn different models")
        check([c[0] for c in m["classes"][:]] == [b"phase", b"brightfield", b"dic", b"nuclei", b"structure"], f"classes: {m['classes'][:]}")
    check(len(identified("half.tif", "--model", "taught0.h5:identify")) == 1, "a model of one's own is not used")

    # What cannot be told.
    tiff("small.tif", frame[:20, :200])
    tiff("flat.tif", np.full((100, 100), 7, "<u2"))
    refused(3, "20 x 200 px is too small", "small.tif")
    refused(3, "all pixels are alike", "flat.tif")
    refused(3, "no model 'absent'", "whole.tif", "--model", "learn.h5:absent")
    refused(3, "no model that identifies images", "whole.tif", "--model", "learn.h5:m")
    refused(2, "FILE.h5:NAME is expected", "whole.tif", "--model", "absent")
    refused(3, "absent.h5", "absent.h5")
    refused(3, "channel srs", "real.h5", "--channel", "srs")

    # The folder of models may be elsewhere.
    r = run("identify", "half.tif", env={"CYTO5_MODELS": SHIPPED})
    check(r.code == 0, f"CYTO5_MODELS: {r}")

done()
