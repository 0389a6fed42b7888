"""cli_formats.py – export to and import from the files of other programs: the same pixels, ids and edges after a round trip, what a curator
changed told right, and every bad file refused in one line without a revision made."""
import csv
import json
import os
import re
import shutil
import struct
import tarfile
import zipfile

import numpy as np

import formats_read as read
from support import Folder, check, clean, done, h5py, run, tiff, works, write

FRAMES, H, W = 14, 96, 128
MOVIE = ["--frames", FRAMES, "--cells", 9, "--height", H, "--width", W, "--channels", "phase,marker", "--radius", 8, "--cycle", 16]


def labels_and_tracks(path, revision="latest", name="control_001"):
    """Masks, the same as track ids, and the tracks as (id, first, last, parent), of a container."""
    with h5py.File(path, "r") as f:
        e = f[f"experiments/{name}"]
        masks, nodes, tracks = e[f"masks/{revision}"][()], e[f"tracks/{revision}/nodes"][()], e[f"tracks/{revision}/tracks"][()]
    ids = np.zeros(masks.shape, np.int32)
    for n in nodes:
        ids[n["frame"]][masks[n["frame"]] == n["label"]] = n["track"]
    return masks, ids, sorted(map(tuple, tracks[["track", "first", "last", "parent"]].tolist()))


def refused(text, *arguments, code=3):
    r = run(*arguments)
    check(r.code == code and len(r.errors) == 1 and re.search(text, r.errors[0]), f"{arguments}: expected '{text}', got {r}")


def latest(path):
    with h5py.File(path, "r") as f:
        return f["experiments/control_001/masks"].get("latest", getlink=True).path


def exports(path):
    masks, ids, tracks = labels_and_tracks(path)
    with h5py.File(path, "r") as f:
        raw = {k: f[f"experiments/control_001/raw/{k}"][()] for k in ("phase", "marker")}
        nodes = f["experiments/control_001/tracks/latest/nodes"][()]
    check(any(t[3] for t in tracks), "the movie has divisions")

    works("export", path, "--as", "trk", "--out", "a.trk")
    lineage, r, t, names = read.trk("a.trk")
    check(names == ["lineage.json", "raw.npy", "tracked.npy"], f"members {names}")
    check(r.shape == (FRAMES, H, W, 1) and r.dtype == np.uint16 and (r[..., 0] == raw["phase"]).all(), ".trk raw")
    check(t.shape == r.shape and t.dtype == np.int32 and (t[..., 0] == ids).all(), ".trk tracked")
    check(sorted((int(k), v["frames"][0], v["frames"][-1], v["parent"] or 0) for k, v in lineage.items()) == tracks, ".trk lineage")
    for key, cell in lineage.items():
        check(cell["frames"] == [k for k in range(FRAMES) if (ids[k] == int(key)).any()] and cell["label"] == int(key), f"frames of {key}")
        daughters = [k for k, _, _, p in tracks if p == int(key)]
        check(cell["daughters"] == daughters and cell["capped"] == bool(daughters), f"daughters of {key}")
        check(cell["frame_div"] == (min(lineage[str(d)]["frames"][0] for d in daughters) if daughters else None), f"frame_div of {key}")

    works("export", path, "--as", "trks", "--out", "a.trks")
    many, r, t, names = read.trk("a.trks")
    check(names[0] == "lineages.json" and many == [lineage] and r.shape == (1, FRAMES, H, W, 1) and (t[0, ..., 0] == ids).all(), ".trks")

    works("export", path, "--as", "ctc", "--raw", "--out", "ctc/")
    rows = sorted(tuple(map(int, line.split())) for line in open("ctc/01_RES/res_track.txt"))
    check(rows == tracks, "res_track.txt")
    for k in range(FRAMES):
        page, tags, _ = read.tiff(f"ctc/01_RES/mask{k:03}.tif")
        check(page.dtype == np.uint16 and tags[259] == (8,) and (page[0] == ids[k]).all(), f"ctc mask {k}")
        check((read.tiff(f"ctc/01/t{k:03}.tif")[0][0] == raw["phase"][k]).all(), f"ctc frame {k}")

    works("export", path, "--as", "ome-tiff", "--out", "a.ome.tif")
    pixels, tags, big = read.tiff("a.ome.tif")
    text = tags[270].decode()
    order = re.findall(r'<Channel ID="Channel:0:\d" Name="(\w+)"', text)
    check(not big and sorted(order) == ["marker", "phase"], f"channels {order}")
    for c, name in enumerate(order):
        check((pixels.reshape(FRAMES, 2, H, W)[:, c] == raw[name]).all(), f"ome-tiff {name}")
    for part in (f'SizeT="{FRAMES}"', 'SizeC="2"', 'SizeZ="1"', 'DimensionOrder="XYCZT"', 'PhysicalSizeX="0.65"', 'TimeIncrement="600"',
                 'Type="uint16"'):
        check(part in text, f"OME-XML without {part}: {text}")
    works("ingest", "back.h5", "a.ome.tif")
    with h5py.File("back.h5", "r") as f:
        e = next(iter(f["experiments"].values()))
        check(all((e[f"raw/{k}"][()] == raw[k]).all() for k in raw) and e.attrs["pixel_size_um"] == 0.65 and e.attrs["frame_interval_s"] == 600,
              "ome-tiff taken in again")
    for what, want in (("masks", masks), ("tracks", ids)):
        works("export", path, "--as", "ome-tiff", "--what", what, "--out", f"{what}.ome.tif")
        check((read.tiff(f"{what}.ome.tif")[0] == want).all(), f"ome-tiff of {what}")

    works("export", path, "--as", "labels-png", "--out", "png")
    check(all((read.png16(f"png/control_001/mask{k:03}.png") == masks[k]).all() for k in range(FRAMES)), "label PNGs")
    works("export", path, "--as", "png", "--out", "overlay")
    check(len(os.listdir("overlay/control_001")) == FRAMES, "overlay frames")

    works("export", path, "--as", "imagej-roi", "--what", "tracks", "--out", "a.zip")
    back, back_ids = np.zeros_like(masks), np.zeros_like(ids)
    for name, position, _, _, corners in read.rois("a.zip"):
        frame, label, track = map(int, re.fullmatch(r"f(\d+)-o(\d+)-t(\d+)(?:-part\d+)?\.roi", name).groups())
        check(position == frame + 1, f"{name} at {position}")
        inside = read.fill((H, W), corners)
        back[frame][inside], back_ids[frame][inside] = label, track
    check((back == masks).all() and (back_ids == ids).all(), "ROIs filled again")

    works("export", path, "--as", "napari", "--out", "napari")
    rows = list(csv.reader(open("napari/control_001.tracks.csv")))
    check(rows[0] == ["id", "t", "y", "x"] and len(rows) == len(nodes) + 1, "napari rows")
    points = np.array(rows[1:], float)
    check((np.lexsort((points[:, 1], points[:, 0])) == np.arange(len(points))).all(), "napari rows sorted by id and time")
    ordered = np.sort(nodes, order=("track", "frame"))
    check(all((points[:, k].astype(np.float32) == ordered[name].astype(np.float32)).all() for k, name in enumerate(("track", "frame", "y", "x"))),
          "napari values")
    check(json.load(open("napari/control_001.graph.json")) == {str(t): [p] for t, _, _, p in tracks if p}, "napari graph")

    works("export", path, "--as", "csv", "--table", "nodes", "--units", "--out", "nodes.csv")
    text = open("nodes.csv", newline="").read()
    rows = list(csv.reader(text.splitlines()))
    check(text.count("\r\n") == len(nodes) + 1 and rows[0][0] == "experiment", "csv lines")
    table = [[r[0]] + [float(v) for v in r[1:]] for r in rows[1:]]
    check(all(r[0] == "control_001" and tuple(np.float32(v) for v in r[1:]) == tuple(np.float32(v) for v in n.tolist())
              for r, n in zip(table, nodes)), "csv values")
    works("objects", path)
    works("export", path, "--as", "csv", "--units", "--out", "objects.csv")
    check("area (px)" in open("objects.csv").readline(), "csv units")

    refused("is there already; --force", "export", path, "--as", "trk", "--out", "a.trk", code=2)
    works("export", path, "--as", "trk", "--out", "a.trk", "--force")
    works("export", path, "--as", "ctc", "--raw", "--out", "ctc", "--force")
    os.makedirs("mine")
    write("mine/precious", "do not touch")
    refused("no export made", "export", path, "--as", "ctc", "--out", "mine", "--force", code=2)
    check(os.path.exists("mine/precious"), "a folder of others is left alone")
    refused("--as is missing", "export", path, "--out", "x", code=2)
    refused("--out is missing", "export", path, "--as", "csv", code=2)
    refused("no experiment matches", "export", path, "--as", "csv", "--out", "x.csv", "--experiments", "nobody")
    refused("no tracks of revision r000777", "export", path, "--as", "trk", "--out", "x.trk", "--revision", "r000777")
    check(not [n for n in os.listdir(".") if n.endswith(".part")] and not os.path.exists("x.csv"), "nothing half-written is left")


def label_zip(name, path, *, cells=None, divisions=None, without=()):
    """What DeepCell Label hands out: values of its label images are cells by a list; here they are the labels of the masks."""
    masks, ids, tracks = labels_and_tracks(path)
    if cells is None:
        pairs = np.unique(np.stack([np.broadcast_to(np.arange(FRAMES)[:, None, None], masks.shape), masks, ids]).reshape(3, -1), axis=1).T
        cells = [{"cell": int(cell), "value": int(value), "t": int(t), "c": 0} for t, value, cell in pairs if value]
    if divisions is None:
        parents = sorted({p for _, _, _, p in tracks if p})
        divisions = [{"parent": p, "daughters": [k for k, _, _, q in tracks if q == p], "t": min(b for _, b, _, q in tracks if q == p)}
                     for p in parents]
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as z:
        for member, content in (("cells.json", json.dumps(cells)), ("y.ome.tiff", open("masks.ome.tif", "rb").read()),
                                ("divisions.json", json.dumps(divisions))):
            if member not in without:
                z.writestr(member, content)


def label_zips(path):
    label_zip("label.zip", path)
    cells = [{"cell": 1, "value": 1, "t": 0}]
    for text, changes in (("no y.ome.tiff in it", {"without": ("y.ome.tiff",)}), ("no frame shows cell 999",
            {"divisions": [{"parent": 999, "daughters": [1]}]}),
                          ('a list of "daughters" expected', {"divisions": [{"parent": 1}]}), ("a list expected", {"cells": {"cell": 1}}),
                          ('"value" of 0 or more expected', {"cells": [{"cell": 1, "t": 0}]}), ("no frame shows cell", {"cells": cells})):
        label_zip("bad.zip", path, **changes)
        refused(text, "import", path, "control_001", "bad.zip")
    with open("bad.zip", "wb") as f:
        f.write(open("label.zip", "rb").read()[:2000])
    refused("bad.zip", "import", path, "control_001", "bad.zip")
    check(not [n for n in os.listdir(os.environ.get("TMPDIR", "/tmp")) if n.startswith("cyto5-label-")], "unpacked images are taken away")


def round_trips(path):
    _, ids, tracks = labels_and_tracks(path)
    for source in ("a.trk", "a.trks", "label.zip", "ctc/01_RES"):
        r = works("import", path, "control_001", source, "--note", "as it was")
        check("0 frames touched" in r.out and "0 changed, 0 added, 0 removed; links: 0 changed, 0 added, 0 removed" in r.out, f"{source}: {r.out}")
        masks, again, edges = labels_and_tracks(path)
        check((again == ids).all() and edges == tracks, f"{source}: pixels, ids and edges")
        with h5py.File(path, "r") as f:
            e, rev = f["experiments/control_001"], latest(path)
            attrs = e[f"masks/{rev}"].attrs
            check(attrs["origin"] == b"curated" and attrs["note"] == b"as it was" and attrs["source"].decode().endswith(source),
                  f"{source}: {dict(attrs)}")
            frames = e[f"frames/{rev}"][()]
            check(all(frames["objects"][k] == masks[k].max() == len(np.unique(masks[k])) - 1
                      for k in range(FRAMES)), f"{source}: labels 1..n in each frame")
            nodes, links, objects = e[f"tracks/{rev}/nodes"][()], e[f"tracks/{rev}/links"][()], e[f"objects/{rev}"][()]
            check((objects["frame"] == nodes["frame"]).all() and (objects["label"] == nodes["label"]).all(), f"{source}: objects are rows of nodes")
            parent = {t: p for t, _, _, p in tracks}
            check(all(nodes["track"][a] in (nodes["track"][b], parent[nodes["track"][b]]) for a, b in zip(links["from"], links["to"])),
                  f"{source}: links")
            check(len(links) == len(nodes) - sum(1 for t in tracks if not t[3]), f"{source}: {len(links)} links")
    for source, more in (("masks.ome.tif", []), ("png/control_001", []), ("tracks.ome.tif", ["--tracked"])):
        works("import", path, "control_001", source, *more, "--no-objects")
        with h5py.File(path, "r") as f:
            e, rev = f["experiments/control_001"], latest(path)
            check((f"tracks/{rev}" in e) == bool(more), f"{source}: tracks only where labels are tracks")
    check((labels_and_tracks(path)[1] == ids).all(), "labels as tracks")
    clean(path)
    works("log", path)


def gaps():
    works("simulate", "gaps.h5", *MOVIE, "--missed", 5)
    masks, ids, tracks = labels_and_tracks("gaps.h5")
    check(any(not m.any() for m in masks), "a frame was missed")
    works("export", "gaps.h5", "--as", "ctc", "--out", "gaps")
    rows = {r[0]: r for r in (tuple(map(int, line.split())) for line in open("gaps/01_RES/res_track.txt"))}
    pages = [read.tiff(f"gaps/01_RES/mask{k:03}.tif")[0][0] for k in range(FRAMES)]
    for label, first, last, parent in rows.values():
        check([k for k in range(FRAMES) if (pages[k] == label).any()] == list(range(first, last + 1)), f"part {label} is whole")
        check(parent == 0 or rows[parent][2] < first, f"part {label} begins after {parent}")
    check(len(rows) > len(tracks), "tracks are cut where a frame was missed")
    r = works("import", "gaps.h5", "control_001", "gaps/01_RES")
    check("links: 0 changed, 0 added, 0 removed" in r.out, f"gaps: {r.out}")
    _, again, edges = labels_and_tracks("gaps.h5")
    check((again == ids).all() and edges == tracks, "parts are one track again")


def curated(path):
    """A curator removes a cell in a frame, adds one, changes one, swaps two tracks."""
    shutil.copy(path, "cur.h5")
    lineage, raw, tracked, _ = read.trk("a.trk")
    last = [k for k, v in lineage.items() if v["frames"][-1] == FRAMES - 1 and len(v["frames"]) > 1]
    one, other = [k for k in last if set(lineage[k]["frames"]) >= set(range(7, FRAMES))][:2]
    gone = next(k for k in last if k not in (one, other))
    grown = next(k for k, v in lineage.items() if 3 in v["frames"] and (tracked[3] == int(k)).sum() > 20)
    t = tracked.copy()
    t[FRAMES - 1][t[FRAMES - 1] == int(gone)] = 0
    lineage[gone]["frames"].pop()
    y, x = np.argwhere(t[3, ..., 0] == int(grown))[0]
    t[3, y, x, 0] = 0
    a, b = t[8:] == int(one), t[8:] == int(other)
    t[8:][a], t[8:][b] = int(other), int(one)
    free = np.argwhere(sum(np.roll(t[0, ..., 0], s, (0, 1)) != 0 for s in ((0, 0), (1, 1), (2, 2), (-1, -1))) == 0)[0]
    new = max(map(int, lineage)) + 1000
    t[0, free[0], free[1], 0] = new
    lineage[str(new)] = {"label": new, "frames": [0], "daughters": [], "capped": False, "frame_div": None, "parent": None}
    for mode in ("w:gz", "w"):
        read.write_trk("cur.trk", lineage, raw, t.astype(">i2" if mode == "w" else np.float32), mode)
        shutil.copy(path, "cur.h5")
        works("import", "cur.h5", "control_001", "a.trk")
        r = works("import", "cur.h5", "control_001", "cur.trk")
        # Both tracks of the swap change their link at frame 8; the cell gone loses one.
        check("3 frames touched" in r.out and "1 changed, 1 added, 1 removed; links: 2 changed, 0 added, 1 removed" in r.out, r.out)
    with h5py.File("cur.h5", "r") as f:
        e, rev = f["experiments/control_001"], latest("cur.h5")
        rows = {(int(c["frame"]), c["what"].decode()) for c in e[f"changes/{rev}"][()]}
        check(rows == {(0, "added"), (3, "changed"), (FRAMES - 1, "removed"), (8, "relinked"), (FRAMES - 1, "unlinked")}, f"changes {rows}")
        table = e[f"tracks/{rev}/tracks"][()]
        check(list(table["track"]) == list(range(1, len(table) + 1)) and new in table["source_track"], "tracks are numbered 1..n, their labels kept")
        check((table["parent"] < table["track"]).all(), "parents come first")
    works("lineage", "cur.h5", "--out", "cur.svg")
    clean("cur.h5")


def refusals(path):
    shutil.copy(path, "bad.h5")
    lineage, raw, t, _ = read.trk("a.trk")
    before = latest("bad.h5")

    def bad(text, name="bad.trk", **files):
        if files:
            parts = {"lineage": lineage, "raw": raw, "tracked": t, **files}
            read.write_trk(name, parts["lineage"], parts["raw"], parts["tracked"], **({"mode": files["mode"]} if "mode" in files else {}))
        refused(text, "import", "bad.h5", "control_001", name)

    def changed(key, **values):
        copy = json.loads(json.dumps(lineage))
        copy[key].update(values)
        return copy

    mother = next(k for k, v in lineage.items() if v["daughters"])
    daughter = str(lineage[mother]["daughters"][0])
    alone = next(k for k, v in lineage.items() if not v["daughters"] and v["parent"] is None and v["frames"][0] == 0)
    bad("frames of 96 x 127", raw=raw[:, :, 1:], tracked=t[:, :, 1:])
    bad("13 frames", raw=raw[1:], tracked=t[1:])
    bad("different shapes", raw=raw[1:])
    read.write_trk("bad.trk", lineage, None, t)
    bad("no raw.npy in it")
    read.write_trk("bad.trk", None, raw, t)
    bad("no lineage.json in it")
    read.write_trk("bad.trk", lineage, raw, None)
    bad("no tracked.npy in it")
    bad("holds 0.5, expected labels", tracked=np.where(t == int(alone), 0.5, t).astype(np.float32))
    bad("holds -1, expected labels", tracked=np.where(t == int(alone), -1, t))
    bad("holds 4.29497e\\+09, expected labels", tracked=np.where(t == int(alone), 2 ** 32, t).astype(np.int64))
    bad("elements of type", tracked=t.astype(np.complex64))
    bad("Fortran order", tracked=np.asfortranarray(t))
    bad("3 dimensions", tracked=t[..., 0])
    bad("2 label channels", tracked=np.concatenate([t, t], -1))
    bad("begins in frame", lineage=changed(alone, parent=int(daughter)))
    bad("descends from itself", lineage=changed(mother, parent=int(daughter)))
    bad("descends from itself", lineage=changed(alone, parent=int(alone)))
    bad("has parent 9999, which is no track", lineage=changed(alone, parent=9999))
    bad("its parent is", lineage=changed(alone, daughters=[int(daughter)]))
    bad("is of track .* which is not listed", lineage={k: v for k, v in lineage.items() if k != alone})
    bad("is listed, but no frame shows it", lineage={**lineage, "7777": lineage[alone] | {"label": 7777}})
    bad("bad JSON at byte", lineage=b'{"1": {"label": ')
    bad("expected an object", lineage=b"[1, 2]")
    bad("is no label", lineage=b'{"one": {}}')
    bad("no .npy array", tracked=b"nonsense" * 40)
    whole = open("a.trk", "rb").read()
    for part in (len(whole) // 2, len(whole) - 5, 40):
        open("bad.trk", "wb").write(whole[:part])
        bad("bad.trk")
    read.write_trk("long.tar", lineage, raw, t, "w")
    open("bad.trk", "wb").write(open("long.tar", "rb").read()[:300000])
    bad("[Tt]runcated|too early")
    open("bad.trk", "wb").write(os.urandom(5000))
    bad("no tar or zip file")
    refused("no such file", "import", "bad.h5", "control_001", "nowhere.trk")
    refused("no experiment matches", "import", "bad.h5", "control_*", "a.trk")
    works("export", path, "--as", "trks", "--out", "two.trks", "--force")
    refused("no movie 3", "import", "bad.h5", "control_001", "two.trks", "--batch", "3", code=3)

    rows = open("ctc/01_RES/res_track.txt").read().splitlines()
    shutil.copytree("ctc/01_RES", "badctc")

    def bad_ctc(text, lines):
        write("badctc/res_track.txt", "\n".join(lines) + "\n")
        refused(text, "import", "bad.h5", "control_001", "badctc")
    bad_ctc("is listed twice", rows + [rows[0]])
    bad_ctc("expected 'L B E P'", rows + ["1 2 three"])
    bad_ctc("before it begins", rows[:-1] + ["%s 3 2 0" % rows[-1].split()[0]])
    bad_ctc("the masks are of frames", rows[:-1] + ["%s 0 99 0" % rows[-1].split()[0]])
    bad_ctc("the frames show it", [" ".join([r.split()[0], "1" if r.split()[1] == "0" else r.split()[1]] + r.split()[2:]) for r in rows])
    bad_ctc("which is not listed", rows[1:])
    os.remove("badctc/mask004.tif")
    bad_ctc("", rows)
    os.makedirs("other")
    for k in range(FRAMES):
        tiff(f"other/t{k:03}.tif", np.zeros((H, W + 1), np.uint16))
    refused("14 frames of 96 x 129", "import", "bad.h5", "control_001", "other")
    check(latest("bad.h5") == before, "nothing that was refused moves latest")
    with h5py.File("bad.h5", "r") as f:
        e = f["experiments/control_001"]
        check(not [r for r in e["masks"] if r > before and r.startswith("r")], "nothing that was refused leaves a revision")
    clean("bad.h5")


def beyond_ctc(path):
    """Track numbers that 16 bits cannot hold, and masks without tracks."""
    shutil.copy(path, "many.h5")
    with h5py.File("many.h5", "r+") as f:
        group = f["experiments/control_001/tracks/r000001"]
        for table in ("nodes", "tracks"):
            rows = group[table][()]
            most = rows["track"].max()
            rows["track"][rows["track"] == most] = 70000
            group[table][...] = rows
    refused("up to number 70000, CTC labels end at 65535", "export", "many.h5", "--as", "ctc", "--out", "many", "--revision", "r000001")
    works("export", "many.h5", "--as", "trk", "--out", "many.trk", "--revision", "r000001")
    check((read.trk("many.trk")[2] == 70000).any(), ".trk takes what CTC does not")
    with h5py.File("many.h5", "r+") as f:
        del f["experiments/control_001/tracks"]
    for kind in ("ctc", "trk", "trks", "napari"):
        refused("no tracks yet; `cyto5 track` makes them", "export", "many.h5", "--as", kind, "--out", "none")
    r = works("import", "many.h5", "control_001", "a.trk", ranks=2)
    check("0 frames touched" in r.out, f"two ranks: {r}")
    clean("many.h5")


with Folder():
    works("simulate", "s.h5", *MOVIE)
    exports("s.h5")
    gaps()
    label_zips("s.h5")
    round_trips("s.h5")
    curated("s.h5")
    refusals("s.h5")
    beyond_ctc("s.h5")
    works("simulate", "two.h5", "--frames", 4, "--cells", 6, "--height", 64, "--width", 64, "--fields", 2)
    works("export", "two.h5", "--as", "trks", "--out", "fields.trks")
    lineages, r, t, _ = read.trk("fields.trks")
    check(len(lineages) == 2 and t.shape == (2, 4, 64, 64, 1), "two fields in one .trks")
    for k in range(2):
        r = works("import", "two.h5", f"control_{k + 1:03}", "fields.trks", "--batch", k)
        check("0 frames touched" in r.out and "links: 0 changed, 0 added, 0 removed" in r.out, f"movie {k} of a batch: {r.out}")
    refused("pick one with --batch", "import", "two.h5", "control_001", "fields.trks")
    works("export", "two.h5", "--as", "trk", "--out", "each")
    check(sorted(os.listdir("each")) == ["control_001.trk", "control_002.trk", "cyto5-export.json"], "a file an experiment")
    works("export", "two.h5", "--as", "csv", "--table", "tracks", "--out", "t.csv")
    check({r[0] for r in csv.reader(open("t.csv"))} == {"experiment", "control_001", "control_002"}, "all experiments in one table")
done("exports, round trips, corrections and refusals")
