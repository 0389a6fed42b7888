#!/usr/bin/python3
"""many.py – a container of 10,000 experiments of one 32x32 frame each, made by `cyto5 ingest` in one go. Opening and listing it takes less
than a second; taking one more experiment in costs at most twice what it costs with an empty container.

    bench/many.py [EXPERIMENTS]"""
import os
import shutil
import sys

import h5py
import numpy as np

from benchlib import CYTO5, REPS, Scratch, check, end, interleave, median, remove, run, tell, write_tiff

N = int(sys.argv[1]) if len(sys.argv) > 1 else 10000

with Scratch("many") as scratch:
    rng = np.random.default_rng(1)
    os.makedirs(scratch("in"))
    os.makedirs(scratch("more"))
    for i in range(N):
        write_tiff(scratch("in", f"P{i // 384:03d}-W{i % 384:03d}_t0.tif"), [rng.integers(0, 4096, (32, 32))])
    write_tiff(scratch("more", "added.tif"), [rng.integers(0, 4096, (32, 32))])
    many, empty = scratch("many.h5"), scratch("empty.h5")
    seconds = run([CYTO5, "ingest", many, scratch("in"), "--pattern", "{experiment}_t{frame}.tif", "--quiet"])[0]
    with h5py.File(many, "r") as f:
        check("many", "experiments are missing", len(f["experiments"]) == N)
    tell("many", f"taking {N} experiments in", seconds, None, unit=" s", experiments=N, bytes=os.path.getsize(many))

    run([CYTO5, "ingest", empty, scratch("in", "P000-W000_t0.tif"), "--quiet", "--experiment", "first"])
    k = 0

    def show(*options):
        def call():
            wall, _, text = run([CYTO5, "show", many, *options])
            check("many", "show does not tell of all experiments", f"{N:,} experiments" in text and (not options or text.count("\nP0") == N))
            return wall
        return call

    def add(to):
        def call():
            global k
            k += 1
            copy = to + ".copy"
            shutil.copyfile(to, copy)
            wall = run([CYTO5, "ingest", copy, scratch("more", "added.tif"), "--quiet", "--experiment", f"added{k}"])[0]
            with h5py.File(copy, "r") as f:
                check("many", "the experiment was not added", f"added{k}" in f["experiments"])
            remove(copy)
            return wall
        return call

    listed = interleave({"show": show(), "all": show("--all")})
    tell("many", f"opening and listing {N} experiments", median(listed["show"]), 1.0, atleast=False, unit=" s", experiments=N, repetitions=REPS)
    tell("many", f"telling what is in each of {N} experiments (--all)", median(listed["all"]), None, unit=" s", experiments=N, repetitions=REPS)
    results = interleave({"empty": add(empty), "many": add(many)}, reps=max(REPS, 9))
    a, b = median(results["empty"]), median(results["many"])
    tell("many", f"adding one experiment to {N} against adding it to an empty container", b / a, 2.0, atleast=False, seconds_empty=a, seconds_many=b,
         repetitions=max(REPS, 9))
end()
