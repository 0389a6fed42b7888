# cli_measure.py – `cyto5 measure` from files to answers: figures of published results, JSON and tables, and input that must be refused with one line.
import json
import math
import os
import shutil

from support import DATA, Folder, check, done, h5py, np, run, tiff, works

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "measure_folders.json")
LATE, TOY = os.path.join(DATA, "ecoli-phase-lineage", "late"), os.path.join(DATA, "ctc-measures-toy")


def figures(*arguments):
    r = works("measure", *arguments, "--json")
    try:
        return json.loads(r.out)
    except ValueError:
        check(False, f"{arguments}: no JSON: {r.out[:300]}")
        return {"figures": {}, "intervals": {}}


def refuses(code, words, *arguments):
    r = run("measure", *arguments)
    check(r.code == code, f"{arguments}: exit {r.code}, expected {code}: {r}")
    check(not r.out, f"{arguments}: answers although it fails: {r.out[:200]}")
    check(len(r.errors) == 1, f"{arguments}: one line should say why: {r.err}")
    for word in words:
        check(word in r.err, f"{arguments}: '{word}' not in: {r.err}")


def frame(objects, size=(12, 20), dtype=np.uint16):
    image = np.zeros(size, dtype)
    for label, y, x in objects:
        image[y:y + 4, x:x + 4] = label
    return image


def folder(name, frames, rows, truth=False):
    masks = os.path.join(name, "TRA") if truth else name
    shutil.rmtree(name, ignore_errors=True)
    os.makedirs(masks)
    for t, image in frames.items():
        tiff(os.path.join(masks, f"man_track{t:03d}.tif" if truth else f"mask{t:03d}.tif"), image)
    with open(os.path.join(masks, "man_track.txt" if truth else "res_track.txt"), "w") as to:
        to.write(rows)


# ---- published results, against py-ctcmetrics ----

with open(GOLDEN) as f:
    golden = json.load(f)
for name, gt, res in (("ecoli-phase-lineage/late", f"{LATE}/01_GT", f"{LATE}/01_RES"), ("ctc-measures-toy", f"{TOY}/GT", f"{TOY}/res")):
    answer = figures("tracking", "--gt", gt, "--res", res)
    for key, want in golden[name].items():
        got = answer["figures"].get(key, "missing")
        check(got == want if want is None or got in (None, "missing") else abs(got - want) <= 1e-9, f"{name}: {key} is {got}, expected {want}")
    itself = figures("tracking", "--gt", gt, "--res", gt)["figures"]
    for key in ("SEG", "DET", "TRA", "LNK", "CT", "TF", "BC(0)", "BC(3)", "BIO(0)", "OP_CLB(0)", "MOTA", "HOTA", "CHOTA", "IDF1",
                "division_F1_strict(0)"):
        check(itself.get(key) in (1, None), f"{name}: truth against itself: {key} is {itself.get(key)}")
    check(itself["AOGM"] == 0 and itself["TRA"] == 1, f"{name}: truth against itself costs {itself['AOGM']}")
check(figures("tracking", "--gt", f"{TOY}/GT", "--res", f"{TOY}/res")["seg_from_tra"] is False, "the toy case's SEG folder is not used")
check(figures("tracking", "--gt", f"{TOY}/GT", "--res", f"{TOY}/res", "--seg-from-tra")["figures"]["SEG"] < 1,
      "--seg-from-tra does not change the markers' SEG")
check(figures("segmentation", "--gt", f"{TOY}/GT", "--res", f"{TOY}/res")["figures"]["AP_mean"] == 1, "the toy case's segmentation is perfect")

with Folder() as work:
    # ---- tables for people ----
    said = works("measure", "tracking", "--gt", f"{LATE}/01_GT", "--res", f"{LATE}/01_RES", "--explain").out
    check(all(len(line) <= 100 for line in said.splitlines()), "a line with explanations is wider than 100 columns")
    check("AOGM_EA" in said and "links to add" in said and "undefined" in said, "figures, words or 'undefined' are missing from the table")
    plain = works("measure", "tracking", "--gt", f"{LATE}/01_GT", "--res", f"{LATE}/01_RES").out
    check("links to add" not in plain and "0.999012930" in plain, "the plain table explains, or lacks TRA")

    # ---- rules ----
    good = {0: frame([(1, 0, 0)]), 1: frame([(1, 0, 0)]), 2: frame([(2, 0, 0), (3, 6, 6)])}
    rows = "1 0 1 0\n2 2 2 1\n3 2 2 1\n"
    folder("gt", good, rows, truth=True)
    folder("res", good, rows)
    two = ("tracking", "--gt", "gt", "--res", "res")
    check(figures(*two)["figures"]["BC(0)"] == 1, "a good pair of folders")
    for words, bad in ((["label 1 has more than one row"], "1 0 1 0\n1 2 2 0\n3 2 2 0\n"),
                       (["parent 9 of track 2 does not exist"], "1 0 1 0\n2 2 2 9\n3 2 2 1\n"),
                       (["parent 3 of track 1 ends in frame 2"], "1 0 1 3\n2 2 2 1\n3 2 2 1\n"),
                       (["parent 2 of track 3 ends", "parent 3 of track 2 ends"], "1 0 1 0\n2 2 2 3\n3 2 2 2\n"),
                       (["res_track.txt:2: '2 2 x 1' is no row"], "1 0 1 0\n2 2 x 1\n3 2 2 1\n"),
                       (["label 70000, expected 1 to 65535"], "1 0 1 0\n70000 2 2 1\n3 2 2 1\n"), (["label 2 is in the mask"], "1 0 1 0\n3 2 2 1\n"),
                       (["track 4 should live then"], rows + "4 1 2 0\n"), (["last frame is 2"], "1 0 1 0\n2 2 3 1\n3 2 2 1\n"),
                       (["frame 2: label 2 is in the mask"], "")):
        folder("res", good, bad)
        refuses(3, words + ["cyto5 measure: "], *two)
    many = "".join(f"{k} 0 9 0\n" for k in range(1, 60))
    folder("res", good, many)
    refuses(3, ["more breaches"], *two)
    folder("res", {0: good[0], 2: good[2]}, rows)
    refuses(3, ["frame 1 is missing: mask001.tif"], *two)
    folder("res", {0: good[0], 1: good[1]}, "1 0 1 0\n")
    refuses(3, ["has 3 frames", "has 2"], *two)
    folder("res", {t + 1: image for t, image in good.items()}, "1 1 2 0\n2 3 3 1\n3 3 3 1\n")
    refuses(3, ["begins with frame 0", "with frame 1"], *two)
    folder("res", {t: image[:, :19] for t, image in good.items()}, rows)
    refuses(3, ["1 x 12 x 20", "1 x 12 x 19"], *two)
    folder("res", {**good, 1: frame([(1, 0, 0)], (13, 20))}, rows)
    refuses(3, ["mask001.tif", "1 x 13 x 20"], *two)
    folder("res", {**good, 2: frame([(70000, 0, 0), (3, 6, 6)], dtype=np.uint32)}, rows)
    refuses(3, ["mask002.tif", "above 65535"], *two)
    folder("res", good, rows)
    tiff("res/mask001.tif", good[1].astype(np.float32), t339=3)
    refuses(3, ["mask001.tif", "whole numbers"], *two)
    folder("res", good, rows)
    with open("res/mask001.tif", "r+b") as f:
        f.truncate(40)
    refuses(3, ["mask001.tif"], *two)
    os.remove("res/res_track.txt")
    refuses(3, ["res_track.txt"], *two)
    refuses(3, ["nowhere"], "tracking", "--gt", "nowhere", "--res", "res")
    refuses(2, ["--gt is expected"], "tracking", "--res", "res")
    refuses(2, ["did you mean tracking"], "trakcing")
    refuses(3, ["file.h5", "No such file"], "tracking", "file.h5", "--gt", "r000001", "--res", "r000002")
    # two revisions of tracks inside a container: the simulator's truth, and what tracking makes of the same masks
    for words in (("simulate", "sim.h5", "--frames", "12", "--cells", "12", "--height", "160", "--width", "160", "--cycle", "8", "--radius", "9"),
                  ("objects", "sim.h5"), ("track", "sim.h5")):
        works(*words, "--quiet")
    inside = figures("tracking", "sim.h5", "--gt", "r000001", "--res", "latest")["figures"]
    check(inside["SEG"] == 1 and inside["DET"] == 1, f"the same masks: {inside}")
    check(inside["TRA"] > 0.98 and inside["divisions_true"] > 2, f"tracks of the simulator's cells: {inside}")
    itself = figures("tracking", "sim.h5", "--gt", "r000001", "--res", "r000001")["figures"]
    check(itself["AOGM"] == 0 and itself["TRA"] == 1, f"truth against itself: {itself}")
    refuses(3, ["no tracks r000009"], "tracking", "sim.h5", "--gt", "r000009", "--res", "latest")
    # numbers may begin anywhere if both sides agree
    late = "1 7 8 0\n2 9 9 1\n3 9 9 1\n"
    folder("gt", {t + 7: image for t, image in good.items()}, late, truth=True)
    folder("res", {t + 7: image for t, image in good.items()}, late)
    check(figures(*two)["figures"]["TRA"] == 1, "frames that begin with 7")

    # ---- segmentation ----
    for d in ("a", "b", "c"):
        os.makedirs(d)
    for k in range(2):
        tiff(f"a/cells_{k:02d}.tif", frame([(1, 0, 0), (2, 6, 6)]))
        tiff(f"b/out_{k:02d}.tif", frame([(5, 0, 0)] if k else [(5, 0, 0), (9, 6, 6)]))
    f = figures("segmentation", "--gt", "a", "--res", "b")["figures"]
    check(f["AP@0.50"] == 0.75 and f["AP_all@0.50"] == 0.75 and f["SEG"] == 0.75 and f["frames"] == 2, f"segmentation of two frames: {f}")
    check(figures("segmentation", "--gt", "a/cells_00.tif", "--res", "b/out_01.tif")["figures"]["AP@0.95"] == 0.5, "segmentation of two files")
    os.remove("b/out_01.tif")
    refuses(3, ["a has 2 images", "b has 1"], "segmentation", "--gt", "a", "--res", "b")
    tiff("b/out_03.tif", frame([]))
    refuses(3, ["cells_01.tif: no image of the result goes with it"], "segmentation", "--gt", "a", "--res", "b")
    refuses(3, ["two files or two folders"], "segmentation", "--gt", "a", "--res", "b/out_00.tif")
    refuses(3, ["c: no image"], "segmentation", "--gt", "a", "--res", "c")

    # ---- classification ----
    rng = np.random.default_rng(3)
    with open("scores.csv", "w") as to:
        to.write("well,truth,score\n")
        for i in range(300):
            positive = bool(rng.random() < 0.4)
            to.write(f"W{i % 6},{int(positive)},{min(max(rng.normal(0.35 + 0.3 * positive, 0.2), 0), 1):.4f}\n")
    one, again = (works("measure", "classification", "--table", "scores.csv", "--group", "well", "--json").out for _ in range(2))
    check(one == again, "the same seed gives other intervals")
    answer = json.loads(one)
    low, high = answer["intervals"]["ROC_AUC"]
    check(low < answer["figures"]["ROC_AUC"] < high and answer["grouped"] is True and answer["figures"]["groups"] == 6, f"intervals: {one[:300]}")
    other = figures("classification", "--table", "scores.csv", "--seed", "2")
    check(other["figures"]["accuracy"] == answer["figures"]["accuracy"] and other["intervals"]["accuracy"] != answer["intervals"]["accuracy"],
          "another seed")
    check(figures("classification", "--table", "scores.csv", "--resamples", "0")["intervals"] == {}, "intervals without resamples")
    check(figures("classification", "--table", "scores.csv", "--truth", "well", "--positive", "W3")["figures"]["objects"] == 300,
          "a class by its name")
    refuses(3, ["no column 'label'", "well, truth, score"], "classification", "--table", "scores.csv", "--truth", "label")
    refuses(3, ["'W0' is neither 1 nor 0", "--positive"], "classification", "--table", "scores.csv", "--truth", "well")
    refuses(3, ["is no finite number"], "classification", "--table", "scores.csv", "--score", "well")
    refuses(2, ["--table is expected"], "classification")
    refuses(3, ["none.csv"], "classification", "--table", "none.csv")

    # ---- maps and plates ----
    ramp = np.add.outer(np.arange(20), np.arange(30)).astype(np.uint8)
    tiff("m.tif", ramp)
    tiff("n.tif", ramp[:, ::-1])
    f = figures("maps", "--gt", "m.tif", "--res", "m.tif")["figures"]
    check(math.isclose(f["Pearson"], 1) and math.isclose(f["SSIM"], 1) and f["MAE"] == 0 and f["PSNR"] is None, f"a map against itself: {f}")
    f = figures("maps", "--gt", "m.tif", "--res", "n.tif")["figures"]
    check(math.isclose(f["Pearson"], np.corrcoef(ramp.ravel(), ramp[:, ::-1].ravel())[0, 1], abs_tol=1e-12), f"a map against its mirror image: {f}")
    refuses(3, ["the same size is expected"], "maps", "--gt", "m.tif", "--res", "a/cells_00.tif")
    with open("wells.csv", "w") as to:
        to.write("plate;control;value\nP1;positive;10\nP1;positive;12\nP1;negative;1\nP1;negative;3\nP1;sample;\nP2;positive;5\nP2;negative;4\n")
    f = figures("plates", "--table", "wells.csv")["figures"]
    check(math.isclose(f["Z_prime(P1)"], 1 - 3 * 2 * math.sqrt(2) / 9) and f["Z_prime(P2)"] is None and f["plates"] == 2, f"plates: {f}")

    # ---- masks in a container ----
    os.makedirs("movie")
    noise = np.random.default_rng(1)
    for t in range(2):
        image = noise.normal(1000, 5, (80, 96))
        for y, x in ((20, 20), (50, 60)):
            image[y:y + 14, x:x + 14] += noise.normal(400, 80, (14, 14))
        tiff(f"movie/t{t:03d}.tif", image.astype(np.uint16))
    works("ingest", "out.h5", "movie")
    works("segment", "out.h5", "--method", "otsu")
    works("segment", "out.h5", "--method", "otsu", "--min-area", "5000")
    with h5py.File("out.h5") as f:
        first, second = sorted(name for masks in (e["masks"] for e in f["experiments"].values()) for name in masks if name.startswith("r"))
    f = figures("segmentation", "out.h5", "--gt", first, "--res", first)["figures"]
    check(f.get("AP_mean") == 1 and f["objects_true"] > 0 and f["frames"] == 2, f"masks against themselves: {f}")
    check(figures("segmentation", "out.h5", "--gt", first, "--res", second)["figures"].get("recall@0.50") == 0, "masks without objects")
    refuses(3, ["r000077"], "segmentation", "out.h5", "--gt", first, "--res", "r000077")
done()
