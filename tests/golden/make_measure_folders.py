#!/usr/bin/env python3
"""make_measure_folders.py – writes measure_folders.json beside itself: py-ctcmetrics 1.3.3 on the folders of tests/data, frames numbered from 0 and
the tracking truth taken as segmentation truth where there is none. Run in an environment with `pip install py-ctcmetrics==1.3.3`."""
import contextlib, glob, io, json, os, re, shutil, tempfile
from ctc_metrics.scripts.evaluate import evaluate_sequence

here = os.path.dirname(os.path.abspath(__file__))
data = os.path.join(here, "..", "data")
FOLDERS = {"ecoli-phase-lineage/late": ("01_GT", "01_RES"), "ctc-measures-toy": ("GT", "res")}
RENAMED = {"TP": "MOT_TP", "FP": "MOT_FP", "FN": "MOT_FN", "IDSW": "MOT_switches", "MULTI-ASSIGNMENTS": "MOT_merges", "IDTP": "ID_TP",
           "IDFP": "ID_FP", "IDFN": "ID_FN", "gt_divisions": "divisions_true", **{f"tp_div({i})": f"divisions_correct({i})" for i in range(4)}}
LEFT_OUT = {"Valid", "BC", "MTML", "BIO", "OP_CLB", "Precision", "Recall", "FAF", "MT", "ML", "Frames"} | {f"{k}_div({i})" for k in ("fp", "fn")
        for i in range(4)}


def frames(folder, prefix):
    return sorted((int(re.search(r"(\d+)\.tif$", p).group(1)), p) for p in glob.glob(os.path.join(folder, prefix + "*.tif")))


def rows(path, first, to):
    with open(path) as f, open(to, "w") as out:
        for line in f:
            if line.strip():
                label, begin, end, parent = map(int, line.split())
                out.write(f"{label} {begin - first} {end - first} {parent}\n")


figures = {}
for name, (gt, res) in FOLDERS.items():
    with tempfile.TemporaryDirectory() as top, contextlib.redirect_stdout(io.StringIO()):
        tra = frames(os.path.join(data, name, gt, "TRA"), "man_track")
        first = tra[0][0]
        seg = frames(os.path.join(data, name, gt, "SEG"), "man_seg") or tra
        for sub, list_, prefix in (("GT/TRA", tra, "man_track"), ("GT/SEG", seg, "man_seg"), ("RES", frames(os.path.join(data, name, res), "mask"),
                "mask")):
            os.makedirs(os.path.join(top, sub))
            for number, path in list_:
                shutil.copyfile(path, f"{top}/{sub}/{prefix}{number - first:03d}.tif")
        rows(os.path.join(data, name, gt, "TRA", "man_track.txt"), first, f"{top}/GT/TRA/man_track.txt")
        rows(os.path.join(data, name, res, "res_track.txt"), first, f"{top}/RES/res_track.txt")
        values = evaluate_sequence(f"{top}/RES", f"{top}/GT", threads=1)
    figures[name] = {RENAMED.get(k, k): None if v is None else float(v) for k, v in values.items() if k not in LEFT_OUT}
with open(os.path.join(here, "measure_folders.json"), "w") as to:
    json.dump(figures, to, indent=1)
    to.write("\n")
