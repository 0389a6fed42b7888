#!/usr/bin/python3
"""ingest.py – `cyto5 ingest` of a movie of single-frame TIFF files against tifffile + h5py doing the same, one process, on tmpfs: each as it is
started by a user, on all cores of the machine (the bar); and with one thread each. cyto5 also takes the SHA-256 of every frame, writes the table
of sources, checksums its chunks, journals and syncs; the peers do not.

The peers are every Python named in C5_PEERS (colon-separated; default /usr/bin/python3) that has tifffile and h5py, tifffile with one worker and
with its own choice; the fastest counts. peers/requirements.txt is for a virtual environment with the newest ones. The time is that inside the peer,
its imports left out, against the whole process of cyto5: the peer's better side.

    bench/ingest.py [FRAMES]"""
import os
import subprocess
import sys

import h5py
import numpy as np

from benchlib import CYTO5, HERE, REPS, Scratch, check, end, interleave, median, movie, remove, run, stack_of, tell

FRAMES = int(sys.argv[1]) if len(sys.argv) > 1 else 120


def has_peer(python):
    return subprocess.run([python, "-c", "import h5py, tifffile"], capture_output=True, check=False).returncode == 0


with Scratch("ingest") as scratch:
    peers = [p for p in os.environ.get("C5_PEERS", "/usr/bin/python3").split(":") if has_peer(p)]
    if not peers:
        print("ingest.py: no Python with tifffile and h5py; see bench/README.md", file=sys.stderr)
        sys.exit(77)
    folder = movie(scratch("movie"), FRAMES)
    ours, theirs = scratch("cyto5.h5"), scratch("peer.h5")

    def cyto5(threads):
        def call():
            remove(ours)
            return run([CYTO5, "ingest", ours, folder, "--threads", threads, "--quiet"])[:2]
        return call

    def peer(python, workers):
        def call():
            remove(theirs)
            wall, cpu, text = run([python, os.path.join(HERE, "peers", "ingest_tifffile.py"), folder, theirs, workers])
            return wall, cpu, float(text)
        return call

    cores = len(os.sched_getaffinity(0))
    contenders = {"cyto5 1": cyto5(1), "cyto5 all": cyto5(cores)}
    contenders.update({(p, w): peer(p, w) for p in peers for w in ("1", "all")})
    results = interleave(contenders)
    with h5py.File(ours, "r") as a, h5py.File(theirs, "r") as b:
        stack = a[stack_of(ours)]
        shape = stack.shape
        check("ingest", "the stacks differ", shape == b["phase"].shape and all(np.array_equal(stack[t], b["phase"][t]) for t in range(FRAMES)))
    for what, threads, workers in (("as started", "all", ("1", "all")), ("one thread each", "1", ("1",))):
        seconds, cpu = (median(r[k] for r in results[f"cyto5 {threads}"]) for k in (0, 1))
        best = min(((p, w) for p in peers for w in workers), key=lambda k: median(r[2] for r in results[k]))
        whole, peer_cpu, inside = (median(r[k] for r in results[best]) for k in (0, 1, 2))
        versions = subprocess.run([best[0], "-c",
                                   "import h5py, tifffile; print('h5py', h5py.__version__, 'HDF5', h5py.version.hdf5_version, 'tifffile', "
                                   "tifffile.__version__)"],
                                  capture_output=True, text=True, check=True).stdout.strip()
        tell("ingest", f"{FRAMES} frames, {what}, against tifffile + h5py", inside / seconds, 3 if threads == "all" else None, shape=list(shape),
             ranks=1, threads=cores if threads == "all" else 1, repetitions=REPS, peer=versions, peer_workers=best[1], cyto5_s=seconds,
             peer_process_s=whole, peer_inside_s=inside, cyto5_cpu_s=cpu, peer_cpu_s=peer_cpu,
             cyto5_MB_per_s=float(np.prod(shape)) * 2 / 1e6 / seconds, whole_processes=whole / seconds)
end()
