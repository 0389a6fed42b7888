"""fields.py – the images of tests/support_image.h, drawn by the same whole numbers."""
import numpy as np


def noise(n, seed):
    out = np.empty(n, np.int64)
    for i in range(n):
        seed = (seed * 1664525 + 1013904223) & 0xffffffff
        out[i] = seed >> 16
    return out


def field(h, w, seed, radius):
    now = noise(h * w, seed).reshape(h, w)
    for _ in range(2):
        after = np.empty_like(now)
        for y in range(h):
            for x in range(w):
                part = now[max(0, y - radius):y + radius + 1, max(0, x - radius):x + radius + 1]
                after[y, x] = part.sum() // part.size
        now = after
    lo, hi = now.min(), now.max()
    return ((now - lo) * 65535 // max(hi - lo, 1)).astype(np.uint16)


def checksum(values):
    total = 14695981039346656037
    for byte in np.ascontiguousarray(values).tobytes():
        total = (total ^ byte) * 1099511628211 & 0xffffffffffffffff
    return total
