#!/usr/bin/python3
"""make_measure_maps.py – writes measure_maps.h beside itself: two image pairs with the figures of Debian's python3-skimage (0.19) and python3-scipy.
Seeded: the same file again."""
import os
import numpy as np
from scipy import ndimage as ndi, stats
from skimage import metrics

here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20261121)


def case(to, k, a, b, data_range):
    same = dict(gaussian_weights=True, sigma=1.5, data_range=data_range)
    a, b = a.astype(float), b.astype(float)
    values = [stats.pearsonr(a.ravel(), b.ravel())[0], stats.spearmanr(a.ravel(), b.ravel())[0], metrics.structural_similarity(a, b, **same),
              metrics.structural_similarity(a, b, use_sample_covariance=False, **same), metrics.peak_signal_noise_ratio(a, b, data_range=data_range),
              np.abs(a - b).mean(), np.sqrt(((a - b) ** 2).mean())]
    for name, v in (("a", a), ("b", b)):
        to.write(f"static const double map_{name}_{k}[] = {{\n")
        flat = v.ravel()
        for i in range(0, flat.size, 24):
            to.write("\t" + ", ".join(f"{x:g}" for x in flat[i:i + 24]) + ",\n")
        to.write("};\n")
    return f"\t{{ map_a_{k}, map_b_{k}, {a.shape[0]}, {a.shape[1]}, {data_range}, {{ " + ", ".join(repr(float(v)) for v in values) + " } },\n"


with open(os.path.join(here, "measure_maps.h"), "w") as to:
    to.write("/* measure_maps.h – image pairs: Pearson, Spearman, SSIM (sample, population), PSNR, MAE, RMSE; written by make_measure_maps.py. */\n")
    h, w = 21, 26
    base = ndi.gaussian_filter(rng.random((h, w)), 1.5) * 600
    rows = [case(to, 0, np.clip(base, 0, 255).astype(np.uint8), np.clip(base + rng.normal(0, 12, (h, w)), 0, 255).astype(np.uint8), 255)]
    base = ndi.gaussian_filter(rng.random((11, 15)), 1) * 60000
    rows.append(case(to, 1, base.astype(np.uint16), (base[::-1] * 0.8 + 3000).astype(np.uint16), 65535))
    to.write("static const struct { const double *a, *b; size_t height, width; double range, values[7]; } golden_maps[] = {\n")
    to.writelines(rows)
    to.write("};\n")
