"""mpi_forecast.py – what is done around virtual stains: a marker that lies beside its place is found and moved, recorded, and left alone where
nothing is certain; the last frame foretold from earlier ones, alike from any number of ranks; channels nothing can be learnt from are refused in one
line."""
import json

import numpy as np

from support import *

SIM = ["--height", 160, "--width", 160, "--cells", 60, "--radius", 8, "--differentiation", 1, "--patch", 40, "--channels", "phase,marker"]
TRAIN = ["stain", "train", "x.h5", "--marker", "marker", "--block", 16, "--context", 4, "--width", 0.125, "--frames", 1, "--epochs", 1, "--batch", 32,
         "--per-epoch", 64]
FORECAST = ["--marker", "marker", "--block", 16, "--context", 8, "--looks", 3, "--folds", 2, "--epochs", 3, "--per-epoch", 800, "--threads", 1]


def changed(change, source="field.h5"):
    """x.h5 with a channel of each field changed."""
    shutil.copy(source, "x.h5")
    with h5py.File("x.h5", "r+") as f:
        for e in f["experiments"].values():
            change(e["raw"])


def refuses(said, *arguments, code=3):
    r = run(*arguments)
    check(r.code == code and len(r.errors) == 1 and said in r.errors[0], f"exit {code} and '{said}' in one line expected: {r}")


def record(path):
    with h5py.File(path, "r") as f:
        last = f["runs"][sorted(k for k in f["runs"] if k.startswith("r"))[-1]]
        return last["inputs"][()].decode() if "inputs" in last else ""


def moved(dy, dx):
    def change(raw):
        raw["marker"][0] = np.roll(raw["marker"][0], (dy, dx), (0, 1))
    return change


def set_to(channel, value):
    def change(raw):
        raw[channel][:] = value
    return change


with Folder():
    works("simulate", "field.h5", "--height", 288, "--width", 320, "--cells", 130, "--radius", 8, "--channels", "phase,marker", "--frames", 1,
          "--fields", 1, "--efficiency-from", 0.9, "--efficiency-to", 0.9, "--seed", 7)

    # Registration.
    changed(lambda raw: None)
    r = works(*TRAIN)
    check("off (0 moved)" in r.err and not r.warnings, f"markers in place: {r}")
    changed(moved(6, -5))
    r = works(*TRAIN, "--register", "check")
    check("0 moved" in r.err and any("marker lies" in w for w in r.warnings), f"markers that are off, checked: {r}")
    changed(moved(6, -5))
    r = works(*TRAIN)
    said = record("x.h5")
    found = [[float(w.split()[0]) for w in line.split(": ", 1)[1].split(", ")[1:3]] for line in said.splitlines() if line.endswith("moved")]
    check(found and all(abs(y - 6) < 1.2 and abs(x + 5) < 1.2 for y, x in found), f"the run's record of the registration: {said!r}")
    changed(moved(6, -5))
    check("registration" not in works(*TRAIN, "--register", "off").err and record("x.h5") == "", "registration is off")
    changed(lambda raw: raw["marker"].__setitem__(0, raw["marker"][0][::-1, ::-1]))
    check("0 in place" in works(*TRAIN).err and "moved" not in record("x.h5"), f"of other cells nothing is claimed: {record('x.h5')!r}")

    # What nothing can be learnt from.
    changed(set_to("marker", 65535))
    refuses("positive", *TRAIN)
    changed(set_to("phase", 65535))
    refuses("of one value", *TRAIN)
    changed(lambda raw: raw["marker"].__setitem__(0, np.minimum(raw["marker"][0], np.percentile(raw["marker"][0], 90))))
    check(any("upper end" in w for w in works(*TRAIN).warnings), "a marker that is burnt out is told")
    changed(lambda raw: raw["phase"].__setitem__(0, np.minimum(raw["phase"][0], np.percentile(raw["phase"][0], 80))))
    check(any("burnt out" in w for w in works(*TRAIN).warnings), "a label-free channel that is burnt out is told")
    os.mkdir("two")
    tiff("two/a_phase.tif", np.random.default_rng(1).integers(0, 4000, (96, 96)).astype("<u2"))
    tiff("two/a_gfp.tif", np.random.default_rng(2).integers(0, 4000, (96, 80)).astype("<u2"))
    write("two.csv", "path,experiment,channel,modality\ntwo/a_phase.tif,a,phase,phase\ntwo/a_gfp.tif,a,gfp,fluorescence\n")
    works("ingest", "two.h5", "--sheet", "two.csv")
    refuses("the same field", "stain", "train", "two.h5", "--marker", "gfp")

    # The last frame foretold: the same from any number of ranks, and nothing again for the same.
    works("simulate", "course.h5", *SIM, "--frames", 9, "--onset", 4, "--fields", 6, "--efficiency-from", 0, "--efficiency-to", 0.8, "--seed", 4)
    tables = []
    for ranks in (0, 2):
        copy = f"course{ranks}.h5"
        shutil.copy("course.h5", copy)
        r = works("stain", "forecast", copy, *FORECAST, ranks=ranks)
        clean(copy)
        check("known" in r.out and len([s for s in r.out.splitlines() if s.split()[:1] in (["0"], ["4"], ["8"])]) == 3, f"the page: {r.out}")
        with h5py.File(copy, "r") as f:
            tables.append({e: f[f"experiments/{e}/forecast/latest/marker"][:] for e in f["experiments"]})
    check(len(tables[0]) == 6 and all(t["frame"].tolist() == [0, 4, 8] for t in tables[0].values()), f"tables: {tables[0]}")
    check(all(tables[0][e].tobytes() == tables[1][e].tobytes() for e in tables[0]), "forecasts differ between numbers of ranks")
    answer = json.loads(works("stain", "forecast", "course0.h5", *FORECAST, "--out", "out", "--answer-json").out)
    first, last = answer["frames"][0], answer["frames"][-1]
    check(last["pearson"] > 0.8 and last["mae"] < last["guess_mae"] and last["auc"] > 0.8, f"the last frame tells itself: {last}")
    check(first["pearson"] is None or first["pearson"] < last["pearson"], f"the first frame knows less: {first}")
    check(sorted(os.listdir("out")) == ["forecast-fields.csv", "forecast.csv", "forecast.svg"]
          and len(open("out/forecast-fields.csv").readlines()) == 19, "files of the forecast")
    with h5py.File("course0.h5", "r") as f:
        one = f["experiments"][sorted(f["experiments"])[1]]["forecast/latest/marker"]
        check(one.attrs["fold"] == 2 and one.attrs["fields"].decode().count(",") == 5, f"what a forecast says of itself: {dict(one.attrs)}")

    # What cannot be foretold.
    refuses("3 experiments", "stain", "forecast", "two.h5", "--marker", "gfp")
    refuses("one marker", "stain", "forecast", "course.h5", "--marker", "marker,marker", code=2)
    refuses("gfp", "stain", "forecast", "course.h5", "--marker", "gfp")
done("markers laid in place, the last frame foretold")
