#!/usr/bin/python3
"""imageops.py – the image operations beside SciPy's and scikit-image's, on one mask of 2048 x 2048 pixels with some 2,000 objects, one thread.

    imageops.py BENCH_IMAGEOPS

Both sides get the same arrays, already in memory; each is timed by itself, the best of several turns. Results are compared: labels and
squared distances exactly, basins pixel by pixel (where two floods meet at the same moment the sides may differ), regions to 1e-9.
Exit status 1 when a result differs or a bar is missed."""
import os
import subprocess
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = "1"
import numpy as np
from scipy import ndimage as ndi
from skimage import measure, segmentation

BARS = {"label": 3, "distance": 5, "watershed": 5, "regions": 5}


def best(what, turns):
    spans = []
    for _ in range(turns):
        start = time.perf_counter()
        result = what()
        spans.append(time.perf_counter() - start)
    return result, 1e3 * min(spans)


def made_mask(size, count):
    rng = np.random.default_rng(7)
    yy, xx = np.mgrid[:41, :41] - 20
    mask = np.zeros((size, size), np.uint8)
    for _ in range(count):
        y, x = rng.integers(21, size - 21, 2)
        a, b, turn = rng.uniform(8, 16), rng.uniform(5, 10), rng.uniform(0, np.pi)
        u, v = xx * np.cos(turn) + yy * np.sin(turn), yy * np.cos(turn) - xx * np.sin(turn)
        mask[y - 20:y + 21, x - 20:x + 21] |= (u / a) ** 2 + (v / b) ** 2 <= 1
    return mask


def main():
    size, low = 2048, 0
    mask = made_mask(size, 2600)
    eight = np.ones((3, 3))
    (labels, count), t_label = best(lambda: ndi.label(mask, eight), 5)
    distance, t_distance = best(lambda: ndi.distance_transform_edt(mask), 3)
    peaks = (ndi.maximum_filter(distance, 11) == distance) & (mask > 0)
    markers = ndi.label(peaks, eight)[0].astype(np.uint32)
    bool_mask = mask > 0
    basins, t_watershed = best(lambda: segmentation.watershed(-distance, markers, mask=bool_mask), 2)
    names = ("area", "centroid", "perimeter", "axis_major_length", "axis_minor_length", "solidity")
    _, t_regions = best(lambda: measure.regionprops_table(labels, properties=names), 1)
    table = measure.regionprops_table(labels, properties=names)
    want = np.stack([table[k] for k in ("area", "centroid-0", "centroid-1", "perimeter", "axis_major_length", "axis_minor_length", "solidity")], 1)
    with tempfile.TemporaryDirectory() as folder:
        mask.tofile(os.path.join(folder, "mask"))
        markers.tofile(os.path.join(folder, "markers"))
        out = subprocess.run([sys.argv[1], os.path.join(folder, "mask"), os.path.join(folder, "markers"), str(size), str(size), folder], check=True,
                             capture_output=True, text=True, timeout=300).stdout
        read = lambda name, kind: np.fromfile(os.path.join(folder, name + ".raw"), kind)
        ours = {name: read(name, np.uint32).reshape(size, size) for name in ("labels", "distance", "basins")}
        rows = read("regions", np.float64).reshape(-1, 7)
    spans = {k: float(v) for k, v in (line.split() for line in out.splitlines())}
    theirs = {"label": t_label, "distance": t_distance, "watershed": t_watershed, "regions": t_regions}
    same = {"label": np.array_equal(ours["labels"], labels), "distance": np.array_equal(ours["distance"], np.rint(distance ** 2)),
            "watershed": (ours["basins"] != basins).sum() < 1e-3 * mask.sum() and np.array_equal(ours["basins"] > 0, basins > 0),
            "regions": rows.shape == want.shape and np.allclose(rows, want, rtol=1e-9, atol=1e-9)}
    print(f"{size} x {size}, {count} objects, {markers.max()} markers, {mask.mean():.0%} object; basins differ "
          f"on {(ours['basins'] != basins).sum()} px")
    for name, bar in BARS.items():
        ratio = theirs[name] / spans[name]
        print(f"{name}: {spans[name]:.1f} ms, SciPy or scikit-image {theirs[name]:.1f} ms: {ratio:.1f} times as fast (bar {bar}); "
              f"{'same result' if same[name] else 'RESULTS DIFFER'}")
        low |= ratio < bar or not same[name]
    return low


sys.exit(int(main()))
