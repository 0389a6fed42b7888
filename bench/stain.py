#!/usr/bin/python3
"""stain.py – virtual stains against the truth, from simulated or real images to figures, by the commands a user would type.

    bench/stain.py simulated        24 fields of known efficiency from 0 to 80 %, trained on 16 others
    bench/stain.py neurons [DIR]    columns 0-447 of a field to learn from, 512-639 to check: DIR has phase_zNN.png and the three markers
    bench/stain.py seams [DIR]      a dense map of the field whole against in tiles

DIR defaults to C5_NEURONS. Times are told, not judged."""
import glob
import json
import os
import sys

import h5py
import numpy as np

from benchlib import CYTO5, Scratch, end, run, tell

SIM = ["--frames", "1", "--height", "384", "--width", "384", "--cells", "120", "--radius", "12", "--efficiency-from", "0", "--efficiency-to", "0.8", "--differentiation", "0.6",
       "--patch", "60", "--channels", "phase,marker", "--plates", "4"]
NEURONS = ("dapi", "map2", "nfh")


def cyto5(*words):
    wall, _, text = run([CYTO5, *words], 1800)
    return text, wall


def figures(path, *words):
    text, _ = cyto5("stain", "evaluate", path, "--json", *words)
    return {marker: one["figures"] for marker, one in json.loads(text).items()}


def simulated(folder):
    learn, test = f"{folder}/learn.h5", f"{folder}/test.h5"
    cyto5("simulate", learn, *SIM, "--fields", 16, "--seed", 1)
    cyto5("simulate", test, *SIM, "--fields", 24, "--seed", 2)
    _, trained = cyto5("stain", "train", learn, "--marker", "marker", "--block", 16, "--context", 12, "--width", 0.5, "--frames", 1, "--epochs", 8, "--batch", 64, "--rate", 0.003,
                       "--watch", "auc", "--per-epoch", 12000, "--stride", 8)
    _, predicted = cyto5("stain", "predict", test, "--model", f"{learn}:marker")
    f = figures(test)["marker"]
    for name, bar in (("block_f1", 0.90), ("block_accuracy", 0.97), ("block_roc_auc", 0.99), ("efficiency_pearson", 0.995)):
        tell("stain", f"simulated fields, {name}", f[name], bar, unit="")
    print(f"trained in {trained:.0f} s, 24 fields of 384 x 384 predicted in {predicted:.1f} s; bias of the efficiency {f['efficiency_bias']:+.4f}")


def field(folder, source):
    """The field of neurons as a container."""
    sheet = f"{folder}/neurons.csv"
    with open(sheet, "w") as out:
        out.write("path,experiment,channel,modality\n")
        out.write(f"{source}/phase_z{{z}}.png,neurons,transmission,transmission\n")
        for marker in NEURONS:
            (path,) = glob.glob(f"{source}/{marker}*.png")
            out.write(f"{path},neurons,{marker},fluorescence\n")
    path = f"{folder}/neurons.h5"
    cyto5("ingest", path, "--sheet", sheet)
    return path


def neurons(folder, source):
    path = field(folder, source)
    common = ["--marker", ",".join(NEURONS), "--region", "0:448", "--keep-back", "0.16", "--gap", "32"]
    _, blocks = cyto5("stain", "train", path, *common, "--name", "blocks", "--block", 16, "--stride", 4, "--context", 16, "--epochs", 12, "--batch", 64, "--width", 0.5, "--rate", 0.002,
                      "--per-epoch", 8000, "--watch", "auc")
    cyto5("stain", "predict", path, "--model", "blocks")
    by_block = figures(path, "--region", "512:640")
    _, dense = cyto5("stain", "train", path, *common, "--name", "dense", "--method", "dense", "--patch", 64, "--depth", 3, "--width", 0.75, "--epochs", 16, "--batch", 16, "--rate", 0.002,
                     "--per-epoch", 480, "--watch", "pearson")
    _, predicted = cyto5("stain", "predict", path, "--model", "dense")
    pixels = figures(path, "--region", "512:640")
    print(f"blocks trained in {blocks:.0f} s, dense in {dense:.0f} s, one dense map in {predicted:.1f} s")
    for marker in NEURONS:
        bars = (0.95, 0.75) if marker == "dapi" else (None, None)
        tell("stain", f"neurons, {marker}, blocks, area under the ROC curve", by_block[marker]["block_roc_auc"], bars[0], unit="")
        tell("stain", f"neurons, {marker}, dense map, Pearson of pixels", pixels[marker]["pixel_pearson"], bars[1], unit="")


def seams(folder, source):
    path = field(folder, source)
    cyto5("stain", "train", path, "--marker", "dapi", "--name", "d", "--method", "dense", "--patch", 96, "--depth", 3, "--width", 0.5, "--epochs", 2, "--batch", 8, "--per-epoch", 64)
    maps = []
    for tile in (4096, 256):
        cyto5("stain", "predict", path, "--model", "d", "--tile", tile)
        with h5py.File(path, "r") as f:
            maps.append(f["experiments/neurons/stain/latest/maps/dapi"][:])
    apart = float(np.abs(maps[0] - maps[1]).max() / np.abs(maps[0]).max())
    tell("stain", "dense map whole against in tiles, largest difference over largest value", apart, 1e-5, atleast=False, unit="")


what = sys.argv[1] if len(sys.argv) > 1 else "simulated"
source = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("C5_NEURONS")
with Scratch("stain") as scratch:
    folder = scratch.path
    if what == "simulated":
        simulated(folder)
    elif not source or not os.path.isdir(source):
        print(__doc__)
        sys.exit(77)
    else:
        {"neurons": neurons, "seams": seams}[what](folder, source)
end()
