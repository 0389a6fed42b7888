#!/usr/bin/python3
"""ingest.py – `cyto5 ingest` of a movie of single-frame TIFF files against tifffile + h5py doing the same, one process, one thread, on tmpfs.
cyto5 also takes the SHA-256 of every frame, writes the table of sources, checksums its chunks, journals and syncs; the peers do not.

The peers are every Python named in C5_PEERS (colon-separated; default /usr/bin/python3) that has tifffile and h5py; the fastest counts.
peers/requirements.txt is for a virtual environment with the newest ones. The bar is on the time inside the peer, its imports left out,
against the whole process of cyto5: the peer's better side.

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

    def cyto5():
        remove(ours)
        return run([CYTO5, "ingest", ours, folder, "--threads", 1, "--quiet"])[:2]

    def peer(python):
        def call():
            remove(theirs)
            wall, cpu, text = run([python, os.path.join(HERE, "peers", "ingest_tifffile.py"), folder, theirs])
            return wall, cpu, float(text)
        return call

    contenders = {"cyto5": cyto5}
    contenders.update({p: peer(p) for p in peers})
    results = interleave(contenders)
    with h5py.File(ours, "r") as a, h5py.File(theirs, "r") as b:
        stack = a[stack_of(ours)]
        shape = stack.shape
        check("ingest", "the stacks differ", shape == b["phase"].shape and all(np.array_equal(stack[t], b["phase"][t]) for t in range(FRAMES)))
    seconds, cpu = (median(r[k] for r in results["cyto5"]) for k in (0, 1))
    best = min(peers, key=lambda p: median(r[2] for r in results[p]))
    whole, peer_cpu, inside = (median(r[k] for r in results[best]) for k in (0, 1, 2))
    versions = subprocess.run([best, "-c", "import h5py, tifffile; print('h5py', h5py.__version__, 'HDF5', h5py.version.hdf5_version, 'tifffile', tifffile.__version__)"],
                              capture_output=True, text=True, check=True).stdout.strip()
    figures = {"shape": list(shape), "ranks": 1, "repetitions": REPS, "peer": versions, "cyto5_s": seconds, "peer_process_s": whole, "peer_inside_s": inside,
               "cyto5_cpu_s": cpu, "peer_cpu_s": peer_cpu, "cyto5_MB_per_s": float(np.prod(shape)) * 2 / 1e6 / seconds}
    tell("ingest", f"{FRAMES} frames, against the inside of tifffile + h5py", inside / seconds, 3, **figures)
    tell("ingest", f"{FRAMES} frames, whole process against whole process", whole / seconds, None, **figures)
end()
