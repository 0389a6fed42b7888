#!/usr/bin/python3
"""memory.py – peak memory of the main job for 50 and for 5,000 frames: the largest resident set of any rank. The frames are 256x256 pieces of
the real ones, one multi-page TIFF.

    bench/memory.py [FEW MANY]"""
import sys

import h5py

from benchlib import CYTO5, Scratch, check, end, median, mpirun, peak_memory, real_frames, remove, stack_of, tell, write_tiff

FEW, MANY = (int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (50, 5000)
STEPS = "steps:\n  - ingest:\n  - segment:\n  - objects:\n  - crop:\n"
SIDE = 256

with Scratch("memory") as scratch:
    with open(scratch("job.yml"), "w", encoding="utf-8") as f:
        f.write(STEPS)
    whole = real_frames(scratch)
    pieces = [frame[y:y + SIDE, x:x + SIDE] for frame in whole for y in range(0, frame.shape[0] - SIDE + 1, SIDE)
              for x in range(0, frame.shape[1] - SIDE + 1, SIDE)]
    out, peaks = scratch("out.h5"), {}
    for frames in (FEW, MANY):
        write_tiff(scratch("in.tif"), [pieces[t % len(pieces)] for t in range(frames)])
        for ranks in (1, 2):
            values = []
            for _ in range(3 if frames == MANY else 5):
                remove(out)
                values.append(peak_memory(mpirun(ranks, [CYTO5, "run", scratch("job.yml"), out, scratch("in.tif"), "--threads", 1, "--quiet"])))
            peaks[ranks, frames] = median(values)
            with h5py.File(out, "r") as f:
                stack = f[stack_of(out)]
                check("memory", "frames are missing", stack.shape[0] == frames and (stack[frames - 1] == pieces[(frames - 1) % len(pieces)]).all())
    for ranks in (1, 2):
        few, many = peaks[ranks, FEW], peaks[ranks, MANY]
        tell("memory", f"peak of the main job, {MANY} frames against {FEW}, {ranks} rank{'s' if ranks > 1 else ''}", many / few, 1.1, atleast=False,
             ranks=ranks, shape=[SIDE, SIDE], few_MiB=few, many_MiB=many)
end()
