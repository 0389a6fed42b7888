"""cli_labels.py – masks taken from label images (segment, method labels): the objects of the files, matched to experiments by name, filtered, the
same on two ranks; and every kind of wrong file refused in one line."""
import formats_read as read
from support import *

TRUTH = os.path.join(DATA, "ecoli-phase-lineage", "01_GT")


def same_objects(a, b):
    """Whether two label images part the frame alike."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]).astype(np.int64), axis=1)
    return (pairs[:, (pairs == 0).any(axis=0)] == 0).all() and len(np.unique(pairs[0])) == pairs.shape[1] == len(np.unique(pairs[1]))


def masks_of(path, name):
    with h5py.File(path, "r") as f:
        e = f[f"experiments/{name}"]
        return e["masks/latest"][()], e["frames/latest"][()], dict(e["masks/latest"].attrs)


def published_masks():
    """A challenge folder: TRA is found in it; the truth measured against its own masks is whole."""
    works("ingest", "a.h5", ECOLI, "--experiment", "colony", "--channel", "phase")
    os.makedirs("truth")
    os.symlink(TRUTH, "truth/colony_GT")
    works("segment", "a.h5", "--method", "labels", "--labels", "truth")
    masks, frames, attrs = masks_of("a.h5", "colony")
    for t in range(len(masks)):
        want = read.tiff(f"{TRUTH}/TRA/man_track{24 + t:03}.tif")[0]
        want = want.reshape(want.shape[-2:])
        check(same_objects(masks[t], want) and masks[t].max() == frames["objects"][t] == len(np.unique(want)) - 1,
              f"frame {t} is not that of the file")
        firsts = np.unique(masks[t], return_index=True)[1][1:]
        check((np.diff(firsts) > 0).all(), f"frame {t}: not numbered in raster order")
    check(masks.dtype == np.uint16 and attrs["source"] == b"truth/colony_GT/TRA", f"{masks.dtype}, {attrs.get('source')}")
    clean("a.h5")
    works("objects", "a.h5")
    works("track", "a.h5")
    works("segment", "a.h5", "--method", "labels", "--labels", "truth/{experiment}_GT", "--min-area", 900)
    few = masks_of("a.h5", "colony")[0]
    check(0 < few[0].max() < masks[0].max() and np.bincount(few[0].ravel())[1:].min() >= 900, "small objects are left out when that is wanted")
    r = works("preview", "a.h5", "--segment", "--method", "labels", "--labels", f"{TRUTH}/TRA", "--frame", 1, "--out", "p.png")
    check(f"{masks[1].max()} objects" in r.err, f"preview: {r}")
    r = works("preview", ECOLI, "--segment", "--method", "labels", "--labels", TRUTH, "--frame", 1, "--out", "q.png")
    check(open("p.png", "rb").read() == open("q.png", "rb").read(), "preview of the container and of the files")


def several_experiments():
    """Files and folders of the experiments' names, of several kinds; one experiment without any fails by itself."""
    rng = np.random.default_rng(3)
    given = {}
    for i in range(3):
        movie(f"in/w{i}", i, 4)
        given[f"w{i}"] = np.repeat(np.repeat(rng.integers(0, 5, (4, 12, 12)), 8, 1), 8, 2)
    os.makedirs("labels/w0")
    os.makedirs("labels/w1_RES")
    for t in range(4):
        tiff(f"labels/w0/mask{t:03}.tif", given["w0"][t].astype("u1"))
        tiff(f"labels/w1_RES/mask{t:03}.tif", given["w1"][t].astype("<u4"))
    works("ingest", "b.h5", "in/w0", "in/w1", "in/w2", "--channel", "phase")
    shutil.copy("b.h5", "b2.h5")
    for ranks, path in ((0, "b.h5"), (2, "b2.h5")):
        r = run("segment", path, "--method", "labels", "--labels", "labels", ranks=ranks)
        check(r.code == 4 and "1 of 3" in " ".join(r.errors) and "w2" in " ".join(r.warnings) and "{experiment}" in " ".join(r.warnings),
              f"w2 has no labels: {r}")
        for name in ("w0", "w1"):
            masks = masks_of(path, name)[0]
            check(masks.dtype == np.uint16
                  and all(same_objects(masks[t], given[name][t]) for t in range(4)), f"{name}, {ranks} ranks: masks are not those of the files")
        clean(path)
    check(masks_of("b2.h5", "w0")[1].tobytes() == masks_of("b.h5", "w0")[1].tobytes(), "the table of frames on two ranks")


def wrong(text, *arguments, code=3, labels=None):
    r = run("segment", "c.h5", "--method", "labels", *(["--labels", labels] if labels else []), *arguments)
    check(r.code == code and len(r.errors) == 1 and all(w in r.errors[0] for w in text), f"{arguments} {labels}: expected {text}, got {r}")


def wrong_files():
    movie("in/one", 1, 3)
    works("ingest", "c.h5", "in/one", "--channel", "phase")
    before = content("c.h5")
    good = np.zeros((96, 96), "<u2")
    good[10:20, 10:20] = 1

    def folder(name, pages):
        os.makedirs(name)
        for t, page in enumerate(pages):
            tiff(f"{name}/mask{t:03}.tif", page)
        return name

    wrong(["--labels"], code=2)
    wrong(["{experiment}"], labels="x/{field}")
    wrong(["states no well"], labels="x/{well}.tif")
    wrong(["nowhere"], labels="nowhere")
    wrong(["small", "3 frames of 64 x 96", "3 of 96 x 96"], labels=folder("small", [good[:64]] * 3))
    wrong(["short", "2 frames of 96 x 96", "3 of 96 x 96"], labels=folder("short", [good] * 2))
    signed = good.astype("<i4")
    signed[5, 5] = -1
    broken = good.astype("<f4")
    broken[5, 5] = np.nan
    for name, pages, says in (("fraction", [good.astype("<f4") + np.float32(0.5)] * 3, "0.5"), ("nan", [good.astype("<f4"), broken, broken], "nan")):
        folder(name, pages)
        for t in range(3):  # floating-point pixels
            tiff(f"{name}/mask{t:03}.tif", pages[t], t339=3)
        wrong([name, says], labels=name)
    os.makedirs("two")
    for name in ("a_t0.tif", "b_t0.tif"):
        tiff(f"two/{name}", good)
    wrong(["2 series"], labels="two")
    left = [k for k in content("c.h5").keys() - before.keys() if "/experiments" in k and "/r0" in k]
    check(not left, f"refused label images leave {left}")
    # One object on the whole frame, and none at all, are masks like any other.
    works("segment", "c.h5", "--method", "labels", "--labels", folder("plain", [np.ones_like(good), np.zeros_like(good), good]))
    masks, frames, _ = masks_of("c.h5", "one")
    check((masks[0] == 1).all() and not masks[1].any() and list(frames["objects"]) == [1, 0, 1], "one object everywhere, none, one")
    for step in ("objects", "crop", "track"):
        works(step, "c.h5")
    clean("c.h5")


with Folder():
    published_masks()
with Folder():
    several_experiments()
with Folder():
    wrong_files()
done()
