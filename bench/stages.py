#!/usr/bin/python3
"""stages.py – where the time of the main job goes: milliseconds a frame of every stage, one thread, over the real frames on tmpfs.

    bench/stages.py [FRAMES]"""
import os
import sys

from benchlib import BUILD, REPS, Scratch, end, movie, run, tell

FRAMES = int(sys.argv[1]) if len(sys.argv) > 1 else 20

with Scratch("stages") as scratch:
    text = run([os.path.join(BUILD, "bench", "bench_stages"), movie(scratch("movie"), FRAMES), REPS])[2]
    ms = {name: float(value) for name, value in (line.split("\t") for line in text.splitlines())}
    whole = sum(ms.values())
    for name, value in ms.items():
        print(f"#   {name:<12} {value:8.3f} ms {100 * value / whole:5.1f} %")
    tell("stages", "all stages of a frame", whole, None, unit=" ms", frames=FRAMES, repetitions=REPS, ms={k: round(v, 4) for k, v in ms.items()})
end()
