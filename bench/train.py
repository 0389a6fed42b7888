#!/usr/bin/python3
"""train.py – training shared out: images a second of `cyto5 train` on 2 ranks of 1 thread against 1 rank of 2 threads, on simulated crops, as the
program itself tells them (each epoch but the first). Checked in the same run: 2 ranks of 1 thread give the same weights, bit for bit, as 1 rank of 1
thread.

    bench/train.py [NET ...]            resnet18, sesmo; C5_TRAIN_PRECISION fp32 (bf16)"""
import hashlib
import json
import os
import shutil
import sys

import h5py
import numpy as np

from benchlib import CYTO5, REPS, Scratch, check, end, interleave, median, mpirun, run, tell

SIM = """seed: 3
steps:
  - simulate: {fields: 4, frames: 1, height: 640, width: 640, cells: 160, cycle: 0, conditions: "control=0,senescent=1"}
  - objects
  - crop: {size: %d}
"""
SIZES = {"resnet18": 64, "sesmo": 50}
BAR = 0.95
EPOCHS = 4
PRECISION = os.environ.get("C5_TRAIN_PRECISION", "fp32")
SETTINGS = "model: %s\nlabel: condition\nname: m\nbatch: 64\nmicro: 4\noptimizer: adamw\nrate: 0.0005\ndevice: cpu\n"


def weights_of(path):
    total = hashlib.sha256()
    with h5py.File(path, "r") as f:
        def add(name, thing):
            if isinstance(thing, h5py.Dataset):
                total.update(name.encode() + np.ascontiguousarray(thing[()]).tobytes())
        f["models/m/latest/weights"].visititems(add)
    return total.hexdigest()


def one(net):
    with Scratch("train") as scratch:
        for name, text in (("sim.yml", SIM % SIZES[net]), ("train.yml", SETTINGS % net)):
            with open(scratch(name), "w", encoding="utf-8") as f:
                f.write(text)
        run([CYTO5, "run", scratch("sim.yml"), scratch("sim.h5"), "--quiet"])
        digests = {}

        def job(ranks, threads):
            def call():
                os.environ["OMP_NUM_THREADS"] = str(threads)
                path = scratch("out.h5")
                shutil.copy(scratch("sim.h5"), path)
                text = run(mpirun(ranks, [CYTO5, "train", path, "--config", scratch("train.yml"), "--epochs", EPOCHS, "--precision", PRECISION,
                                          "--threads", threads, "--save-every", 0, "--quiet", "--json", "-"], launcher=True))[2]
                told = [json.loads(line) for line in text.splitlines() if '"epoch"' in line and '"items_per_s"' in line]
                digests.setdefault((ranks, threads), weights_of(path))
                return median([e["items_per_s"] for e in told[1:]])
            return call

        got = interleave({"1x2": job(1, 2), "2x1": job(2, 1)}, reps=min(REPS, 3))
        job(1, 1)()
        check("train", f"{net}: 2 ranks of 1 thread train other weights than 1: {digests}", digests[(1, 1)] == digests[(2, 1)])
        ranks, threads = median(got["2x1"]), median(got["1x2"])
        tell("train", f"{net} {PRECISION}: 2 ranks x 1 thread against 1 rank x 2 threads, images a second", ranks / threads, BAR, images_s_2x1=ranks,
             images_s_1x2=threads, weights=digests[(2, 1)][:16])


for wanted in sys.argv[1:] or list(SIZES):
    one(wanted)
end()
