"""formats_peers.py – the files of `cyto5 export` opened by the programs they are for, and files these wrote taken back: tifffile (OME-TIFF as
TCYX), roifile (ROIs of every object), deepcell-tracking (.trk, .trks and CTC lists). Not part of the suite, as it needs PyPI:

    python3 -m venv V && V/bin/pip install h5py tifffile roifile pandas networkx && V/bin/pip install --no-deps deepcell-tracking
    CYTO5=build/cyto5 V/bin/python tests/long/formats_peers.py

Of deepcell-tracking only the reading and writing of files is used, so its neural networks need not be installed."""
import importlib.util
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
try:
    import numpy as np
    import pandas
    import roifile
    import tifffile
    folder = importlib.util.find_spec("deepcell_tracking").submodule_search_locations[0]
except (ImportError, AttributeError) as e:
    print(f"skipped: {e}")
    sys.exit(77)

from support import Folder, check, done, h5py, works  # noqa: E402
import formats_read as read  # noqa: E402


def module(name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(folder, name + ".py"))
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


trk_io = module("trk_io")
FRAMES, H, W = 12, 96, 128

with Folder():
    works("simulate", "s.h5", "--frames", FRAMES, "--height", H, "--width", W, "--cells", 9, "--radius", 8, "--cycle", 14, "--channels",
          "phase,marker")
    with h5py.File("s.h5", "r") as f:
        e = f["experiments/control_001"]
        masks, nodes, tracks = e["masks/latest"][()], e["tracks/latest/nodes"][()], e["tracks/latest/tracks"][()]
        raw = {k: e[f"raw/{k}"][()] for k in ("marker", "phase")}
    ids = np.zeros(masks.shape, np.int32)
    for n in nodes:
        ids[n["frame"]][masks[n["frame"]] == n["label"]] = n["track"]
    parents = {int(t["track"]): int(t["parent"]) or None for t in tracks}

    for name in ("a.trk", "a.trks"):
        works("export", "s.h5", "--as", name[2:], "--out", name)
        got = trk_io.load_trks(name)
        x, y = (got["X"], got["y"]) if name == "a.trks" else (np.asarray(got["X"])[None] if np.asarray(got["X"]).ndim == 4 else got["X"], got["y"])
        lineage = got["lineages"][0]
        check((np.squeeze(x) == raw["phase"]).all() and (np.squeeze(y) == ids).all(), f"{name}: pixels by deepcell-tracking")
        check({k: v["parent"] for k, v in lineage.items()} == parents, f"{name}: parents by deepcell-tracking")
        check(all(v["frames"] == list(np.flatnonzero((ids == k).any((1, 2)))) for k, v in lineage.items()), f"{name}: frames by deepcell-tracking")
    trk_io.save_trk("theirs.trk", lineage, raw["phase"][..., None], ids[..., None])
    trk_io.save_trks("theirs.trks", [lineage, lineage], np.stack([raw["phase"][..., None]] * 2), np.stack([ids[..., None]] * 2))
    for name, more in (("theirs.trk", []), ("theirs.trks", ["--batch", 1])):
        r = works("import", "s.h5", "control_001", name, *more)
        check("0 frames touched" in r.out and "links: 0 changed, 0 added, 0 removed" in r.out, f"{name}: {r.out}")

    works("export", "s.h5", "--as", "ome-tiff", "--out", "a.ome.tif")
    with tifffile.TiffFile("a.ome.tif") as tif:
        series = tif.series[0]
        check(tif.is_ome and series.axes == "TCYX" and series.shape == (FRAMES, 2, H, W), f"tifffile: {series.axes} {series.shape}")
        meta = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
        check(meta["PhysicalSizeX"] == 0.65 and meta["TimeIncrement"] == 600 and [c["Name"] for c in meta["Channel"]] == ["marker", "phase"],
              f"tifffile: {meta}")
        check(all((series.asarray()[:, c] == raw[k]).all() for c, k in enumerate(("marker", "phase"))), "tifffile: pixels")
    works("export", "s.h5", "--as", "ome-tiff", "--what", "masks", "--revision", "r000001", "--out", "m.ome.tif")
    check((tifffile.imread("m.ome.tif") == masks).all(), "tifffile: masks")
    tifffile.imwrite("big.ome.tif", masks, bigtiff=True, compression="zlib", metadata={"axes": "TYX"})
    r = works("import", "s.h5", "control_001", "big.ome.tif")
    check("0 frames touched" in r.out, f"masks by tifffile: {r.out}")

    works("export", "s.h5", "--as", "imagej-roi", "--revision", "r000001", "--out", "a.zip")
    rois = roifile.roiread("a.zip")
    seen = set()
    for roi in rois:
        frame, label = int(roi.name[1:5]), int(roi.name.split("-")[1][1:])
        seen.add((frame, label))
        corners = roi.coordinates()[:, ::-1].astype(int)
        inside = read.fill((H, W), corners[:-1] if (corners[0] == corners[-1]).all() else corners)
        check(roi.position == frame + 1 and roi.roitype == roifile.ROI_TYPE.TRACED, f"roifile: {roi.name}")
        check((masks[frame][inside] == label).all(), f"roifile: pixels of {roi.name}")
    check(seen == {(int(n["frame"]), int(n["label"])) for n in nodes}, "roifile: an outline for every object")

    works("export", "s.h5", "--as", "ctc", "--out", "ctc")
    isbi = module("isbi_utils")
    lineage = isbi.txt_to_lineage("ctc/01_RES/res_track.txt")
    check({k: v["parent"] for k, v in lineage.items()} == parents, "CTC list by deepcell-tracking")
    works("export", "s.h5", "--as", "csv", "--table", "nodes", "--revision", "r000001", "--out", "n.csv")
    table = pandas.read_csv("n.csv")
    check((table[["frame", "label", "track"]].to_numpy() == np.stack([nodes[k] for k in ("frame", "label", "track")], 1)).all(), "CSV by pandas")
    check((table["area"].to_numpy(np.float32) == nodes["area"]).all() and (table["y"].to_numpy(np.float32) == nodes["y"]).all(), "reals by pandas")
done("tifffile, roifile, deepcell-tracking and pandas agree")
