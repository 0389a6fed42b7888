#!/usr/bin/python3
"""segment.py – how good and how fast the segmentation methods are on published recordings with masks: by the methods as they are, but for the last
set.

    segment.py BENCH_SEGMENT DATA_FOLDER [SET ...]

DATA_FOLDER holds ecoli-phase-lineage, t98g-phase-instances, fluo-sim-lineage, stardist-nuclei; sets that are missing are left out.
bench_segment also checks that labels are the same when a frame is segmented again. The settings are the presets of docs/segmentation.md.
Exit status 1 when a set with a bar stays below it."""
import glob
import os
import subprocess
import sys

RODS = ["--method", "rods"]
PHASE = ["--method", "phase"]
NUCLEI = ["--method", "fluorescence"]
SMALL_NUCLEI = ["--method", "fluorescence", "--background", "30", "--split", "0.9"]


def numbered(folder, image, truth, numbers):
    return [(os.path.join(folder, image % t), os.path.join(folder, truth % t)) for t in numbers]


def pairs(name, root):
    folder = os.path.join(root, name)
    if name == "ecoli-phase-lineage":
        return numbered(folder, "01/t%03d.tif", "01_GT/TRA/man_track%03d.tif", range(20, 43))
    if name == "t98g-phase-instances":
        return [(f, f.replace("_phase.tif", "_instances.png")) for f in sorted(glob.glob(os.path.join(folder, "set??_phase.tif")))]
    if name == "fluo-sim-lineage":
        return numbered(folder, "01/t%03d.tif", "01_GT/SEG/man_seg%03d.tif", range(10))
    return [(os.path.join(folder, p + "img2d.tif"), os.path.join(folder, p + "mask2d.tif")) for p in ("", "test_")]


SETS = {  # settings, and the figure that must be reached
    "ecoli-phase-lineage": (RODS, "SEG", 0.78),
    "t98g-phase-instances": (PHASE, "Dice", 0.70),
    "fluo-sim-lineage": (NUCLEI, "SEG", 0.90),
    "stardist-nuclei": (SMALL_NUCLEI, None, 0),
}


def main():
    bench, root, low = sys.argv[1], sys.argv[2], 0
    for name in sys.argv[3:] or SETS:
        if not os.path.isdir(os.path.join(root, name)):
            print(f"{name}: not there, left out")
            continue
        settings, figure, bar = SETS[name]
        words = [w for pair in pairs(name, root) for w in pair]
        env = dict(os.environ, OMP_NUM_THREADS="1")
        out = subprocess.run([bench, *settings, *words], check=True, capture_output=True, text=True, env=env, timeout=600).stdout
        truth, found, seg, dice, precision, ms = out.splitlines()[-1].split()[1:]
        worst = min(out.splitlines()[:-1], key=lambda line: float(line.split()[3]))
        print(f"{name}: {len(words) // 2} frames, {truth} objects, {found} found: SEG {seg}, Dice {dice}, AP@.5 {precision}, {ms} ms of processor "
              f"time a frame "
              f"(lowest SEG {worst.split()[3]}, {worst.split()[0]})")
        print(f"    {' '.join(settings)}")
        reached = {"SEG": float(seg), "Dice": float(dice)}.get(figure, 0)
        if reached < bar:
            print(f"    {figure} {reached} is below {bar}")
            low = 1
    return low


sys.exit(main())
