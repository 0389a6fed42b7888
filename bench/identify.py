#!/usr/bin/env python3
"""identify.py – how well `cyto5 identify` tells modality and scale of recordings whose source it has never seen. Needs scikit-image and tifffile
beside h5py.

    identify.py prepare DATA OUT.h5           takes the published sets under DATA (folders, with commas between) into one container: a plate for
                                              each set, masks where there are some
    identify.py train OUT.h5 NAME [SET,...]   trains a model on all of it but these sets, as the one that ships was
    identify.py judge OUT.h5 MODEL [SET,...]  puts these sets (all) through MODEL (FILE.h5:NAME); of MODEL,MODEL each half through the one that has
                                              not seen it
    identify.py all DATA FOLDER               leaves every set out once, in two halves, and judges each by the model that has not seen it; stopped,
                                              it goes on with what is in FOLDER where it is called again (some 20 minutes on two cores)

Whole sets are kept back, never some images of one. What is judged:
    modality     of each image; fluorescence of nuclei and of other things is told apart besides
    scale        each image, as recorded and resampled by known factors from 0.5 to 2 (scikit-image), is compared with other images of its set as
                 recorded, which stand for what a model was trained on; where each image of a set has a magnification of its own, its right half with
                 its left. The error is of the ratio
    diameter     in px, against the median of its masks: told, not judged
Exit status 1 when a bar is missed: accuracy of modality 0.95, mean error of scale 5 %."""
import glob
import json
import os
import statistics
import subprocess
import sys
import tempfile

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
CYTO5 = os.environ.get("CYTO5", os.path.join(HERE, "..", "build", "release", "cyto5"))
FACTORS = (0.5, 0.71, 1.41, 2.0)
RESCALED = int(os.environ.get("C5_IDENTIFY_RESCALED", "6"))  # images of a set that are resampled, evenly through it
SIDE_MOST = 1400  # px of a resampled image
TRAIN = os.environ.get("C5_IDENTIFY_TRAIN",
                       "--check 300 --tiles 12000 --epochs 9 --rate 0.004 --batch 64 --real 0.4 --precision bf16 --decay 0.01 --warm-up 0.3 "
                       "--prefetch").split()

# set: channel, modality, images, masks (None: none), every so many of them, may be learnt from for the model that ships
SETS = {
    "t98g": ("phase", "phase", "t98g-phase-instances/set??_phase.tif", lambda p: p.replace("_phase.tif", "_instances.png"), 1, True),
    "ecoli": ("phase", "phase", "ecoli-phase-lineage/01/t???.tif", lambda p: p.replace("01/t", "01_GT/TRA/man_track"), 3, True),
    "small": ("phase", "phase", "phase-small-stack/images.tif", lambda p: p.replace("images", "labels"), 1, True),
    "hela": ("dic", "dic", "hela-dic-lenet/dic_frames/t*.tif", None, 2, False),
    "hek": ("brightfield", "brightfield", "hek293a-vs-ht1080/*/*.jpg", None, 4, True),
    "aisegcell": ("brightfield", "brightfield", "aisegcell-*/images/[bcn]*.png", None, 1, True),
    "ihc": ("brightfield", "brightfield", "skimage/data/ihc.png", None, 1, True),
    "histology": ("brightfield", "brightfield", "nuclei-dsb2018/images/dsb_04[2468].png", lambda p: p.replace("images", "labels").replace(".png",
            ".tif"), 1, True),
    "nuclei-a": ("nuclei", "fluorescence", "nuclei-dsb2018/images/dsb_0[012][02468].png", lambda p: p.replace("images", "labels").replace(".png",
            ".tif"), 1, True),
    "nuclei-b": ("nuclei", "fluorescence", "nuclei-dsb2018/images/dsb_0[34][02468].png", lambda p: p.replace("images", "labels").replace(".png",
            ".tif"), 1, True),
    "stardist": ("nuclei", "fluorescence", "stardist-nuclei/*img2d.tif", lambda p: p.replace("img2d", "mask2d"), 1, True),
    "fluo-sim": ("nuclei", "fluorescence", "fluo-sim-lineage/01/t???.tif", lambda p: p.replace("01/t", "01_GT/SEG/man_seg"), 3, False),
    "dapi": ("nuclei", "fluorescence", "neurons-transmitted-fluorescence/dapi*.png", None, 1, True),
    "neurites": ("structure", "fluorescence", "neurons-transmitted-fluorescence/[mn]*_confocal*.png", None, 1, True),
    "neurons": ("phase", "transmission", "neurons-transmitted-fluorescence/phase_z*.png", None, 4, True),
}
HALVES = (("t98g", "small", "hek", "ihc", "nuclei-a", "fluo-sim", "dapi", "neurites", "neurons"),
          ("ecoli", "aisegcell", "histology", "nuclei-b", "stardist", "hela"))
NOT_SHIPPED = [name for name, s in SETS.items() if not s[5]]
# one source for two names: nothing of it is learnt when either is kept back
KIN = {"nuclei-a": "nuclei-b", "nuclei-b": "nuclei-a", "dapi": "neurites", "neurites": "dapi"}
# each image is of a magnification of its own: its left half stands for what a model learnt from, its right half for what is new
ONE_OF_A_KIND = ("aisegcell", "ihc", "histology", "nuclei-a", "nuclei-b", "stardist", "dapi", "neurites")
# DIC by its looks and its folder, brightfield by its source's title; its spectrum is the same in all directions, which a relief's is not.
# Told, not judged
UNSURE = ("hela",)
FIGURE = (1173, 2585)  # of aisegcell
HISTOLOGY_IN_B = ("dsb_042", "dsb_044", "dsb_046", "dsb_048")


def cyto5(*words, quiet=True):
    run = subprocess.run([CYTO5, *map(str, words)], capture_output=quiet, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"cyto5 {' '.join(map(str, words[:3]))}: exit {run.returncode}\n{run.stderr or ''}")
    return run.stdout


def grey(path):
    from skimage import io
    image = io.imread(path)
    if image.ndim == 3 and image.shape[-1] in (3, 4):
        image = np.rint(image[..., :3].astype(float) @ [0.299, 0.587, 0.114]).astype(np.uint8)
    if image.shape == FIGURE:  # its left panel, drawn four times as large as it was recorded
        image = np.rint(image[8:1160, 8:1160].reshape(288, 4, 288, 4).mean(axis=(1, 3))).astype(np.uint8)
    return image


def images_of(name, root):
    channel, modality, pattern, mask, every, _ = SETS[name]
    paths = sorted(path for folder in root.split(",") for path in glob.glob(os.path.join(folder, pattern)))
    if name == "nuclei-b":
        paths = [p for p in paths if os.path.basename(p)[:7] not in HISTOLOGY_IN_B]
    for path in paths[::every]:
        stack, labels = grey(path), grey(mask(path)) if mask else None
        for k in range(0, len(stack), 3) if stack.ndim == 3 else [None]:
            yield (stack, labels) if k is None else (stack[k], labels[k])


def simulated(folder):
    """Rows of the sheet for cyto5's own simulated phase contrast, with cells that have a marker and without."""
    import tifffile
    for k in range(8):
        radius, marked = (6, 9, 14, 20)[k // 2], ["--differentiation", 1, "--fields", 2, "--channels", "phase,marker"] if k % 2 else []
        cyto5("simulate", f"{folder}/s{k}.h5", "--frames", 1, "--height", 320, "--width", 320, *marked, "--radius", radius, "--cells",
              9000 // radius ** 2 + 6, "--seed", 41 + k)
        with h5py.File(f"{folder}/s{k}.h5") as f:
            for name, e in f["experiments"].items():
                for channel in {"phase", "marker"} & set(e["raw"]):
                    one = f"simulated_{k}_{name}_{channel}"
                    tifffile.imwrite(f"{folder}/{one}.tif", e["raw"][channel][0])
                    yield f"{one},simulated,{'phase,phase' if channel == 'phase' else 'nuclei,fluorescence'},{one}.tif"


def prepare(root, out):
    import tifffile
    with tempfile.TemporaryDirectory() as folder:
        rows, masked = ["experiment,plate,channel,modality,path"], {}
        os.mkdir(f"{folder}/masks")
        for name, (channel, modality, _, mask, _, _) in SETS.items():
            k = -1
            for k, (image, labels) in enumerate(images_of(name, root)):
                one = f"{name}_{k:03d}"
                tifffile.imwrite(f"{folder}/{one}.tif", image)
                rows.append(f"{one},{name},{channel},{modality},{one}.tif")
                if labels is not None:
                    tifffile.imwrite(f"{folder}/masks/{one}.tif", labels.astype(np.uint16))
                    masked[name] = channel
            print(f"{name}: {k + 1} images", flush=True)
        rows += simulated(folder)
        open(f"{folder}/sheet.csv", "w").write("\n".join(rows) + "\n")
        begun = f"{out}.begun.h5"
        if os.path.exists(begun):
            os.remove(begun)
        cyto5("ingest", begun, "--sheet", f"{folder}/sheet.csv")
        for name, channel in masked.items():
            cyto5("segment", begun, "--method", "labels", "--labels", f"{folder}/masks", "--experiments", f"{name}_*", "--channel", channel,
                  "--min-area", 0, "--no-fill-holes")
        os.rename(begun, out)


def trained(container, name):
    with h5py.File(container) as f:
        return f"models/{name}/latest" in f


def train(container, name, without, *more):
    without = sorted(set(without) | {KIN[w] for w in without if w in KIN} | set(NOT_SHIPPED))
    words = ["identify", "train", container, "--name", name, *TRAIN, *more] + (["--without", ",".join(without)] if without else [])
    subprocess.run([CYTO5, *words], check=True)


def median_diameter(labels):
    edge = set(np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])))
    areas = np.bincount(labels.ravel())
    good = [a for k, a in enumerate(areas) if k and a >= 9 and k not in edge]
    return float(np.median(np.sqrt(4 * np.array(good) / np.pi))) if good else None


def recorded(container, sets):
    """name: [(image, median diameter or None)]"""
    found = {}
    with h5py.File(container) as f:
        for name, e in f["experiments"].items():
            plate = e.attrs["plate"]
            plate = plate.decode() if isinstance(plate, bytes) else plate
            if plate in sets:
                image = next(iter(e["raw"].values()))[0]
                labels = e["masks/latest"][0] if "masks" in e else None
                found.setdefault(plate, []).append((image, median_diameter(labels) if labels is not None else None))
    return found


def identify(model, images, references=()):
    import tifffile
    with tempfile.TemporaryDirectory() as folder:
        def put(kind, k, image):
            os.mkdir(f"{folder}/{kind}{k:04d}")
            tifffile.imwrite(f"{folder}/{kind}{k:04d}/image.tif", image)
            return f"{folder}/{kind}{k:04d}/image.tif"
        like = ",".join(put("like", k, image) for k, image in enumerate(references))
        words = [put("test", k, image) for k, image in enumerate(images)]
        return json.loads(cyto5("identify", "--json", "--model", model, *(["--like", like] if like else []), *words))


def resampled(image, factor):
    from skimage import transform
    if factor == 1:
        return image
    shape = [max(1, round(s * factor)) for s in image.shape]
    out = transform.resize(image.astype(np.float64), shape, order=3 if factor > 1 else 1, anti_aliasing=factor < 1, mode="reflect")
    return out.astype(np.float32)


def some(items, most):
    return [items[i] for i in sorted({k * (len(items) - 1) // max(1, most - 1) for k in range(most)})] if len(items) > most else list(items)


def scales(images, references, model):
    """Errors of the ratio, over images and factors."""
    tries = [(image, f) for image in images for f in (1.0, *FACTORS) if min(image.shape) * f >= 96 and max(image.shape) * f <= SIDE_MOST]
    answers = identify(model, [resampled(image, f) for image, f in tries], references)
    return [abs(a["ratio"] / f - 1) for a, (_, f) in zip(answers, tries)]


def judge_set(name, images, model):
    _, modality, *_ = SETS[name]
    native = identify(model, [i for i, _ in images])
    right = [a["modality"] == modality or (modality == "transmission" and a["modality"] != "fluorescence") for a in native]
    kinds = [a["kind"] == SETS[name][0] for a in native]
    plain = [i for i, _ in images]
    if name in ONE_OF_A_KIND:
        halves = [(i[:, :i.shape[1] // 2], i[:, i.shape[1] // 2:]) for i in some(plain, RESCALED)]
        errors = [e for left, right_half in halves for e in scales([right_half], [left], model)]
    else:
        errors = scales(some(plain[1::2], RESCALED), some(plain[::2], RESCALED), model)
    px = [a["diameter_px"] / d for a, (_, d) in zip(native, images) if d]
    told = " ".join(f"{w}:{sum(a['kind'] == w for a in native)}" for w in sorted({a["kind"] for a in native}))
    print(f"{name:10s} {modality:12s} {len(images):3d} images: modality {np.mean(right):.3f} ({told}); scale {100 * np.mean(errors):4.1f} % off "
          f"(median {100 * np.median(errors):.1f}, "
          f"{len(errors)} tries)" + (f"; diameter {100 * np.mean(np.abs(np.array(px) - 1)):.0f} % off masks', in the middle {np.median(px):.2f} x"
                                     if px else ""), flush=True)
    return {"set": name, "modality": modality, "right": [bool(r) for r in right], "kinds": [bool(k) for k in kinds],
            "errors": [float(e) for e in errors]}


def conclude(results):
    sure = [one for one in results if one["set"] not in UNSURE]
    every, by_set = [r for one in sure for r in one["right"]], [np.mean(one["right"]) for one in sure]
    errors, by_errors = [e for one in results for e in one["errors"]], [np.mean(one["errors"]) for one in results]
    kinds = [k for one in results for k in one["kinds"] if one["modality"] == "fluorescence"]
    everything = [r for one in results for r in one["right"]]
    print(f"modality: {np.mean(every):.4f} of {len(every)} images, mean of {len(by_set)} sets {np.mean(by_set):.4f}; "
          f"with {', '.join(UNSURE)}: {np.mean(everything):.4f} of {len(everything)}; "
          f"nuclei or structure {np.mean(kinds) if kinds else 1:.3f}")
    print(f"scale: {100 * np.mean(errors):.2f} % mean error, {100 * np.median(errors):.2f} % median, {len(errors)} tries; mean of "
          f"sets {100 * np.mean(by_errors):.2f} %")
    return 0 if np.mean(every) >= 0.95 and np.mean(errors) <= 0.05 else 1


def judge(container, model, sets, keep=None):
    """keep: a file of what was judged before, which is not judged again."""
    if "," in model:
        return [one for m, half in zip(model.split(","), HALVES) for one in judge(container, m, [name for name in half if name in sets], keep)]
    results = []
    for name in sets:
        kept = json.load(open(keep)) if keep and os.path.exists(keep) else []
        one = next((k for k in kept if k["set"] == name), None)
        if not one:
            images = recorded(container, [name]).get(name)
            if not images:
                continue
            one = judge_set(name, images, model)
            if keep:
                json.dump([*kept, one], open(f"{keep}.new", "w"))
                os.rename(f"{keep}.new", keep)
        results.append(one)
    return results


def main():
    what = sys.argv[1] if len(sys.argv) > 3 else ""
    if what == "prepare":
        return prepare(sys.argv[2], sys.argv[3])
    sets = sys.argv[4].split(",") if len(sys.argv) > 4 else None
    if what == "train":
        return train(sys.argv[2], sys.argv[3], sets or NOT_SHIPPED)
    if what == "judge":
        return conclude(judge(sys.argv[2], sys.argv[3], sets or list(SETS)))
    if what == "all":
        container = f"{sys.argv[3]}/sets.h5"
        if not os.path.exists(container):
            prepare(sys.argv[2], container)
        for k, half in enumerate(HALVES):
            if not trained(container, f"without{k}"):
                train(container, f"without{k}", (*half, "simulated"), "--resume")
        return conclude(judge(container, ",".join(f"{container}:without{k}" for k in range(2)), list(SETS), f"{sys.argv[3]}/judged.json"))
    print(__doc__)
    return 2


sys.exit(main())
