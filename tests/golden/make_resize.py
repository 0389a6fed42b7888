"""make_resize.py – tests/golden/resize.h: what scikit-image makes of a small image at other sizes.

    python make_resize.py > resize.h        needs numpy, scikit-image"""
import textwrap

import numpy as np
import skimage
from skimage.transform import resize

H, W = 13, 17
y, x = np.mgrid[0:H, 0:W]
image = ((7 * y * y + 11 * x * y + 3 * x + 31 * ((x * y) % 5)) % 251).astype(np.float64)
print(f"/* resize.h – made by make_resize.py with scikit-image {skimage.__version__}. */")
print(f"enum {{ RESIZE_H = {H}, RESIZE_W = {W} }};")
print("static const struct { size_t height, width; float pixels[440]; } resized[] = {")
for h, w in ((13, 17), (20, 22), (6, 9), (13, 5), (1, 1), (2, 20), (5, 3), (26, 8)):
    out = resize(image, (h, w), order=1, mode="reflect", anti_aliasing=True, preserve_range=True)
    text = ", ".join(f"{v:.7g}f" if "." in f"{v:.7g}" else f"{v:.7g}.f" for v in out.ravel())
    print(f"\t{{ {h}, {w}, {{")
    print(textwrap.indent(textwrap.fill(text, 140), "\t\t"))
    print("\t} },")
print("};")
