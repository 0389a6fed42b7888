#!/usr/bin/python3
"""make_image.py – writes the goldens of the image operations: image_{filter,threshold,label,regions}.h beside itself.
Truth is Debian's python3-numpy, python3-scipy and python3-skimage (0.19); the unit tests only read the headers. Seeded: the same files again."""
import os, warnings
import numpy as np
from scipy import ndimage as ndi
from skimage import filters, measure

warnings.filterwarnings("ignore")
here = os.path.dirname(os.path.abspath(__file__))


def text_of(value):
    if isinstance(value, (float, np.floating)):
        return "NAN" if np.isnan(value) else f"{value:.17g}" if "e" in f"{value:.17g}" or "." in f"{value:.17g}" else f"{value:.1f}"
    return str(value)


def array(to, kind, name, values, form=text_of):
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


def header(name, what):
    to = open(os.path.join(here, f"image_{name}.h"), "w")
    to.write(f"/* image_{name}.h – {what}; written by make_image.py. */\n")
    return to


rng = np.random.default_rng(20261121)
h, w = 17, 23
image = (ndi.gaussian_filter(rng.random((h, w)), 1.2) * 90000 + rng.random((h, w)) * 8000).astype(np.uint16)

with header("filter", "a small frame, smoothed by scipy.ndimage") as to:
    short = lambda v: f"{v:.9g}"
    to.write(f"enum {{ FILTER_H = {h}, FILTER_W = {w} }};\n")
    array(to, "uint16_t", "filter_image", image)
    exact = image.astype(np.float64)
    for sigma in (0.5, 1, 3.3):
        array(to, "double", f"filter_gaussian_{int(sigma * 10)}", ndi.gaussian_filter(exact, sigma), short)
    for radius in (1, 4, 30):
        mean = ndi.uniform_filter(exact, 2 * radius + 1)
        var = ndi.uniform_filter(exact * exact, 2 * radius + 1) - mean * mean
        array(to, "double", f"filter_mean_{radius}", mean, short)
        array(to, "double", f"filter_sd_{radius}", np.sqrt(np.maximum(0, var)), short)

with header("threshold", "thresholds of a small frame in several types, by skimage.filters and numpy") as to:
    array(to, "uint16_t", "threshold_image", image)
    percents = [0, 5, 37.3, 50, 99.5, 100]
    array(to, "double", "threshold_percents", np.array(percents, float))
    v = image.astype(np.int64)
    for name, values in (("u8", (v >> 8).astype(np.uint8)), ("u16", image), ("u32", (v * 60000).astype(np.uint32)),
                         ("i8", ((v >> 8) - 128).astype(np.int8)), ("i16", (v - 32768).astype(np.int16)), ("i32", (-v - 100000).astype(np.int32)),
                         ("f32", v.astype(np.float32) / np.float32(8)), ("f64", v * 0.001 - 5)):
        exact = values.astype(np.float64) if values.dtype == np.float32 or name == "u32" else values
        array(to, "double", f"threshold_otsu_{name}", [float(filters.threshold_otsu(exact))])
        array(to, "double", f"threshold_percentile_{name}", [float(np.percentile(values.astype(np.float64), p)) for p in percents])

with header("label", "components of a mask by skimage.measure.label, holes by scipy.ndimage.binary_fill_holes") as to:
    h, w = 37, 45
    noise = ndi.gaussian_filter(rng.random((h, w)), 1.1)
    mask = noise > np.quantile(noise, 0.52)
    to.write(f"enum {{ LABEL_H = {h}, LABEL_W = {w} }};\n")
    array(to, "uint8_t", "label_mask", mask.astype(int))
    array(to, "uint32_t", "label_8", measure.label(mask, connectivity=2))
    array(to, "uint32_t", "label_4", measure.label(mask, connectivity=1))
    array(to, "uint32_t", "label_filled", measure.label(ndi.binary_fill_holes(mask), connectivity=2))

with header("regions", "regions of a label image by skimage.measure.regionprops") as to:
    h, w = 70, 64
    noise = ndi.gaussian_filter(rng.random((h, w)), 2)
    labels = measure.label(noise > np.quantile(noise, 0.6), connectivity=2)
    labels[52:] = 0
    parts = [np.s_[53:54, 2:3], np.s_[55:56, 2:9], np.s_[57:66, 3:4], np.s_[54:58, 12:16], np.s_[54:58, 16:22], np.s_[60:70, 10:20]]
    for part in parts:  # a pixel, two lines, a square that touches an oblong, a square at the edge
        labels[part] = labels.max() + 1
    labels[62:66, 13:17] = 0  # with a hole
    top = labels.max() + 1
    labels[np.arange(54, 64), np.arange(30, 40)] = top  # a diagonal
    yy, xx = np.mgrid[:h, :w]
    labels[((yy - 61) / 7.3) ** 2 + ((xx - 54) / 4.6) ** 2 <= 1] = top + 1
    labels[56:58, 44:46] = labels[66:69, 24:34] = top + 2  # in two pieces
    labels, _, _ = __import__("skimage.segmentation", fromlist=["x"]).relabel_sequential(labels)
    tones = (rng.random((h, w)) * 5000).astype(np.uint16)
    regions = measure.regionprops(labels, tones)
    assert len(regions) == labels.max()
    to.write(f"enum {{ REGIONS_H = {h}, REGIONS_W = {w}, REGIONS_N = {len(regions)} }};\n")
    array(to, "uint32_t", "regions_labels", labels)
    array(to, "uint16_t", "regions_tones", tones)
    array(to, "uint32_t", "regions_area", [r.area for r in regions])
    array(to, "uint32_t", "regions_bbox", [r.bbox for r in regions])
    array(to, "double", "regions_centroid", [r.centroid for r in regions])
    for name, prop in (("perimeter", "perimeter"), ("major_axis", "axis_major_length"), ("minor_axis", "axis_minor_length"),
                       ("eccentricity", "eccentricity"), ("solidity", "solidity"), ("extent", "extent"),
                       ("equivalent_diameter", "equivalent_diameter_area"), ("mean", "intensity_mean"), ("min", "intensity_min"),
                       ("max", "intensity_max")):
        array(to, "double", f"regions_{name}", [float(r[prop]) for r in regions])
    # with equal moments along y and x the angle is a matter of rounding
    array(to, "double", "regions_orientation", [r.orientation if abs(r.inertia_tensor[0, 0] - r.inertia_tensor[1, 1]) > 1e-9 else np.nan
                                                for r in regions])
