"""mpi_stain.py – virtual staining from end to end on simulated cells that differentiate: a model trained on some fields finds the marker in others;
the same model and the same maps from any number of ranks; bad input is refused in one line and leaves nothing behind."""
import json

import numpy as np

from support import *

SIM = ["--frames", 1, "--height", 160, "--width", 160, "--cells", 34, "--radius", 9, "--differentiation", 1, "--patch", 40, "--channels",
       "phase,marker"]
TRAIN = ["--marker", "marker", "--block", 16, "--context", 8, "--width", 0.25, "--frames", 1, "--epochs", 4, "--batch", 32, "--rate", 0.004,
         "--per-epoch", 1200]


def refuses(code, said, *arguments):
    r = run(*arguments)
    check(r.code == code and len(r.errors) == 1 and said in r.errors[0],
          f"{' '.join(str(a) for a in arguments)}: exit {code} and '{said}' in one line expected: {r}")


def figures(out, *words):
    r = works("stain", "evaluate", out, "--json", *words)
    return json.loads(r.out)["marker"]["figures"]


with Folder():
    works("simulate", "learn.h5", *SIM, "--fields", 6, "--efficiency-from", 0.1, "--efficiency-to", 0.8, "--seed", 5)
    works("simulate", "new.h5", *SIM, "--fields", 3, "--efficiency-from", 0.1, "--efficiency-to", 0.8, "--seed", 6)

    # The same model from 1 and 3 ranks.
    models = []
    for ranks in (0, 3):
        copy = f"learn{ranks}.h5"
        shutil.copy("learn.h5", copy)
        works("stain", "train", copy, *TRAIN, "--name", "m", "--threads", 1, ranks=ranks)
        clean(copy)
        with h5py.File(copy, "r") as f:
            m = f["models/m/latest"]
            models.append(m.attrs["sha256"])
            check(b"method: blocks" in m["preprocessing"][()], f"{copy}: the recipe is {m['preprocessing'][()]}")
    check(models[0] == models[1], f"1 and 3 ranks train different models: {models}")

    # Fields never seen; the same maps from any number of ranks.
    maps = []
    for ranks in (0, 2, 3):
        copy = f"new{ranks}.h5"
        shutil.copy("new.h5", copy)
        works("stain", "predict", copy, "--model", "learn0.h5:m", ranks=ranks)
        clean(copy)
        with h5py.File(copy, "r") as f:
            maps.append({e: f[f"experiments/{e}/stain/latest/maps/marker"][()] for e in f["experiments"]})
    for e, one in maps[0].items():
        check(one.shape == (1, 160, 160) and one.dtype == np.float32 and one.min() >= 0 and one.max() <= 1,
              f"{e}: the map is {one.shape} {one.dtype} {one.min()}..{one.max()}")
        check(all(np.array_equal(one, other[e]) for other in maps), f"{e}: maps differ between numbers of ranks")
    f = figures("new0.h5")
    check(f["block_roc_auc"] > 0.9, f"blocks of new fields: AUC {f['block_roc_auc']}")
    check(f["efficiency_pearson"] > 0.9, f"efficiency of new fields: Pearson {f['efficiency_pearson']}")
    check(works("stain", "evaluate", "new0.h5", "--explain", "--pictures", "looks").out.count("\n") > 20, "evaluate explains itself")
    check(len(os.listdir("looks")) == 3, f"pictures: {os.listdir('looks')}")

    # What is looked at without fluorescence: efficiencies, their course, the stain over the frames, and the maps for other programs.
    r = works("stain", "show", "new0.h5", "--out", "shown")
    check(r.out.count("control_00") == 3, f"a line an experiment: {r.out}")
    check(sorted(os.listdir("shown")) == [*(f"control_00{k}_marker_t000.png" for k in (1, 2, 3)), "efficiency.csv", "efficiency_marker.svg"],
          f"files: {os.listdir('shown')}")
    rows = dict((row.split(",")[0], row.split(",")) for row in open("shown/efficiency.csv").read().splitlines()[1:])
    told = {p["experiment"]: p["area"] for p in json.loads(works("stain", "show", "new0.h5", "--json").out)}
    with h5py.File("new0.h5", "r") as f:
        for e in f["experiments"]:
            m = f[f"experiments/{e}/stain/latest/maps/marker"]
            share = (m[0] > m.attrs["positive"]).mean()
            check(abs(float(rows[e][4]) - share) < 0.002 and float(rows[e][4]) == told[e], f"{e}: {rows[e]} is told, {share} of the map is positive")
    works("export", "new0.h5", "--as", "ome-tiff", "--what", "stain", "--experiments", "control_002", "--out", "stain.ome.tif")
    works("ingest", "back.h5", "stain.ome.tif")
    with h5py.File("back.h5", "r") as f:
        (e,) = f["experiments"].values()
        check(np.array_equal(e["raw/marker"][()].squeeze(), maps[0]["control_002"].squeeze()), "maps in an OME-TIFF are those of the container")
    refuses(3, "no map of marker gfp", "export", "new0.h5", "--as", "ome-tiff", "--what", "stain", "--channel", "gfp", "--out", "none.ome.tif")
    refuses(3, "no stain of marker gfp", "stain", "show", "new0.h5", "--marker", "gfp")
    refuses(3, "no experiment has a stain", "stain", "show", "learn.h5")

    # In a pipeline, predicting again makes nothing new; by itself and with another stride it does.
    shutil.copy("learn0.h5", "model.h5")
    write("p.yml", "steps:\n  - stain: {model: 'model.h5:m'}\n")
    works("run", "p.yml", "new2.h5")
    r = works("run", "p.yml", "new2.h5")
    check("as before" in r.err, f"predicted again: {r.err}")
    works("stain", "predict", "new0.h5", "--model", "learn0.h5:m", "--stride", 4)
    with h5py.File("new0.h5", "r") as f:
        e = f["experiments"][sorted(f["experiments"])[0]]
        check(len([k for k in e["stain"] if k.startswith("r0")]) == 2, f"stains: {list(e['stain'])}")
        check(e["stain/latest/blocks/marker"].shape == (1, 37, 37), f"blocks: {e['stain/latest/blocks/marker'].shape}")

    # Dense: the marker's image pixel by pixel, whole and in tiles.
    works("stain", "train", "learn.h5", "--method", "dense", "--marker", "marker", "--name", "d", "--patch", 64, "--depth", 2, "--width", 0.25,
          "--epochs", 6, "--batch", 8, "--rate", 0.004, "--frames", 1, "--per-epoch", 160)
    dense = []
    for tile in (0, 96):
        works("stain", "predict", "new.h5", "--model", "learn.h5:d", "--tile", tile)
        with h5py.File("new.h5", "r") as f:
            dense.append(f[f"experiments/{sorted(f['experiments'])[2]}/stain/latest/maps/marker"][()])
    check(np.abs(dense[0] - dense[1]).max() <= 1e-5 * np.abs(dense[0]).max(), f"tiles show: {np.abs(dense[0] - dense[1]).max()}")
    f = figures("new.h5")
    check(f["pixel_pearson"] > 0.5, f"dense map: Pearson {f['pixel_pearson']}")

    # Where it is positive, pixel by pixel, by the overlap.
    if not sanitized():
        works("stain", "train", "learn.h5", "--method", "dense", "--target", "mask", "--loss", "dice", "--marker", "marker", "--name", "dice",
              "--patch", 64, "--depth", 2, "--width", 0.25, "--epochs", 4, "--batch", 8, "--rate", 0.004, "--frames", 1, "--per-epoch", 160)
        works("stain", "predict", "new.h5", "--model", "learn.h5:dice")
        f = figures("new.h5")
        check(f["block_roc_auc"] > 0.9, f"mask by dice: AUC of blocks {f['block_roc_auc']}")
        with h5py.File("learn.h5", "r") as f:
            h = f["models/dice/latest/history"][()]
            check(0 < h["loss"][-1] < h["loss"][0] < 1 and 0 < h["validation_loss"][-1] < 1, f"a dice loss: {h['loss']}, {h['validation_loss']}")
    refuses(2, "take mse", "stain", "train", "learn.h5", "--method", "dense", "--loss", "dice")
    refuses(2, "is of masks", "stain", "train", "learn.h5", "--loss", "dice")

    # Bad input.
    refuses(2, "no such verb", "stain", "trian", "learn.h5")
    refuses(3, "no model", "stain", "predict", "new.h5", "--model", "nothing")
    refuses(2, "--model", "stain", "predict", "new.h5")
    refuses(3, "are positive", "stain", "train", "learn.h5", *TRAIN, "--threshold", "hand", "--value", 0)
    refuses(3, "is positive", "stain", "train", "learn.h5", *TRAIN, "--threshold", "hand", "--value", 65000)
    refuses(3, "gfp", "stain", "train", "learn.h5", "--marker", "gfp")
    refuses(3, "no experiment", "stain", "train", "learn.h5", "--experiments", "nobody")
    refuses(2, "input and marker", "stain", "train", "learn.h5", "--marker", "phase")
    refuses(2, "region", "stain", "evaluate", "new.h5", "--region", "900:1000")
    refuses(3, "no experiment", "stain", "evaluate", "learn.h5")
    clean("learn.h5")
done("virtual stains trained, predicted and compared")
