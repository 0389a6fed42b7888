#!/usr/bin/python3
"""make_imageops.py – writes the goldens of the image operations: imageops.h beside itself. Images are those of fields.py, which the tests draw too;
results in whole numbers are checksums, results in floats tables of every so many pixels.
Truth is Debian's python3-numpy, python3-scipy and python3-skimage (0.19); the unit tests only read the header. Seeded: the same file again."""
import os
import numpy as np
from scipy import ndimage as ndi
from skimage import exposure, feature, filters, morphology, registration, restoration, segmentation, transform

from fields import checksum, field, noise

here = os.path.dirname(os.path.abspath(__file__))
to = open(os.path.join(here, "imageops.h"), "w")


def say(text):
    to.write(text + "\n")


def sums(name, results):
    """Checksums of arrays in whole numbers, each given with its type."""
    say(f"static const uint64_t {name}[{len(results)}] = {{ " + ", ".join(f"0x{checksum(r):016x}u" for r in results) + " };")


def table(name, values, step=1, kind="float", digits=9):
    """Every step-th value."""
    values = np.asarray(values).ravel()[::step]
    words = [f"{float(v):.{digits}g}" if kind in ("float", "double") else str(int(v)) for v in values]
    say(f"static const {kind} {name}[{len(words)}] = {{")
    line = "\t"
    for word in words:
        if len(line) + len(word) + 2 > 140:
            say(line.rstrip())
            line = "\t"
        line += word + ", "
    say(line.rstrip(", ") + "\n};")


say("/* imageops.h – operations on small images by scipy.ndimage and scikit-image; written by make_imageops.py. */")

# ---- masks, distances, discs, windows, floods
h, w = 27, 119
ground = field(h, w, 11, 3)
mask = ground > 30000
mask[3:20, 4:110] |= (noise(17 * 106, 12) < 61000).reshape(17, 106)  # a long stretch with pinholes: the envelope's way
solid = np.ones((9, 130), bool)
solid[4, 100] = False
say(f"enum {{ OPS_H = {h}, OPS_W = {w}, SOLID_H = 9, SOLID_W = 130, SOLID_HOLE = {4 * 130 + 100} }};")
square = lambda m: np.rint(ndi.distance_transform_edt(m) ** 2).astype(np.uint32)
sums("ops_mask", [mask.astype(np.uint8)])
sums("ops_distances", [square(mask), square(solid)])
grown, shrunk = [], []
for r in (1, 2, 5):
    disk = morphology.disk(r)
    grown.append(morphology.binary_dilation(mask, disk).astype(np.uint8))
    shrunk.append(morphology.binary_erosion(np.pad(mask, r, constant_values=True), disk)[r:-r, r:-r].astype(np.uint8))
sums("ops_dilated", grown)
sums("ops_eroded", shrunk)
grey = (field(h, w, 13, 1) / 256).astype(np.float32)
sums("ops_max", [ndi.maximum_filter(grey, 2 * r + 1) for r in (1, 6)])
sums("ops_min", [ndi.minimum_filter(grey, 2 * r + 1) for r in (1, 6)])
# a relief of different levels everywhere, so that the order is not a matter of ties
relief = np.empty(h * w, np.uint16)
relief[np.argsort(field(h, w, 14, 2).ravel(), kind="stable")] = np.arange(h * w) * 11
relief = relief.reshape(h, w)
eight = np.ones((3, 3))
minima = ndi.label(morphology.local_minima(relief), eight)[0].astype(np.uint32)
flat = (relief // 4000).astype(np.uint16)
sums("ops_minima", [minima, ndi.label(morphology.local_minima(flat), eight)[0].astype(np.uint32)])
sums("ops_basins", [segmentation.watershed(relief, minima, mask=m).astype(np.uint32) for m in (None, mask)])

# ---- thresholds of maps
tones = (noise(1000, 15) % 4001 / 16).astype(np.float32)
tones[::5] = tones[::5] / 4 + 300
table("ops_li", [filters.threshold_li(t.astype(float)) for t in (tones, -tones)], kind="double", digits=12)
table("ops_triangle", [filters.threshold_triangle(t.astype(float)) for t in (tones, -tones)], kind="double", digits=12)

# ---- medians: radius 2 and 9 squares, radius 3 and 10 discs
h, w = 48, 64
say(f"enum {{ FIELD_H = {h}, FIELD_W = {w} }};")
bytes_, words, floats = ((field(h, w, 21, 1) >> 8).astype(np.uint8), field(h, w, 22, 1), (field(h, w, 23, 1) / 256).astype(np.float32))
prints = [np.ones((5, 5)), np.ones((19, 19)), morphology.disk(3), morphology.disk(10)]
for name, image in (("u8", bytes_), ("u16", words), ("f32", floats)):
    sums(f"median_{name}", [ndi.median_filter(image, footprint=f, mode="reflect") for f in prints])

# ---- gradient and background
table("sobel", filters.sobel(floats), 31)
for r in (3, 7.5):
    table(f"ball_{int(r)}", restoration.rolling_ball(floats, radius=r), 31)
for s in (4, 12):
    table(f"ground_{s}", ndi.gaussian_filter(floats.astype(float), s), 31)

# ---- local thresholds, hysteresis
for method in ("gaussian", "mean", "median"):
    table(f"local_{method}", filters.threshold_local(floats, 15, method, offset=2.5), 31)
table("local_niblack", filters.threshold_niblack(floats, 15, k=0.3), 31)
table("local_sauvola", filters.threshold_sauvola(floats, 15, k=0.3, r=128), 31)
strong = floats > 140
joined = ndi.label(floats > 110, eight)[0]
sums("hysteresis", [filters.apply_hysteresis_threshold(floats, 110, 140).astype(np.uint8),
                    (np.isin(joined, joined[strong]) & (joined > 0)).astype(np.uint8)])

# ---- contrast
lo, hi = np.percentile(words, (2, 99.5))
table("stretched", exposure.rescale_intensity(words.astype(float), (lo, hi), (0, 1)), 31)
table("equalised", exposure.equalize_adapthist(words), 31)
table("equalised_tiles", exposure.equalize_adapthist(words, kernel_size=(11, 20), clip_limit=0.03), 31)
table("equalised_bytes", exposure.equalize_adapthist(bytes_, kernel_size=(48, 64), clip_limit=0), 31)

# ---- reconstruction and tops: grey values, whole and not, 8 bits
marker = np.where(floats > 200, floats, 0).astype(np.float32)
cross = ndi.generate_binary_structure(2, 1)
sums("reconstructed", [morphology.reconstruction(marker, floats, footprint=f).astype(np.float32) for f in (eight, cross)] +
     [morphology.reconstruction(np.where(floats < 60, floats, 256).astype(np.float32), floats, method="erosion").astype(np.float32)])
tops = [morphology.h_maxima(words, 9000), morphology.h_maxima(bytes_, 40), morphology.h_maxima(floats, 33.3), morphology.h_minima(floats, 33.3),
        morphology.h_minima(bytes_, 40)]
sums("tops", [t.astype(np.uint8) for t in tops])
table("tops_marked", [t.sum() for t in tops], kind="uint32_t")

# ---- other sizes, shifts
for name, shape in (("smaller", (17, 29)), ("larger", (70, 130)), ("mixed", (48, 5)), ("tiny", (1, 1))):
    table(f"resized_{name}", transform.resize(floats.astype(float), shape, order=1, anti_aliasing=True, mode="reflect"),
          1 if floats.size < 9 else max(1, shape[0] * shape[1] // 60))
sums("resized_labels", [transform.resize(words, s, order=0, anti_aliasing=False, preserve_range=True).astype(np.uint32)
                        for s in ((17, 29), (70, 130))])
table("moved", ndi.shift(floats.astype(float), (2.25, -7.6), order=1, mode="nearest"), 31)
shifts = []
for up, (y, x), shape in ((1, (3, -9), (48, 64)), (10, (2.3, -5.6), (48, 64)), (20, (-6.4, 11.85), (47, 63)), (100, (0.37, 0.12), (45, 64)),
                          (7, (0, 4), (1, 64))):
    crop = floats[:shape[0], :shape[1]].astype(float)
    moving = ndi.shift(crop, (y, x), order=1, mode="grid-wrap")
    shifts += list(registration.phase_cross_correlation(crop, moving, upsample_factor=up)[0])
    # and of two pictures that have only half in common
    other = np.where(field(shape[0], shape[1], 24, 1) / 256 > 128, moving, field(shape[0], shape[1], 25, 1) / 256).astype(np.float32)
    shifts += list(registration.phase_cross_correlation(crop, other.astype(float), upsample_factor=up)[0])
table("shifts", shifts, kind="double", digits=12)

# ---- texture: six rows of objects, each a label of its own, on 16 levels of the field
cells = np.where(field(h, w, 26, 2) > 22000, 1 + (np.arange(h) // 16)[:, None] * 2 + (np.arange(w) // 32)[None, :], 0).astype(np.uint32)
level = np.minimum((floats.astype(float) - 40) * (16 / (220 - 40)), 15).clip(0).astype(int)
rows = []
for label in range(1, 7):
    inside = np.where(cells == label, level, 16)  # a level of its own for all that is not the object, and out with it
    pairs = feature.graycomatrix(inside.astype(np.uint8), [1], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4], levels=17, symmetric=True)[:16, :16]
    rows += [feature.graycoprops(pairs, p).mean() for p in ("contrast", "dissimilarity", "homogeneity", "ASM", "energy", "correlation")]
    p = pairs / pairs.sum(axis=(0, 1), keepdims=True)
    rows.append(-np.sum(p * np.log2(np.where(p > 0, p, 1)), axis=(0, 1)).mean())
sums("texture_labels", [cells])
table("textures", rows, kind="double", digits=15)
to.close()
