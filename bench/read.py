#!/usr/bin/python3
"""read.py – one frame at random: c5_array_read_frame against h5py's ds[i], from the same container on tmpfs, one thread, 500 frames of a stack
of 500. Both clocks run over the reads alone, files being open; sums over all pixels must agree. h5py is every Python of C5_PEERS that has it;
the fastest counts. read_direct, which spares h5py an allocation, is told too.

    bench/read.py [FRAMES [FILE.h5]]"""
import os
import subprocess
import sys

import numpy as np

from benchlib import BUILD, CYTO5, HERE, REPS, Scratch, check, end, interleave, median, movie, run, stack_of, tell

FRAMES = int(sys.argv[1]) if len(sys.argv) > 1 else 500

with Scratch("read") as scratch:
    if len(sys.argv) > 2:
        path = sys.argv[2]
    else:
        path = scratch("stack.h5")
        run([CYTO5, "ingest", path, movie(scratch("movie"), FRAMES), "--quiet"])
    stack = stack_of(path)
    np.random.default_rng(3).permutation(FRAMES).astype("<u4").tofile(scratch("order"))

    def contender(command):
        def call():
            seconds, total = run(command)[2].split()
            return float(seconds), int(total)
        return call

    pythons = [p for p in os.environ.get("C5_PEERS", "/usr/bin/python3").split(":") if subprocess.run([p, "-c", "import h5py"], capture_output=True,
            check=False).returncode == 0]
    contenders = {"cyto5": contender([os.path.join(BUILD, "bench", "bench_read"), path, stack, scratch("order")])}
    for p in pythons:
        for way in ("item", "direct"):
            contenders[f"{p} {way}"] = contender([p, os.path.join(HERE, "peers", "read_h5py.py"), path, stack, scratch("order"), way])
    results = interleave(contenders)
    check("read", "the sums of the pixels differ", len({r[1] for rs in results.values() for r in rs}) == 1)
    ms = {name: 1e3 * median(r[0] for r in rs) / FRAMES for name, rs in results.items()}
    for way, bar in (("item", 1.5), ("direct", None)):
        best = min((f"{p} {way}" for p in pythons), key=ms.get)
        tell("read", f"a frame at random, against h5py's {'ds[i]' if way == 'item' else 'read_direct'}", ms[best] / ms["cyto5"], bar, frames=FRAMES,
             repetitions=REPS, cyto5_ms=ms["cyto5"], h5py_ms=ms[best], peer=best)
end()
