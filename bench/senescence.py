#!/usr/bin/python3
"""senescence.py – classifiers against the truth, from images to figures, by the commands a user would type.

    bench/senescence.py plates [K [EPOCHS [SEED]]]
        simulated senescent and control cells: K networks trained on 4 plates, judged on 2 with other light, blur and density
    bench/senescence.py modalities [SEED]
        three simulated modalities, 100 labelled cells a class: each alone, fused early and late, and all together
    bench/senescence.py hek [DIR] [SEEDS]
        real cells of two lines, few labels: 5 folds by field, transfer, ensemble

SEED numbers other plates and another training. SEEDS ("1", "1-5"): as many ways to deal fields to folds; the figures are means over them.
DIR has a folder of single-cell images a class (default C5_CROPS), the field's number in their names. C5_THREADS: of the trainings (1)."""
import csv
import json
import os
import random
import sys

from benchlib import CYTO5, ROOT, Scratch, end, run, tell

os.environ["OMP_NUM_THREADS"] = os.environ.get("C5_THREADS", "1")
PURE = ["--conditions", "control=0,senescent=1", "--frames", 1, "--height", 384, "--width", 384]


def cyto5(*words):
    wall, _, text = run([CYTO5, *words], 3600)
    return text, wall


def validate(model, path, *words):
    return json.loads(cyto5("validate", model, path, "--label", "condition", "--json", *words)[0])


def interval(v, name):
    low, high = v["intervals"].get(name, (float("nan"), float("nan")))
    return {"low": low, "high": high}


# ---- plates ----

def plate_container(path, crop, *words):
    """Cells by their true masks: what segmentation adds is measured elsewhere (segment.py)."""
    cyto5("simulate", path, *PURE, *words)
    cyto5("objects", path)
    cyto5("crop", path, "--size", crop)


def perfect_error(folder, bins=15, times=200):
    """What the calibration error would be on average if the probabilities were true: labels drawn anew from them."""
    with open(f"{folder}/predictions.csv", encoding="utf-8") as f:
        scores = [float(row["calibrated"]) for row in csv.DictReader(f)]
    draw, total = random.Random(1), 0.0
    for _ in range(times):
        gap = [0.0] * bins
        for p in scores:
            gap[min(bins - 1, int(p * bins))] += (draw.random() < p) - p
        total += sum(abs(g) for g in gap) / len(scores)
    return total / times


def highest_error(folder, bins=15):
    """The calibration error by Guo et al. 2017: of the class called, its probability against the share called right."""
    with open(f"{folder}/predictions.csv", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    gap = [0.0] * bins
    for row in rows:
        p, positive = float(row["calibrated"]), row["truth"] == "senescent"
        high = max(p, 1 - p)
        gap[min(bins - 1, int(high * bins))] += ((p >= 0.5) == positive) - high
    return sum(abs(g) for g in gap) / len(rows)


def plates(folder, members, epochs, views, seed):
    learn, held, test = (f"{folder}/{n}.h5" for n in ("learn", "held", "test"))
    # Plates differ in light (to +-40 %), blur (-30 to +80 %), shading and density (to +-50 %): four to learn from, two to fit the temperature to,
    # two to be judged by.
    for path, number, fields in ((learn, 4, 48), (held, 2, 8), (test, 2, 16)):
        plate_container(path, 50, "--plates", number, "--plate-spread", 1, "--fields", fields, "--seed",
                        3 * seed - 2 + (learn, held, test).index(path))
    _, trained = cyto5("train", learn, "--label", "condition", "--model", "sesmo", "--dropout", 0, "--augment", "strong", "--scaling", "crop",
                       "--epochs", epochs, "--batch", 32, "--members", members, "--group", "plate", "--validation", 0, "--watch", "last",
                       "--averaging", 0.99, "--name", "sen", "--seed", seed)
    raw = validate(f"{learn}:sen*@4", test, "--views", views)
    held_back = validate(f"{learn}:sen*", held, "--views", views, "--calibrate")
    stored = validate(f"{learn}:sen*", test, "--views", views)
    crossed = validate(f"{learn}:sen*@4", test, "--views", views, "--calibrate", "--group", "position", "--out", f"{folder}/crossed")["calibration"]
    told = {p["plate"]: p["figures"]["ROC_AUC"] for p in raw["plates"]}
    tell("senescence", f"new plates, sesmo, {members} of {epochs} epochs, ROC AUC of cells (true masks)", raw["figures"]["ROC_AUC"], 0.98, unit="",
         crops=raw["crops"], **interval(raw, "ROC_AUC"), **told)
    tell("senescence", "new plates, ECE with the temperature of two further plates", stored["figures"]["ECE"], None, unit="",
         before=raw["figures"]["ECE"], temperature=held_back["calibration"]["temperature"])
    tell("senescence", "new plates, ECE with temperatures fitted to other positions of them", crossed["figures"]["ECE"], 0.03, atleast=False, unit="",
         before=raw["figures"]["ECE"], of_true_probabilities=perfect_error(f"{folder}/crossed"), temperature=crossed["temperature"])
    tell("senescence", "the same of the class called (Guo et al. 2017)", highest_error(f"{folder}/crossed"), None, unit="")
    print(f"trained in {trained:.0f} s; accuracy {raw['figures']['accuracy']:.4f}, Brier {raw['figures']['Brier']:.4f}")


# ---- modalities ----

KINDS = ("srs", "tpef", "transmission")
BACKBONE = os.path.join(ROOT, "models", "mobilenet_v1_0.25_128.h5") + ":mobilenet_v1_0.25_128"
# A head over all layers of a network of photographs, which stays as it is.
TRANSFER = ["--from", BACKBONE, "--features", "Conv2d_*_pointwise", "--optimizer", "logistic", "--augment", "none", "--flip", "--quarters",
            "--epochs", 16, "--watch", "last"]


def modalities(folder, seed):
    learn, test = f"{folder}/learn.h5", f"{folder}/test.h5"
    sim = ["--channels", ",".join(KINDS), "--plates", 2, "--variation", 0.3, "--noise", 4]
    plate_container(learn, 64, *sim, "--fields", 6, "--seed", 2 * seed - 1)
    plate_container(test, 64, *sim, "--fields", 12, "--seed", 2 * seed)
    train = ["--label", "condition", "--per-class", 100, "--validation", 0, "--scaling", "percentile", "--seed", seed]
    late = ["--model", "lenet", "--size", 48, "--batch", 20, "--epochs", 60, "--averaging", 0.98, "--watch", "last", "--members", 3,
            "--fusion", "late", "--drop-channel", 0.2]
    ways = {k: [*TRANSFER, "--size", 128, "--channels", k] for k in KINDS} | {"early": [*TRANSFER, "--size", 128], "late": late}
    figures = {}
    for name, words in ways.items():
        cyto5("train", learn, *train, *words, "--name", name)
        figures[name] = validate(f"{learn}:{name}*", test, "--resize", "--views", 8)["figures"]
    every = validate(",".join(f"{learn}:{name}*" for name in ways), test, "--resize", "--views", 8)
    best = max(figures[k]["accuracy"] for k in KINDS)
    for name, value in figures.items():
        tell("senescence", f"three modalities, 100 cells a class: accuracy of {name if name in KINDS else name + ' fusion'}", value["accuracy"], None,
             unit="", ROC_AUC=value["ROC_AUC"])
    accuracy = every["figures"]["accuracy"]
    tell("senescence", "three modalities, 100 cells a class: accuracy of the ensemble", accuracy, 0.95, unit="", crops=every["crops"],
         ROC_AUC=every["figures"]["ROC_AUC"], **interval(every, "accuracy"))
    tell("senescence", "three modalities: the ensemble over the best single modality, accuracy gained", accuracy - best, 0.0, unit="")
    # A modality is missing: the late one was trained to do without.
    cyto5("crop", test, "--size", 64, "--channels", "srs,tpef")
    less = validate(f"{learn}:late-*", test, "--resize", "--views", 8)["figures"]
    tell("senescence", "three modalities: late fusion without transmission, accuracy", less["accuracy"], None, unit="", ROC_AUC=less["ROC_AUC"])


# ---- real cells, few labels ----

SIZES = (128, 160, 192) # what a pixel of each layer sees, in three sizes: an ensemble, so that none has to be chosen


def spread(values):
    m = sum(values) / len(values)
    return m, (sum((v - m) ** 2 for v in values) / max(1, len(values) - 1)) ** 0.5


def hek(folder, source, seeds):
    pooled, each, spent = [], {size: [] for size in SIZES}, 0
    for seed in seeds:
        path = f"{folder}/hek{seed}.h5"
        cyto5("import", "crops", path, source)
        for size in SIZES:
            _, trained = cyto5("train", path, *TRANSFER, "--size", size, "--scaling", "range", "--label", "condition", "--folds", 5, "--seed", seed,
                               "--name", f"hek{size}")
            spent += trained
            figures = validate(f"hek{size}-fold*", path, "--kept-back", "--resize", "--views", 8, "--resamples", 0)["figures"]
            each[size].append((figures["accuracy"], figures["ROC_AUC"]))
        pooled.append(validate("hek*-fold*", path, "--kept-back", "--resize", "--views", 8))
        f = pooled[-1]["figures"]
        print(f"seed {seed}: accuracy {f['accuracy']:.4f}, AUC {f['ROC_AUC']:.4f}", flush=True)
    for size in SIZES:
        print(f"{size} px alone: accuracy {spread([a for a, _ in each[size]])[0]:.4f}, AUC {spread([u for _, u in each[size]])[0]:.4f}")
    for name, bar in (("accuracy", 0.90), ("ROC_AUC", 0.95)):
        mean, sd = spread([v["figures"][name] for v in pooled])
        low, high = (sum(interval(v, name)[k] for v in pooled) / len(pooled) for k in ("low", "high"))
        tell("senescence", f"HEK293A against HT1080, 5 folds by field, mean of {len(pooled)} dealings: {name}", mean, bar, unit="",
             crops=pooled[0]["crops"], low=low, high=high, sd_of_dealings=sd, seeds=list(seeds))
    print(f"trained in {spent:.0f} s")


def seeds_of(text):
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


what = sys.argv[1] if len(sys.argv) > 1 else "plates"
with Scratch("senescence") as scratch:
    if what == "plates":
        members, epochs, seed = (int(w) for w in (sys.argv[2:] + ["5", "12", "1"][len(sys.argv[2:]):])[:3])
        plates(scratch.path, members, epochs, 4 if members == 1 else 2, seed)
    elif what == "modalities":
        modalities(scratch.path, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    else:
        source = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("C5_CROPS")
        if what != "hek" or not source or not os.path.isdir(source):
            print(__doc__)
            sys.exit(77)
        hek(scratch.path, source, seeds_of(sys.argv[3] if len(sys.argv) > 3 else "1"))
end()
