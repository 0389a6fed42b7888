#!/usr/bin/python3
"""scaling.py – the main job (ingest, segment, objects, crop) on 1 and 2 ranks, one thread each, on tmpfs; then on 3 and 4 for their contents:
names, types, values and attributes of everything under /experiments must be the same for any number of ranks. Both are started by mpirun, which
takes a third of a second by itself; the time of the run alone is told too.

    bench/scaling.py [FRAMES]"""
import json
import sys

from benchlib import CYTO5, REPS, Scratch, check, contents, end, interleave, median, movie, mpirun, remove, run, tell

FRAMES = int(sys.argv[1]) if len(sys.argv) > 1 else 300
STEPS = "steps:\n  - ingest:\n  - segment:\n  - objects:\n  - crop:\n"

with Scratch("scaling") as scratch:
    with open(scratch("job.yml"), "w", encoding="utf-8") as f:
        f.write(STEPS)
    folder = movie(scratch("movie"), FRAMES)
    out = scratch("out.h5")
    digests = {}

    def job(ranks):
        def call():
            remove(out)
            wall, _, text = run(mpirun(ranks, [CYTO5, "run", scratch("job.yml"), out, folder, "--threads", 1, "--quiet", "--json", "-"],
                                       launcher=True))
            inside = next(json.loads(line)["seconds"] for line in text.splitlines() if '"run-end"' in line)
            if ranks not in digests:
                digests[ranks] = contents(out)
            return wall, inside
        return call

    results = interleave({1: job(1), 2: job(2)})
    for ranks in (3, 4):
        job(ranks)()
    check("scaling", f"contents differ between ranks: {digests}", len(set(digests.values())) == 1)
    one, two = (median(r[0] for r in results[n]) for n in (1, 2))
    run_one, run_two = (median(r[1] for r in results[n]) for n in (1, 2))
    tell("scaling", "the main job, 2 ranks against 1", one / two, 1.8, frames=FRAMES, ranks=[1, 2], threads=1, repetitions=REPS, seconds_1=one,
         seconds_2=two, frames_per_s_1=FRAMES / one, contents=digests[1][:16], equal_ranks=[1, 2, 3, 4])
    tell("scaling", "the run alone, 2 ranks against 1", run_one / run_two, None, frames=FRAMES, ranks=[1, 2], seconds_1=run_one, seconds_2=run_two)
end()
