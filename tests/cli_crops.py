"""cli_crops.py – crops of real recordings: fixed windows and resized boxes, several channels, planes of a stack, masks, against the frames
themselves; the sheet that shows them; and what settings are refused."""
from support import *


def weights(to, size):
    """(to, size): linear interpolation after a Gaussian of sigma (f - 1) / 2, mirrored about the edge pixels."""
    f = size / to
    sigma = max(0, (f - 1) / 2)
    r = int(4 * sigma + 0.5)
    window = np.exp(-np.arange(-r, r + 1) ** 2 / (2 * sigma ** 2)) if sigma else np.ones(1)
    window /= window.sum()
    m = np.zeros((to, size))
    for i in range(to):
        at = (i + 0.5) * f - 0.5
        low = int(np.floor(at))
        for j, share in ((low, 1 - (at - low)), (low + 1, at - low)):
            for k, w in enumerate(window):
                x = abs(j + k - r) % max(1, 2 * size - 2)
                m[i, min(x, 2 * size - 2 - x) if size > 1 else 0] += share * w
    return m


def window_of(frame, row):
    """The part of a frame in a row of the index, mirrored with the edge pixel repeated."""
    def back(i, n):
        i = i % (2 * n)
        return np.where(i < n, i, 2 * n - 1 - i)
    y, x = np.arange(row["window_y0"], row["window_y1"]), np.arange(row["window_x0"], row["window_x1"])
    return frame[np.ix_(back(y, frame.shape[0]), back(x, frame.shape[1]))]


def read(path, name):
    with h5py.File(path, "r") as f:
        e = f[f"experiments/{name}"]
        crops = e["crops/latest"]
        return {"raw": {c: e[f"raw/{c}"][()] for c in e["raw"]}, "masks": e["masks/latest"][()], "objects": e["objects/latest"][()],
                "images": crops["images"][()], "index": crops["index"][()], "attrs": dict(crops["images"].attrs)}


def holds(c, height, width, channels, masked, plane=None):
    """Every crop against its window of the frame."""
    check(c["images"].shape == (len(c["objects"]), len(channels), height, width), f"shape {c['images'].shape}")
    check(c["attrs"]["channels"] == ",".join(channels).encode(), f"channels {c['attrs']['channels']}")
    worst = 0
    for i, row in enumerate(c["index"]):
        for k, name in enumerate(channels):
            frame = c["raw"][name][row["frame"]]
            frame = frame if plane is None else frame[plane]
            want = window_of(frame, row).astype(float)
            if masked:
                want = want * (window_of(c["masks"][row["frame"]], row) == row["label"])
            if want.shape != (height, width):
                want = weights(height, want.shape[0]) @ want @ weights(width, want.shape[1]).T
            worst = max(worst, np.abs(c["images"][i, k] - want).max())
    check(worst <= 0.55, f"crops differ by up to {worst} from their windows")


def real_recordings():
    for name, source, method in (("colony", ECOLI, "rods"), ("cells", T98G, "phase")):
        path = f"{name}.h5"
        works("ingest", path, f"{source}/t02{7}.tif" if name == "colony" else f"{source}/t000.tif", "--experiment", name, "--channel", "phase")
        works("segment", path, "--method", method, "--min-area", 300)
        works("objects", path)
        works("crop", path, "--size", 48)
        c = read(path, name)
        check(len(c["objects"]) > 15 and c["images"].dtype == c["raw"]["phase"].dtype, f"{name}: {len(c['objects'])} objects, {c['images'].dtype}")
        holds(c, 48, 48, ["phase"], False)
        for settings, height, width, masked in ((["--window", "box", "--size", 32, "--masked"], 32, 32, True),
                                                (["--window", "box", "--height", 24, "--width", 40, "--context", 6, "--context-share", 0], 24, 40,
                                                 False),
                                                (["--window", "box", "--size", 20, "--aspect", "stretch"], 20, 20, False)):
            works("crop", path, *settings)
            c = read(path, name)
            holds(c, height, width, ["phase"], masked)
            o, i = c["objects"], c["index"]
            check((i["window_y0"] <= o["bbox_y0"]).all() and (i["window_y1"] >= o["bbox_y1"]).all() and (i["window_x0"] <= o["bbox_x0"]).all()
                  and (i["window_x1"] >= o["bbox_x1"]).all(), f"{name} {settings}: windows hold their objects")
            share = (i["window_y1"] - i["window_y0"]) / (i["window_x1"] - i["window_x0"]) * width / height
            side = (i["window_y1"] - i["window_y0"]).astype(float)
            check(("stretch" in settings) or (np.abs(share - 1) < 2 / np.minimum(side, 20)).all(),
                  f"{name} {settings}: aspect {share.min()} to {share.max()}")
            check(np.isnan(c["attrs"].get("pixel_size_um", np.nan)), f"{name}: a pixel size is told of resized crops")
        r = works("preview", "crops", path, "--out", "sheet.png")
        check(f"{min(100, len(c['index']))} of {len(c['index'])} crops" in r.err and open("sheet.png", "rb").read(4) == b"\x89PNG", f"sheet: {r}")
        clean(path)
    for out, ranks in (("one.h5", 0), ("two.h5", 2)):
        shutil.copy("cells.h5", out)
        works("crop", out, "--window", "box", "--size", 16, ranks=ranks)
    check(run("diff", "one.h5", "two.h5").code == 0, "crops on one and two ranks")


def several_channels_and_planes():
    works("simulate", "s.h5", "--frames", 3, "--cells", 8, "--height", 96, "--width", 112, "--channels", "phase,marker", "--radius", 8)
    works("objects", "s.h5")
    works("crop", "s.h5", "--window", "box", "--size", 24, "--channels", "marker,phase")
    holds(read("s.h5", "control_001"), 24, 24, ["marker", "phase"], False)
    r = works("preview", "s.h5", "--crops", "--out", "a.png", "--zoom", 1)
    works("preview", "s.h5", "--crops", "--out", "b.png", "--zoom", 1, "--channel", "phase")
    size = [struct.unpack(">II", open(p, "rb").read(24)[16:]) for p in ("a.png", "b.png")]
    check(size[0] != size[1] and os.path.getsize("a.png") > os.path.getsize("b.png"), f"channels side by side: {size}")
    r = run("preview", "crops", "s.h5", "--channel", "red")
    check(r.code == 3 and "marker,phase" in " ".join(r.errors), f"a channel that crops lack: {r}")
    # A stack of three planes: a plane of choice.
    os.makedirs("z")
    for t in range(2):
        for z in range(3):
            tiff(f"z/t{t:03}_z{z}.tif", cells(7, t) + np.uint16(500 * z))
    works("ingest", "z.h5", "z", "--channel", "phase", "--experiment", "stack")
    works("segment", "z.h5")
    works("objects", "z.h5")
    for plane, z in ((1, []), (2, ["--z", 2]), (0, ["--z", 0])):
        works("crop", "z.h5", "--size", 20, *z)
        c = read("z.h5", "stack")
        check(c["raw"]["phase"].shape[1] == 3, "three planes are there")
        holds(c, 20, 20, ["phase"], False, plane)
    for settings, code, says in ((["--z", 3], 3, "plane 3"), (["--window", "round"], 2, "fixed"), (["--size", 0], 2, "size"),
                                 (["--channels", "red"], 3, "red"), (["--context", -1], 2, "context"),
                                 (["--window", "box", "--aspect", "tall"], 2, "keep")):
        r = run("crop", "z.h5", *settings)
        check(r.code == code and len(r.errors) == 1 and says in r.errors[0], f"{settings}: {r}")
    clean("z.h5")


with Folder():
    real_recordings()
with Folder():
    several_channels_and_planes()
done()
