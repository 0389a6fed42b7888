#!/usr/bin/env python3
"""identify.py – how well `cyto5 identify` tells modality and scale of recordings whose source it has never seen. Needs scikit-image and tifffile beside h5py.

    identify.py prepare DATA OUT.h5           takes the published sets under DATA into one container: a plate for each set, masks where there are some
    identify.py train OUT.h5 NAME [SET,...]   trains a model on all of it but these sets, as the one that ships was
    identify.py judge OUT.h5 MODEL [SET,...]  puts these sets (all) through MODEL (FILE.h5:NAME)
    identify.py all DATA FOLDER               leaves every set out once, in two halves, and judges each by the model that has not seen it

Whole sets are kept back, never some images of one. What is judged:
    modality     of each image; fluorescence of nuclei and of other things is told apart besides
    scale        each image is resampled by known factors from 0.5 to 2 (scikit-image), and asked how much larger what it shows is than in a model's training
                 data: here the other images of its set as they were recorded (the image itself as recorded, where a set has one). The error is of that ratio
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
TRAIN = os.environ.get("C5_IDENTIFY_TRAIN", "--tiles 6000 --epochs 16 --rate 0.004 --batch 96 --precision bf16 --averaging 0.998 --decay 0.01 --warm-up 0.5 --prefetch").split()

# set: channel, modality, images, masks (None: none), every so many of them, may be learnt from for the model that ships
SETS = {
    "t98g": ("phase", "phase", "t98g-phase-instances/set??_phase.tif", lambda p: p.replace("_phase.tif", "_instances.png"), 1, True),
    "ecoli": ("phase", "phase", "ecoli-phase-lineage/01/t???.tif", lambda p: p.replace("01/t", "01_GT/TRA/man_track"), 3, True),
    "small": ("phase", "phase", "phase-small-stack/images.tif", lambda p: p.replace("images", "labels"), 1, True),
    "hela": ("dic", "dic", "hela-dic-lenet/dic_frames/t*.tif", None, 2, False),
    "hek": ("brightfield", "brightfield", "hek293a-vs-ht1080/*/*.jpg", None, 4, True),
    "histology": ("brightfield", "brightfield", "nuclei-dsb2018/images/dsb_04[2468].png", lambda p: p.replace("images", "labels").replace(".png", ".tif"), 1, True),
    "nuclei-a": ("nuclei", "fluorescence", "nuclei-dsb2018/images/dsb_0[012][02468].png", lambda p: p.replace("images", "labels").replace(".png", ".tif"), 1, True),
    "nuclei-b": ("nuclei", "fluorescence", "nuclei-dsb2018/images/dsb_0[34][02468].png", lambda p: p.replace("images", "labels").replace(".png", ".tif"), 1, True),
    "stardist": ("nuclei", "fluorescence", "stardist-nuclei/*img2d.tif", lambda p: p.replace("img2d", "mask2d"), 1, True),
    "fluo-sim": ("nuclei", "fluorescence", "fluo-sim-lineage/01/t???.tif", lambda p: p.replace("01/t", "01_GT/SEG/man_seg"), 3, False),
    "dapi": ("nuclei", "fluorescence", "neurons-transmitted-fluorescence/dapi*.png", None, 1, True),
    "neurites": ("structure", "fluorescence", "neurons-transmitted-fluorescence/[mn]*_confocal*.png", None, 1, True),
    "neurons": ("phase", "transmission", "neurons-transmitted-fluorescence/phase_z*.png", None, 4, True),
}
HALVES = (("t98g", "small", "hek", "nuclei-a", "fluo-sim", "dapi", "neurites", "neurons"), ("ecoli", "histology", "nuclei-b", "stardist", "hela"))
NOT_SHIPPED = [name for name, s in SETS.items() if not s[5]]
# one source for two names: nothing of it is learnt when either is kept back
KIN = {"nuclei-a": "nuclei-b", "nuclei-b": "nuclei-a", "dapi": "neurites", "neurites": "dapi"}
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
    return image


def images_of(name, root):
    channel, modality, pattern, mask, every, _ = SETS[name]
    paths = sorted(glob.glob(os.path.join(root, pattern)))
    if name == "nuclei-b":
        paths = [p for p in paths if os.path.basename(p)[:7] not in HISTOLOGY_IN_B]
    for path in paths[::every]:
        stack, labels = grey(path), grey(mask(path)) if mask else None
        for k in range(0, len(stack), 3) if stack.ndim == 3 else [None]:
            yield (stack, labels) if k is None else (stack[k], labels[k])


def prepare(root, out):
    import tifffile
    with tempfile.TemporaryDirectory() as folder:
        rows, masked = ["experiment,plate,channel,modality,path"], {}
        os.mkdir(f"{folder}/masks")
        for name, (channel, modality, _, mask, _, _) in SETS.items():
            for k, (image, labels) in enumerate(images_of(name, root)):
                one = f"{name}_{k:03d}"
                tifffile.imwrite(f"{folder}/{one}.tif", image)
                rows.append(f"{one},{name},{channel},{modality},{one}.tif")
                if labels is not None:
                    tifffile.imwrite(f"{folder}/masks/{one}.tif", labels.astype(np.uint16))
                    masked[name] = channel
            print(f"{name}: {k + 1} images", flush=True)
        open(f"{folder}/sheet.csv", "w").write("\n".join(rows) + "\n")
        cyto5("ingest", out, "--sheet", f"{folder}/sheet.csv")
        for name, channel in masked.items():
            cyto5("segment", out, "--method", "labels", "--labels", f"{folder}/masks", "--experiments", f"{name}_*", "--channel", channel, "--min-area", 0, "--no-fill-holes")


def train(container, name, without):
    without = sorted(set(without) | {KIN[w] for w in without if w in KIN})
    words = ["identify", "train", container, "--name", name, *TRAIN] + (["--without", ",".join(without)] if without else [])
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


def identify(model, images):
    import tifffile
    with tempfile.TemporaryDirectory() as folder:
        for k, image in enumerate(images):
            os.mkdir(f"{folder}/{k:04d}")
            tifffile.imwrite(f"{folder}/{k:04d}/image.tif", image)
        answers = json.loads(cyto5("identify", "--json", "--model", model, *[f"{folder}/{k:04d}/image.tif" for k in range(len(images))]))
    return answers


def factors_for(image):
    return [f for f in FACTORS if min(image.shape) * f >= 96 and max(image.shape) * f <= SIDE_MOST]


def resampled(image, factor):
    from skimage import transform
    shape = [max(1, round(s * factor)) for s in image.shape]
    out = transform.resize(image.astype(np.float64), shape, order=3 if factor > 1 else 1, anti_aliasing=factor < 1, mode="reflect")
    return out.astype(np.float32)


def judge_set(name, images, model):
    _, modality, *_ = SETS[name]
    native = identify(model, [i for i, _ in images])
    few = {i * (len(images) - 1) // max(1, min(RESCALED, len(images)) - 1) for i in range(min(RESCALED, len(images)))}
    tries = [(k, f) for k, (image, _) in enumerate(images) if k in few for f in factors_for(image)]
    scaled = identify(model, [resampled(images[k][0], f) for k, f in tries]) if tries else []
    right = [a["modality"] == modality or (modality == "transmission" and a["modality"] != "fluorescence") for a in native]
    kinds = [a["kind"] == SETS[name][0] for a in native]
    size = [a["diameter_px"] for a in native]
    own = [abs(a["diameter_px"] / size[k] / f - 1) for a, (k, f) in zip(scaled, tries)]
    errors = []
    for a, (k, f) in zip(scaled, tries):
        others = [i for i in range(len(images)) if i != k] or [k]
        reference, truth = statistics.median(size[i] for i in others), f
        known = [images[i][1] for i in others]
        if images[k][1] and all(known):  # objects differ from image to image: what is true is known
            truth = f * images[k][1] / statistics.median(known)
        errors.append(abs(a["diameter_px"] / reference / truth - 1))
    px = [abs(s / d - 1) for s, (_, d) in zip(size, images) if d]
    also = [s["modality"] == n["modality"] for s, n in zip(scaled, [native[k] for k, _ in tries])]
    told = " ".join(f"{w}:{sum(a['kind'] == w for a in native)}" for w in sorted({a["kind"] for a in native}))
    print(f"{name:10s} {modality:12s} {len(images):3d} images: modality {np.mean(right):.3f} ({told}), rescaled alike {np.mean(also) if also else 1:.3f}; "
          f"scale: own {100 * np.mean(own):5.1f} %, set's {100 * np.mean(errors):5.1f} %" + (f"; diameter {100 * np.mean(px):.0f} % off, bias {np.median([s / d for s, (_, d) in zip(size, images) if d]):.2f}" if px else ""), flush=True)
    return {"set": name, "modality": modality, "right": right, "kinds": kinds, "own": own, "errors": errors, "px": px}


def conclude(results):
    every = [r for one in results for r in one["right"]]
    by_set = [np.mean(one["right"]) for one in results]
    own, errors = [e for one in results for e in one["own"]], [e for one in results for e in one["errors"]]
    kinds = [k for one in results for k in one["kinds"] if one["modality"] == "fluorescence"]
    print(f"modality: {np.mean(every):.4f} of {len(every)} images, mean of {len(by_set)} sets {np.mean(by_set):.4f}; nuclei or structure {np.mean(kinds) if kinds else 1:.3f}")
    print(f"scale: {100 * np.mean(own):.2f} % against the same image as recorded ({len(own)} tries), {100 * np.mean(errors):.2f} % against the set's others")
    return 0 if np.mean(every) >= 0.95 and np.mean(own) <= 0.05 else 1


def judge(container, model, sets):
    found = recorded(container, sets)
    return [judge_set(name, found[name], model) for name in sets if name in found]


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
        prepare(sys.argv[2], container)
        results = []
        for k, half in enumerate(HALVES):
            train(container, f"without{k}", half)
            results += judge(container, f"{container}:without{k}", half)
        return conclude(results)
    print(__doc__)
    return 2


sys.exit(main())
