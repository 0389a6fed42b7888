"""formats_read.py – readers of what `cyto5 export` writes, from the formats' own definitions and NumPy alone: TIFF and BigTIFF (deflate or
plain), PNG, .trk and .trks, ImageJ ROIs. Imported by the tests of formats; holds no test of its own."""
import io
import json
import struct
import tarfile
import zipfile
import zlib

import numpy as np

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 8: 2, 9: 4, 11: 4, 12: 8, 16: 8, 17: 8, 18: 8}
LETTERS = {1: "B", 3: "H", 4: "I", 16: "Q", 18: "Q", 11: "f", 12: "d"}


def tiff(path):
    """(T, H, W) pixels of all pages, the tags of the first, whether it is a BigTIFF."""
    data = open(path, "rb").read()
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    at = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    pages, first = [], None
    while at:
        count = struct.unpack_from(order + ("Q" if big else "H"), data, at)[0]
        at += 8 if big else 2
        tags = {}
        for _ in range(count):
            tag, kind, n = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, at)
            value = at + (12 if big else 8)
            room = 8 if big else 4
            where = value if SIZES[kind] * n <= room else struct.unpack_from(order + ("Q" if big else "I"), data, value)[0]
            if kind == 2:
                tags[tag] = data[where:where + n].rstrip(b"\0")
            elif kind == 5:
                a, b = struct.unpack_from(order + "II", data, where)
                tags[tag] = (a / b,)
            else:
                tags[tag] = struct.unpack_from(f"{order}{n}{LETTERS[kind]}", data, where)
            at += 20 if big else 12
        at = struct.unpack_from(order + ("Q" if big else "I"), data, at)[0]
        first = first or tags
        kind = {1: "u", 2: "i", 3: "f"}[tags.get(339, (1,))[0]]
        raw = b"".join(zlib.decompress(data[o:o + n]) if tags[259][0] in (8, 32946) else data[o:o + n] for o, n in zip(tags[273], tags[279]))
        pages.append(np.frombuffer(raw, f"{order}{kind}{tags[258][0] // 8}").reshape(tags[257][0], tags[256][0]))
    return np.stack(pages), first, big


def png16(path):
    data = open(path, "rb").read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed, width, height, depth = 8, b"", 0, 0, 0
    while at < len(data):
        n, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + n]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert (depth, colour) == (16, 0)
        elif kind == b"IDAT":
            packed += body
        at += 12 + n
    rows, out, before = zlib.decompress(packed), [], np.zeros(2 * width, np.int32)
    for y in range(height):
        line = rows[y * (2 * width + 1):(y + 1) * (2 * width + 1)]
        now = np.frombuffer(line[1:], np.uint8).astype(np.int32)
        if line[0] == 2:
            now = now + before
        elif line[0]:
            v = list(now)
            for i in range(2 * width):
                a, b, c = (v[i - 2] if i >= 2 else 0), int(before[i]), (int(before[i - 2]) if i >= 2 else 0)
                p = a + b - c
                near = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
                v[i] = (v[i] + {1: a, 3: (a + b) // 2, 4: near}[line[0]]) & 255
            now = np.array(v, np.int32)
        before = now & 255
        out.append(before.astype(np.uint8).tobytes())
    return np.frombuffer(b"".join(out), ">u2").reshape(height, width)


def trk(path):
    """The lineage or lineages, raw and tracked, and the names of the members in order."""
    with tarfile.open(path) as tar:
        names = tar.getnames()
        text = next(n for n in names if n.startswith("lineage"))
        return (json.load(tar.extractfile(text)), np.load(io.BytesIO(tar.extractfile("raw.npy").read())),
                np.load(io.BytesIO(tar.extractfile("tracked.npy").read())), names)


def write_trk(path, lineage, raw, tracked, mode="w:gz", names=("lineage.json", "raw.npy", "tracked.npy")):
    """A .trk as other programs write it; a member whose value is None is left out."""
    def npy(a):
        to = io.BytesIO()
        np.save(to, a)
        return to.getvalue()
    with tarfile.open(path, mode) as tar:
        for name in names:
            value = lineage if name.endswith("json") else raw if name.startswith("raw") else tracked
            if value is None:
                continue
            body = value if isinstance(value, bytes) else json.dumps(value).encode() if name.endswith("json") else npy(value)
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))


def rois(path):
    """[(name, position, top, left, (n, 2) corners as y, x)]"""
    found = []
    with zipfile.ZipFile(path) as z:
        for name in z.namelist():
            b = z.read(name)
            assert b[:4] == b"Iout" and b[6] == 8, name
            top, left, bottom, right, n = struct.unpack_from(">hhhhH", b, 8)
            position, second = struct.unpack_from(">ii", b, 56)
            x = np.frombuffer(b, ">i2", n, 64) + left
            y = np.frombuffer(b, ">i2", n, 64 + 2 * n) + top
            assert (y.min(), x.min(), y.max(), x.max()) == (top, left, bottom, right), name
            at, letters = struct.unpack_from(">ii", b, second + 16)
            assert b[at:at + 2 * letters].decode("utf-16-be") + ".roi" == name
            found.append((name, position, top, left, np.stack([y, x], 1).astype(int)))
    return found


def fill(shape, corners):
    """Pixels inside an outline of corners, by parity along each row."""
    flips = np.zeros((shape[0], shape[1] + 1), np.int32)
    for (y0, x0), (y1, x1) in zip(corners, np.roll(corners, -1, 0)):
        if x0 == x1:
            flips[min(y0, y1):max(y0, y1), x0] += 1
    return (np.cumsum(flips, 1) % 2 == 1)[:, :-1]
