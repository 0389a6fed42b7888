"""read_h5py.py – the peer of bench_read: python read_h5py.py FILE.h5 STACK ORDER item|direct. Prints "seconds checksum"."""
import sys
import time

import h5py
import numpy as np

path, stack, order, way = sys.argv[1:]
order = np.fromfile(order, "<u4").tolist()
seconds, total = 0.0, 0
with h5py.File(path, "r") as f:
    ds = f[stack]
    frame = np.empty(ds.shape[1:], ds.dtype)
    for k, t in enumerate(order):
        start = time.perf_counter()
        if way == "item":
            frame = ds[t]
        else:
            ds.read_direct(frame, np.s_[t])
        seconds += time.perf_counter() - start
        total += int(frame.sum(dtype=np.uint64)) * (k + 1)
print(f"{seconds:.6f} {total % 2**64}")
