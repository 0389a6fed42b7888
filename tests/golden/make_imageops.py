#!/usr/bin/python3
"""make_imageops.py – writes the goldens of distances, morphology, watershed, thresholds of maps and outlines: imageops.h beside itself.
Truth is Debian's python3-numpy, python3-scipy and python3-skimage (0.19); the unit tests only read the header. Seeded: the same file again."""
import os
import numpy as np
from scipy import ndimage as ndi
from skimage import filters, morphology, segmentation

here = os.path.dirname(os.path.abspath(__file__))


def array(to, kind, name, values, form=str):
    values = list(np.asarray(values).ravel())
    to.write(f"static const {kind} {name}[{len(values)}] = {{\n")
    line = "\t"
    for v in values:
        word = form(v) + ", "
        if len(line) + len(word) > 140:
            to.write(line.rstrip() + "\n")
            line = "\t"
        line += word
    to.write(line.rstrip(", ") + "\n};\n")


rng = np.random.default_rng(20261122)
h, w = 27, 119
noise = ndi.gaussian_filter(rng.random((h, w)), 2.5)
mask = noise > np.quantile(noise, 0.4)
mask[3:20, 4:110] |= rng.random((17, 106)) < 0.93  # a long stretch with pinholes: the envelope's way
solid = np.ones((9, 130), bool)
solid[4, 100] = False
short = lambda v: f"{v:.9g}"
with open(os.path.join(here, "imageops.h"), "w") as to:
    to.write("/* imageops.h – operations on small masks and reliefs by scipy.ndimage and scikit-image; written by make_imageops.py. */\n")
    to.write(f"enum {{ OPS_H = {h}, OPS_W = {w}, SOLID_H = 9, SOLID_W = 130, SOLID_HOLE = {4 * 130 + 100} }};\n")
    array(to, "uint8_t", "ops_mask", mask.astype(int))
    square = lambda m: np.rint(ndi.distance_transform_edt(m) ** 2).astype(int)
    array(to, "uint32_t", "ops_distance", square(mask))
    array(to, "uint32_t", "solid_distance", square(solid))
    for r in (1, 2, 5):
        d = morphology.disk(r)
        padded = np.pad(mask, r, constant_values=True)
        array(to, "uint8_t", f"ops_dilated_{r}", morphology.binary_dilation(mask, d).astype(int))
        array(to, "uint8_t", f"ops_eroded_{r}", morphology.binary_erosion(padded, d)[r:-r, r:-r].astype(int))
    grey = ndi.gaussian_filter(rng.random((h, w)), 1).astype(np.float32)
    array(to, "float", "ops_grey", grey, short)
    for r in (1, 6):
        array(to, "float", f"ops_max_{r}", ndi.maximum_filter(grey, 2 * r + 1), short)
        array(to, "float", f"ops_min_{r}", ndi.minimum_filter(grey, 2 * r + 1), short)
    # a relief of different levels everywhere, so that the order is not a matter of ties
    relief = np.empty(h * w, np.uint16)
    relief[np.argsort(ndi.gaussian_filter(rng.random((h, w)), 2).ravel(), kind="stable")] = np.arange(h * w) * 11
    relief = relief.reshape(h, w)
    minima = ndi.label(morphology.local_minima(relief), np.ones((3, 3)))[0]
    array(to, "uint16_t", "ops_relief", relief)
    array(to, "uint32_t", "ops_minima", minima)
    array(to, "uint32_t", "ops_basins", segmentation.watershed(relief, minima))
    array(to, "uint32_t", "ops_basins_masked", segmentation.watershed(relief, minima, mask=mask))
    flat = (relief // 4000).astype(np.uint16)
    array(to, "uint16_t", "ops_flat", flat)
    array(to, "uint32_t", "ops_flat_minima", ndi.label(morphology.local_minima(flat), np.ones((3, 3)))[0])
    tones = np.concatenate([rng.normal(100, 9, 800), rng.normal(160, 30, 200)]).astype(np.float32)
    array(to, "float", "ops_tones", tones, short)
    back = -tones
    array(to, "double", "ops_li", [float(filters.threshold_li(t.astype(float))) for t in (tones, back)], lambda v: f"{v:.12g}")
    array(to, "double", "ops_triangle", [float(filters.threshold_triangle(t.astype(float))) for t in (tones, back)], lambda v: f"{v:.12g}")
