#!/usr/bin/python3
"""write.py – a stack of 16-bit frames written by cyto5's protocol, by parallel HDF5's collective filtered writes, and by HDF5's own filter in
one process, on tmpfs. All read their frames into memory before their clocks start; all three files are read back through HDF5's own filters
and compared with the frames. The peers leave the checksum out that cyto5 makes, and of two ways to call them the faster counts.

    bench/write.py [FRAMES]"""
import os
import subprocess
import sys

import h5py
import numpy as np

from benchlib import BUILD, HERE, REPS, Scratch, check, end, interleave, median, mpirun, noise_frames, real_frames, remove, run, tell

FRAMES = int(sys.argv[1]) if len(sys.argv) > 1 else 128
BATCHES = (1, 8)  # frames in one collective call


def equal(path, dataset, frames):
    with h5py.File(path, "r") as f:
        d = f[dataset]
        return d.shape == (FRAMES,) + frames.shape[1:] and all(np.array_equal(d[t], frames[t % len(frames)]) for t in range(FRAMES))


def measure(scratch, what, frames):
    raw, out = scratch(what + ".raw"), scratch("out.h5")
    frames.tofile(raw)
    shape = [frames.shape[1], frames.shape[2], len(frames), FRAMES]
    said = {}

    def contender(name, command, dataset):
        def call():
            remove(out)
            text = run(command)[2]
            seconds, rate, size = text.split()
            if name not in said:  # checked once, in the round that does not count
                check("write", f"{name}: {what} reads back unequal", equal(out, dataset, frames))
                said[name] = int(size)
            return float(rate)
        return call

    contenders = {}
    for ranks in (1, 2):
        contenders[f"cyto5 {ranks}"] = contender(f"cyto5 {ranks}", mpirun(ranks, [os.path.join(BUILD, "bench", "bench_write"), out, raw] + shape),
                                                 "/experiments/bench/raw/phase")
        for b in BATCHES:
            name = f"phdf5 {ranks} batch {b}"
            command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), scratch("peers", "phdf5_write"), out, raw] + shape + [b, 0]
            contenders[name] = contender(name, command, "phase")
    contenders["hdf5 1"] = contender("hdf5 1", [scratch("peers", "hdf5_write"), out, raw] + shape + [1, 0], "phase")
    rates = {name: median(r) for name, r in interleave(contenders).items()}
    remove(out)
    os.unlink(raw)
    common = {"shape": [FRAMES, *frames.shape[1:]], "dtype": "uint16", "repetitions": REPS,
              "file_bytes": {"cyto5": said["cyto5 1"], "hdf5": said["hdf5 1"]}}
    for ranks in (1, 2):
        peer = max(rates[f"phdf5 {ranks} batch {b}"] for b in BATCHES)
        tell("write", f"{what}, {ranks} rank{'s' if ranks > 1 else ''}, against parallel HDF5", rates[f"cyto5 {ranks}"] / peer, 1.6, ranks=ranks,
             cyto5_MB_per_s=rates[f"cyto5 {ranks}"], phdf5_MB_per_s=peer, **common)
    tell("write", f"{what}, 1 rank, against one process of HDF5's own filter", rates["cyto5 1"] / rates["hdf5 1"], 2.5, ranks=1,
         cyto5_MB_per_s=rates["cyto5 1"], hdf5_MB_per_s=rates["hdf5 1"], **common)
    tell("write", f"{what}, 2 ranks against 1", rates["cyto5 2"] / rates["cyto5 1"], None, ranks=2, **common)


with Scratch("write") as scratch:
    built = subprocess.run(["sh", os.path.join(HERE, "peers", "build.sh"), scratch("peers")], check=False).returncode
    if built == 77:
        sys.exit(77)
    check("write", "the peers do not build", built == 0)
    measure(scratch, "noise and gradient", noise_frames(8))
    measure(scratch, "t98g frames", real_frames(scratch))
end()
