"""cli_odd.py – frames that are no pictures of cells: pixels without a number, one value everywhere, one object on all of the frame, nothing at all, a
single pixel. Every step, every way out and every look at them ends well, and says of them what is so."""
import shlex

from support import *

METHODS = ("deviation", "phase", "rods", "fluorescence", "sesmo", "otsu", "percentile")


def floats(path, pixels):
    tiff(path, np.asarray(pixels, "<f4"), t339=3)


def stack(folder, frames):
    os.makedirs(folder)
    for t, frame in enumerate(frames):
        floats(f"{folder}/t{t:03}.tif", frame)


def counts(path):
    with h5py.File(path, "r") as f:
        e = f["experiments/odd"]
        masks, objects = e["masks/latest"][()], e["objects/latest"][()]
        return masks, list(e["frames/latest"]["objects"]), objects, e["tracks/latest/tracks"][()]


FOLLOW = "steps:\n  - segment: {method: %s, min-area: %d}\n  - objects\n  - crop: {size: 16, window: box, masked: true}\n  - track\n"


def segmented(path, method, least=60):
    """By a method, and on to tracks; masks, objects by frame, tracks."""
    works("run", write("p.yml", FOLLOW % (method, least)), path)
    return held(path)


def held(path):
    masks, told, objects, tracks = counts(path)
    shown = [len(np.unique(m[m > 0])) for m in masks]
    check(told == shown and len(objects) == sum(shown) and (objects["area"] > 0).all(),
          f"{path}: {told} objects are told, {shown} shown, {len(objects)} measured")
    check(sum(tracks["seen"]) == len(objects), f"{path}: {sum(tracks['seen'])} of {len(objects)} objects are in tracks")
    return masks, shown, tracks


def told(path):
    """Every way out of the container, and every look at it."""
    objects, tracks = counts(path)[2:]
    for kind, out in (("trk", "x.trk"), ("ome-tiff", "x.ome.tif"), ("imagej-roi", "x.zip"), ("csv", "x.csv"), ("napari", "x-napari"),
                      ("ctc", "x-ctc"), ("png", "x-png"), ("labels-png", "x-labels")):
        r = run("export", path, "--as", kind, "--out", out, "--force")
        check(r.code == 0 or (kind == "ctc" and not len(tracks) and r.code == 3 and "no tracks" in r.err), f"{path}: export as {kind}: {r}")
    for options in ((), ("--segment", "--method", "phase"), ("--crops",)):
        r = run("preview", path, *options, "--out", "p.png")
        check(r.code == 0 or (options == ("--crops",) and not len(objects) and r.code == 3 and "no object was found" in r.err),
              f"{path}: preview {options}: {r}")
    r = run("lineage", path, "--out", "l.svg")
    check(r.code == 0 or (not len(tracks) and r.code == 3 and len(r.errors) == 1), f"{path}: lineage: {r}")
    works("measure", "segmentation", path, "--gt", "latest", "--res", "latest", "--json")
    works("measure", "tracking", path, "--gt", "latest", "--res", "latest", "--json")
    clean(path)


def pixels_without_a_number():
    """A cell's frame with gaps of every kind, and frames of nothing but gaps, in between good ones."""
    good = [cells(4, t, height=128, width=128).astype(float) for t in range(5)]
    good[1][10:30, 50:60] = np.nan
    good[1][70, 70] = np.inf
    good[1][71, 70] = -np.inf
    good[3][...] = np.nan
    stack("gaps/odd", good)
    works("ingest", "gaps.h5", "gaps/odd", "--channel", "phase", "--experiment", "odd")
    for method in METHODS:
        masks, shown, tracks = segmented("gaps.h5", method)
        check(shown[3] == 0, f"{method}: {shown[3]} objects in a frame without numbers")
    masks, shown, tracks = segmented("gaps.h5", "deviation")
    told("gaps.h5")
    check(shown[0] == shown[2] == shown[4] == 9 and shown[1] >= 7, f"objects by frame: {shown}")
    check((tracks["seen"] >= 4).sum() >= 7, f"a frame without numbers costs no identity: {tracks['seen']}")
    with h5py.File("gaps.h5", "r") as f:
        objects = f["experiments/odd/objects/latest"][()]
        raw = f["experiments/odd/raw/phase"][()]
    check(np.array_equal(raw, np.stack(good).astype("f4"), equal_nan=True), "gaps are kept as they were recorded")
    check(np.isfinite(objects["mean_phase"]).all(), "means leave out what is no number")


def one_value_everywhere():
    for value in (0, 7.5, 3e38, -1e30):
        name = f"flat{value}"
        stack(f"{name}/odd", [np.full((40, 56), value)] * 3)
        works("ingest", f"{name}.h5", f"{name}/odd", "--channel", "phase", "--experiment", "odd")
        for method in METHODS if value == 7.5 else METHODS[:1]:
            check(segmented(f"{name}.h5", method)[1] == [0, 0, 0], f"{method}: objects in frames of one value {value}")
    told("flat7.5.h5")


def one_object_everywhere():
    """On all of the frame, in all frames, or coming out of nothing and going there."""
    good = cells(5, 0, height=48, width=64)
    stack("all/odd", [good] * 5)
    works("ingest", "all.h5", "all/odd", "--channel", "phase", "--experiment", "odd")
    for name, present, tracks_expected in (("always", (1, 1, 1, 1, 1), 1), ("never", (0, 0, 0, 0, 0), 0), ("late", (0, 0, 0, 0, 1), 1),
                                           ("twice", (0, 1, 0, 1, 0), 1)):
        os.makedirs(name)
        for t, there in enumerate(present):
            tiff(f"{name}/m{t}.tif", np.full(good.shape, 300 * there, "<u2"))
        works("segment", "all.h5", "--method", "labels", "--labels", name)
        for step in ("objects", "crop", "track"):
            works(step, "all.h5")
        masks, shown, tracks = held("all.h5")
        check(shown == list(present) and len(tracks) == tracks_expected, f"{name}: {shown} objects, {len(tracks)} tracks")
        check(all((m == p).all() for m, p in zip(masks, present)), f"{name}: masks")
        # The same as truth and result, from files: figures are 1, or nothing is there to be measured.
        r = works("measure", "segmentation", "--gt", name, "--res", name, "--json")
        check('"SEG":' in r.out.replace(" ", ""), f"{name}: {r.out}")
    told("all.h5")
    r = works("measure", "tracking", "all.h5", "--gt", "latest", "--res", "latest")
    check("undefined" in r.out, f"without divisions their figures are undefined: {r.out}")


def a_single_pixel():
    stack("one/odd", [[[t]] for t in range(3)])
    works("ingest", "one.h5", "one/odd", "--channel", "phase", "--experiment", "odd")
    for method in METHODS:
        segmented("one.h5", method, 0)
    told("one.h5")
    stack("thin/odd", [np.arange(300.).reshape(1, 300) % 41] * 2)
    works("ingest", "thin.h5", "thin/odd", "--channel", "phase", "--experiment", "odd")
    for method in METHODS:
        segmented("thin.h5", method, 1)
    told("thin.h5")


def a_name_that_a_shell_would_stumble_over():
    """The record's command line is one that a shell reads back to the same words."""
    words = ("ingest", "it's a \"plate\" of $HOME.h5", "one/odd", "--channel", "phase", "--experiment", "odd")
    stack("one/odd", [np.ones((8, 8))])
    works(*words)
    with h5py.File(words[1], "r") as f:
        line = f["runs/r000001/command_line"][()].decode()
    check(shlex.split(line) == ["cyto5", *words], f"recorded as {line}")


for part in (a_name_that_a_shell_would_stumble_over, pixels_without_a_number, one_value_everywhere, one_object_everywhere, a_single_pixel):
    with Folder():
        part()
done()
