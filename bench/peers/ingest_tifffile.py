"""ingest_tifffile.py – the peer of `cyto5 ingest`: tifffile reads the frames, h5py writes them: shuffle, gzip 1, chunk = frame; tifffile decodes with
one thread, or with as many as it likes.

    python ingest_tifffile.py FOLDER OUT.h5 1|all

Prints how long it took, the imports left out."""
import os
import sys
import time

import h5py
import tifffile

start = time.perf_counter()
folder, out, workers = sys.argv[1:]
workers = 1 if workers == "1" else None
files = sorted(os.path.join(folder, f) for f in os.listdir(folder))
first = tifffile.imread(files[0], maxworkers=workers)
with h5py.File(out, "w", libver=("v110", "v110")) as f:
    stack = f.create_dataset("phase", (len(files),) + first.shape, first.dtype, chunks=(1,) + first.shape, compression="gzip", compression_opts=1,
                             shuffle=True)
    for t, name in enumerate(files):
        stack[t] = tifffile.imread(name, maxworkers=workers)
fd = os.open(out, os.O_RDWR)
os.fsync(fd)
os.close(fd)
print(time.perf_counter() - start)
