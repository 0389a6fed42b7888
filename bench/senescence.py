#!/usr/bin/python3
"""senescence.py – classifiers against the truth, from images to figures, by the commands a user would type.

    bench/senescence.py plates [K [EPOCHS]]  simulated senescent and control cells: trained on 4 plates, judged on 2 with other light, blur and density
    bench/senescence.py modalities           three simulated modalities, 100 labelled cells a class: each alone, fused early and late, and all together
    bench/senescence.py hek [DIR] [SEEDS]    real cells of two lines, few labels: 5 folds by field, transfer, augmentation, ensemble

DIR has a folder of single-cell images a class (default C5_CROPS), the field's number in their names. C5_THREADS: of the trainings (1)."""
import json
import os
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


def plates(folder, members, epochs, views):
    learn, held, test = (f"{folder}/{n}.h5" for n in ("learn", "held", "test"))
    # Plates differ in light (to +-40 %), blur (-30 to +80 %), shading and density (to +-50 %): four to learn from, two to fit the temperature to, two to be judged by.
    for path, number, fields in ((learn, 4, 16), (held, 2, 8), (test, 2, 16)):
        plate_container(path, 50, "--plates", number, "--plate-spread", 1, "--fields", fields, "--seed", 1 + (learn, held, test).index(path))
    _, trained = cyto5("train", learn, "--label", "condition", "--model", "sesmo", "--augment", "strong", "--scaling", "crop", "--epochs", epochs, "--batch", 32, "--members", members, "--group", "plate",
                       "--validation", 0, "--watch", "last", "--averaging", 0.99, "--name", "sen")
    raw = validate(f"{learn}:sen*@4", test, "--views", views)
    held_back = validate(f"{learn}:sen*", held, "--views", views, "--calibrate")
    stored = validate(f"{learn}:sen*", test, "--views", views)
    crossed = validate(f"{learn}:sen*@4", test, "--views", views, "--calibrate", "--group", "position")["calibration"]
    told = {p["plate"]: p["figures"]["ROC_AUC"] for p in raw["plates"]}
    tell("senescence", f"new plates, sesmo, {members} of {epochs} epochs, ROC AUC of cells (true masks)", raw["figures"]["ROC_AUC"], 0.98, unit="", crops=raw["crops"], **interval(raw, "ROC_AUC"), **told)
    tell("senescence", "new plates, ECE with the temperature of two further plates", stored["figures"]["ECE"], None, unit="", before=raw["figures"]["ECE"],
         temperature=held_back["calibration"]["temperature"])
    tell("senescence", "new plates, ECE with temperatures fitted to other positions of them", crossed["figures"]["ECE"], 0.03, atleast=False, unit="", before=raw["figures"]["ECE"],
         temperature=crossed["temperature"])
    print(f"trained in {trained:.0f} s; accuracy {raw['figures']['accuracy']:.4f}, Brier {raw['figures']['Brier']:.4f}")


# ---- modalities ----

KINDS = ("srs", "tpef", "transmission")


def modalities(folder):
    learn, test = f"{folder}/learn.h5", f"{folder}/test.h5"
    sim = ["--channels", ",".join(KINDS), "--plates", 2, "--variation", 0.3, "--noise", 4]
    plate_container(learn, 64, *sim, "--fields", 6, "--seed", 1)
    plate_container(test, 64, *sim, "--fields", 12, "--seed", 2)
    train = ["--label", "condition", "--per-class", 100, "--validation", 0, "--model", "lenet", "--size", 48, "--batch", 20, "--epochs", 60, "--watch", "last", "--averaging", 0.98,
             "--members", 3]
    ways = {k: ["--channels", k] for k in KINDS} | {"early": [], "late": ["--fusion", "late", "--drop-channel", 0.2]}
    figures = {}
    for name, words in ways.items():
        cyto5("train", learn, *train, *words, "--name", name)
        figures[name] = validate(f"{learn}:{name}-*", test, "--resize", "--views", 8)["figures"]
    every = validate(",".join(f"{learn}:{name}-*" for name in ways), test, "--resize", "--views", 8)
    best = max(figures[k]["accuracy"] for k in KINDS)
    for name, value in figures.items():
        tell("senescence", f"three modalities, 100 cells a class: accuracy of {name if name in KINDS else name + ' fusion'}, 3 networks", value["accuracy"], None, unit="", ROC_AUC=value["ROC_AUC"])
    accuracy = every["figures"]["accuracy"]
    tell("senescence", "three modalities, 100 cells a class: accuracy of the ensemble", accuracy, 0.95, unit="", crops=every["crops"], **interval(every, "accuracy"))
    tell("senescence", "three modalities: the ensemble over the best single modality, accuracy gained", accuracy - best, 0.0, unit="")
    # A modality is missing: the late one was trained to do without.
    cyto5("crop", test, "--size", 64, "--channels", "srs,tpef")
    less = validate(f"{learn}:late-*", test, "--resize", "--views", 8)["figures"]
    tell("senescence", "three modalities: late fusion without transmission, accuracy", less["accuracy"], None, unit="", ROC_AUC=less["ROC_AUC"])


# ---- real cells, few labels ----

BACKBONE = os.path.join(ROOT, "models", "mobilenet_v1_0.25_128.h5") + ":mobilenet_v1_0.25_128"


def hek(folder, source, seeds):
    for seed in range(1, seeds + 1):
        path = f"{folder}/hek{seed}.h5"
        cyto5("import", "crops", path, source)
        _, trained = cyto5("train", path, "--from", BACKBONE, "--size", 224, "--label", "condition", "--folds", 5, "--members", 3, "--seed", seed, "--name", "hek", "--watch", "last",
                           "--epochs", 50, "--batch", 16, "--rate", 0.001, "--warm-up", 3, "--clip", 1, "--freeze", "Conv2d_5_pointwise", "--layer-rates", "Conv2d_*=0.3",
                           "--averaging", 0.98)
        v = validate("hek-fold*", path, "--kept-back", "--resize", "--views", 8)
        folds = [validate(f"hek-fold{k}-*", path, "--kept-back", "--resize", "--views", 8, "--resamples", 0)["figures"] for k in range(1, 6)]
        for name, bar in (("accuracy", 0.90), ("ROC_AUC", 0.95)):
            tell("senescence", f"HEK293A against HT1080, 5 folds by field, seed {seed}: {name}", v["figures"][name], bar, unit="", crops=v["crops"], **interval(v, name),
                 folds=[round(f[name], 4) for f in folds])
        print(f"trained in {trained:.0f} s")


what = sys.argv[1] if len(sys.argv) > 1 else "plates"
with Scratch("senescence") as scratch:
    if what == "plates":
        members, epochs = (int(w) for w in (sys.argv[2:] + ["1", "25"][len(sys.argv[2:]):])[:2])
        plates(scratch.path, members, epochs, 4 if members == 1 else 2)
    elif what == "modalities":
        modalities(scratch.path)
    else:
        source = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("C5_CROPS")
        if what != "hek" or not source or not os.path.isdir(source):
            print(__doc__)
            sys.exit(77)
        hek(scratch.path, source, int(sys.argv[3]) if len(sys.argv) > 3 else 1)
end()
