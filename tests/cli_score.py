"""cli_score.py – from crops to scores, screens, validations and maps: simulated cells of two states, a small network trained on one container and
asked about another. Every table is computed again from the one before it, with numpy."""
import csv
import json
import xml.etree.ElementTree

from support import *

SIM = ["--conditions", "control=0,senescent=1", "--plates", 2, "--frames", 2, "--cells", 14, "--height", 192, "--width", 192, "--radius", 9]
TRAIN = ["--label", "condition", "--model", "lenet", "--size", 32, "--epochs", 4, "--batch", 32, "--rate", 0.002]


def container(path, seed, fields, crop=32, extra=()):
    works("simulate", path, *SIM, "--fields", fields, "--seed", seed, *extra)
    works("objects", path)
    works("crop", path, "--size", crop)


def near(a, b, what, within=1e-6):
    a, b = np.asarray(a, float), np.asarray(b, float)
    return check(a.shape == b.shape and np.allclose(a, b, rtol=0, atol=within, equal_nan=True), f"{what}: {a.ravel()[:5]} against {b.ravel()[:5]}")


def table(path, experiment, product):
    with h5py.File(path, "r") as f:
        d = f[f"experiments/{experiment}/{product}/latest"]
        return d[()], dict(d.attrs)


def experiments(path):
    with h5py.File(path, "r") as f:
        return list(f["experiments"])


def softened(p, t):
    q = np.asarray(p, float) ** (1 / t)
    return q / q.sum(1, keepdims=True)


# ---- score and screen ----

def scores_hold(path, models, threshold=0.5):
    """Rows, frames and tracks of all experiments against each other; {experiment: scores}."""
    found = {}
    for name in experiments(path):
        rows, told = table(path, name, "scores")
        with h5py.File(path, "r") as f:
            index = f[f"experiments/{name}/crops/latest/index"][()]
            nodes = f[f"experiments/{name}/tracks/latest/nodes"][()]
        found[name] = rows
        check(told["models"].decode() == models and told["positive"] == b"senescent",
              f"{name}: scored by {told['models']}, positive {told['positive']}")
        check(all((rows[k] == index[k]).all() for k in ("object", "frame", "label")), f"{name}: rows are not those of the crops")
        near(rows["p_control"] + rows["p_senescent"], np.ones(len(rows)), f"{name}: probabilities add up")
        check((rows["score"] == rows["p_senescent"]).all() and (rows["class"] == (rows["p_senescent"] > rows["p_control"])).all(),
              f"{name}: score or class is not of the probabilities")
        p = np.clip(np.stack([rows["p_control"], rows["p_senescent"]], 1).astype(float), 1e-30, 1)
        near(rows["entropy"], -(p * np.log2(p)).sum(1), f"{name}: entropy", 1e-5)
        frames, _ = table(path, name, "score_frames")
        for row in frames:
            of = rows["score"][rows["frame"] == row["frame"]].astype(float)
            near([row["objects"], row["positive"], row["mean"], row["median"], row["share"]],
                 [len(of), (of >= threshold).sum(), of.mean(), np.median(of), (of >= threshold).mean()], f"{name}: frame {row['frame']}")
        tracks, _ = table(path, name, "score_tracks")
        track_of = {(n["frame"], n["label"]): n["track"] for n in nodes}
        on = np.array([track_of[(r["frame"], r["label"])] for r in rows])
        for row in tracks:
            of = rows[on == row["track"]]
            s = of["score"][np.argsort(of["frame"])].astype(float)
            near([row["objects"], row["mean"], row["at_first"], row["at_last"], row["least"], row["most"]],
                 [len(s), s.mean(), s[0], s[-1], s.min(), s.max()], f"{name}: track {row['track']}")
            called = s >= threshold
            onset = next((sorted(of["frame"])[k] for k in range(len(s)) if called[k:].all()), -1)
            check(row["onset"] == onset and row["changes"] == (np.diff(called.astype(int)) != 0).sum(),
                  f"{name}: track {row['track']}: onset {row['onset']}, expected {onset}")
            slope = np.polyfit(np.sort(of["frame"]).astype(float), s, 1)[0] if len(s) > 1 else 0
            near(row["slope"], slope, f"{name}: slope of track {row['track']}", 1e-5)
    return found


def screen_holds(path, scores):
    told = json.loads(works("screen", path, "--json").out)
    with h5py.File(path, "r") as f:
        stored = {k: f[f"screens/latest/{k}"][()] for k in f["screens/latest"]}
    check({k for k in told if isinstance(told[k], list)} == set(stored), f"screen tells {sorted(told)}, the container holds {sorted(stored)}")
    for row in told["experiments"]:
        s = scores[row["experiment"]]["score"].astype(float)
        near([row["objects"], row["mean"], row["share"]], [len(s), s.mean(), (s >= 0.5).mean()], f"screen of {row['experiment']}")
    conditions = {row["condition"]: row for row in told["conditions"]}
    for name, row in conditions.items():
        s = np.concatenate([v["score"] for k, v in scores.items() if k.startswith(name)]).astype(float)
        near([row["objects"], row["mean"]], [len(s), s.mean()], f"condition {name}")
    check(conditions["control"]["role"] == "negative" and conditions["senescent"]["mean"] > conditions["control"]["mean"] + 0.2,
          f"conditions are told apart: {conditions}")
    # A well's z, from its plate's controls alone.
    plate = [w for w in told["wells"] if w["plate"] == "plate1"]
    controls = np.array([w["mean"] for w in plate if w["role"] == "negative"])
    for w in plate:
        near(w["z"], (w["mean"] - controls.mean()) / controls.std(ddof=1), "z of a well", 1e-6)
    hit = next(h for h in told["hits"] if h["condition"] == "senescent")
    check(0 < hit["p"] <= 1 and hit["q"] >= hit["p"] - 1e-12, f"a test: {hit}")
    works("screen", path, "--out", "screen")
    check({"hits.csv", "wells.csv", "plates.svg", "volcano.svg"} <= set(os.listdir("screen")), f"screen writes {os.listdir('screen')}")
    with open("screen/experiments.csv") as f:
        near([float(r["mean"]) for r in csv.DictReader(f)], [r["mean"] for r in told["experiments"]], "means as CSV", 1e-12)


# ---- validate ----

def auc(truth, score):
    pos, neg = score[truth], score[~truth]
    return ((pos[:, None] > neg).sum() + 0.5 * (pos[:, None] == neg).sum()) / (len(pos) * len(neg))


def figures_of(truth, score, bins=15):
    called = score >= 0.5
    tp, fp, fn, tn = (called & truth).sum(), (called & ~truth).sum(), (~called & truth).sum(), (~called & ~truth).sum()
    n, at = len(truth), np.minimum((score * bins).astype(int), bins - 1)
    chance = ((tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)) / n ** 2
    held = np.clip(score, 2 ** -52, 1 - 2 ** -52)
    return {"accuracy": (tp + tn) / n, "recall": tp / (tp + fn), "specificity": tn / (tn + fp), "precision": tp / (tp + fp) if tp + fp else np.nan,
            "F1": 2 * tp / (2 * tp + fp + fn), "balanced_accuracy": (tp / (tp + fn) + tn / (tn + fp)) / 2,
            "kappa": ((tp + tn) / n - chance) / (1 - chance), "ROC_AUC": auc(truth, score), "MCC": np.corrcoef(truth, called)[0, 1] if called.any()
            and not called.all() else np.nan, "Brier": ((score - truth) ** 2).mean(), "log_loss": -np.log(np.where(truth, held, 1 - held)).mean(),
            "ECE": sum(abs((score - truth)[at == k].sum()) for k in range(bins)) / n}


def predictions(folder):
    with open(f"{folder}/predictions.csv") as f:
        return list(csv.DictReader(f))


def figures_agree(found, wanted, what):
    for name, value in wanted.items():
        got = found["figures"][name]
        near(np.nan if got is None else got, value, f"{what}: {name}", 1e-6)
        if name in found["intervals"]:
            low, high = found["intervals"][name]
            check(low <= high and low - 0.2 <= value <= high + 0.2, f"{what}: {name} is {value}, its interval {low} to {high}")


def validate(models, path, scores):
    told = json.loads(works("validate", models, path, "--label", "condition", "--json", "--out", "v", "--resamples", 200).out)
    rows = predictions("v")
    check(len(rows) == told["crops"] == sum(len(s) for s in scores.values()), f"{len(rows)} predictions, {told['crops']} crops")
    near([float(r["p_senescent"]) for r in rows], np.concatenate([scores[n]["score"] for n in experiments(path)]), "validate and score say the same")
    truth, score = np.array([r["truth"] == "senescent" for r in rows]), np.array([float(r["p_senescent"]) for r in rows])
    check(told["classes"] == {"control": int((~truth).sum()), "senescent": int(truth.sum())}, f"classes {told['classes']}")
    figures_agree(told, figures_of(truth, score), "all")
    called = score >= 0.5
    check(told["confusion"] == [[int((~truth & ~called).sum()), int((~truth & called).sum())],
                                [int((truth & ~called).sum()), int((truth & called).sum())]], f"confusion {told['confusion']}")
    check([p["plate"] for p in told["plates"]] == ["plate1", "plate2"], f"plates {told['plates']}")
    for p in told["plates"]:
        here = np.array([r["plate"] == p["plate"] for r in rows])
        check(p["crops"] == here.sum() and p["groups"] == len({r["group"] for r in rows if r["plate"] == p["plate"]}),
              f"{p['plate']}: {p['crops']} crops")
        figures_agree(p, figures_of(truth[here], score[here]), p["plate"])
    check(len(told["reliability"]) == 15 and sum(b["crops"] for b in told["reliability"]) == len(rows), "reliability counts all crops")
    check(told["calibration"] is None and told["group_by"] == "experiment" and told["groups"] == len(scores), f"groups by {told['group_by']}")
    again = json.loads(works("validate", models, path, "--label", "condition", "--json", "--resamples", 200).out)
    other = json.loads(works("validate", models, path, "--label", "condition", "--json", "--resamples", 200, "--seed", 2).out)
    check(again == told and other["intervals"] != told["intervals"] and other["figures"] == told["figures"], "intervals are the seed's")
    xml.etree.ElementTree.parse("v/reliability.svg")
    page = works("validate", models, path, "--label", "tracks.senescent", "--classes", "control=0,senescent=1").out
    check(f"{told['figures']['ROC_AUC']:.10g}" in page and "Plates" in page and "Confusion" in page, f"the page: {page}")
    views = json.loads(works("validate", models, path, "--label", "condition", "--json", "--views", 8, "--resamples", 0).out)
    check(views["figures"]["log_loss"] != told["figures"]["log_loss"] and "ROC_AUC" not in views["intervals"] and "accuracy" in views["intervals"],
          "eight views say something else; no resamples, Wilson's intervals")
    return truth, score


def calibrate(models, path, truth, score):
    told = json.loads(works("validate", models, path, "--label", "condition", "--json", "--out", "c", "--calibrate").out)
    c = told["calibration"]
    p = np.stack([1 - score, score], 1)

    def loss(t):
        return -np.log(softened(p, t)[np.arange(len(p)), truth.astype(int)]).mean()

    t = c["temperature"]
    grid = np.exp(np.linspace(-4, 4, 2001))
    best = grid[np.argmin([loss(g) for g in grid])]
    check(abs(np.log(t / best)) < 0.01, f"temperature {t}, the likeliest is {best}")
    near([c["log_loss_before"], c["log_loss_fitted"]], [loss(1), loss(t)], "log loss before and after", 1e-5)
    after = np.array([float(r["calibrated"]) for r in predictions("c")])
    near(c["figures"]["ROC_AUC"], auc(truth, after), "AUC after", 1e-9)
    near(c["figures"]["ECE"], figures_of(truth, after)["ECE"], "ECE after", 1e-9)
    stored = c["stored"].split(":/models/")
    shown = json.loads(works("model", "show", f"{stored[0]}:sen", "--json").out)
    check(shown["temperature"] == t and "condition" in shown["calibrated_on"], f"model show tells {shown['temperature']}, {shown['calibrated_on']}")
    with h5py.File(stored[0], "r") as f:
        revisions = [k for k in f["models/sen"] if k != "latest"]
        old, new = (f[f"models/sen/{k}"] for k in sorted(revisions))
        check(len(revisions) == 2 and new.attrs["temperature"] == t and "temperature" not in old.attrs, f"revisions {revisions}")
        check(new.attrs["sha256"] == old.attrs["sha256"] and new["history"][()].tobytes() == old["history"][()].tobytes(),
              "the weights and the history are as they were")
    clean(stored[0])
    return t


# ---- maps ----

def explain(path):
    works("explain", path, "--model", "learn.h5:sen", "--most", 6, "--out", "maps", "--experiments", "senescent_001")
    with h5py.File(path, "r") as f:
        e = f["experiments/senescent_001/explain/latest"]
        index, maps = e["index"][()], e["maps"][()]
        crops, scores = f["experiments/senescent_001/crops/latest/images"], f["experiments/senescent_001/scores/latest"][()]
        check(len(index) == 6 and maps.shape == (6, 1, *crops.shape[2:]) and maps.dtype == np.uint8, f"{maps.shape} maps of {len(index)} crops")
    check((maps.reshape(6, -1).max(1) >= 200).any() and len({m.tobytes() for m in maps}) > 1, "maps show something, each its own")
    for row in index:
        s = scores[row["crop"]]
        check((row["object"], row["frame"], row["label"]) == (s["object"], s["frame"], s["label"]) and row["class"] == s["class"],
              f"map of crop {row['crop']}: {row}, scored {s}")
        near(row["probability"], max(s["p_control"], s["p_senescent"]), f"what crop {row['crop']} is taken for", 1e-5)
        check(all(0 <= row[k] <= 1 for k in ("deletion", "insertion", "random_deletion", "random_insertion")), f"areas are shares: {row}")
    check(os.listdir("maps") == ["senescent_001_explain.png"] and os.path.getsize("maps/senescent_001_explain.png") > 1000,
          f"sheets: {os.listdir('maps')}")


# ---- what is refused ----

def refused(code, text, *arguments):
    r = run("validate", *arguments)
    check(r.code == code and len(r.errors) == 1 and text in r.errors[0] and len(r.err.splitlines()) == 1 and not r.out,
          f"validate {arguments}: wanted {code} and '{text}': {r}")


def bad_input():
    refused(2, "3 label sets (condition, tracks.senescent, tracks.positive); choose one with --label", "learn.h5:sen", "new.h5")
    refused(3, "are control by condition; at least two classes", "learn.h5:sen", "new.h5", "--label", "condition", "--experiments", "control*")
    refused(3, "'0' is no class of learn.h5:sen@", "learn.h5:sen", "new.h5", "--label", "tracks.positive")
    refused(3, "'control' is no class", "three.h5:sen", "new.h5", "--label", "condition")
    refused(3, "crops of 40x40 px, learn.h5:sen@", "learn.h5:sen", "large.h5", "--label", "condition")
    works("validate", "learn.h5:sen", "large.h5", "--label", "condition", "--resize")
    refused(3, "crops with pixels of 1.3 um, learn.h5:sen@", "learn.h5:sen", "coarse.h5", "--label", "condition")
    refused(3, "phase", "learn.h5:sen", "srs.h5", "--label", "condition")
    refused(3, "learnt from", "sen", "learn.h5", "--label", "condition")
    refused(3, "no model 'other'; there are sen", "learn.h5:other", "new.h5", "--label", "condition")
    refused(3, "no column nope", "learn.h5:sen", "new.h5", "--label", "index.nope")
    refused(2, "expected", "learn.h5:sen")


def rescaled():
    """The middle of larger crops is what crops of the learnt stretch of the world are; too small ones are refused."""
    ask = ["--model", "learn.h5:sen", "--no-screen"]
    r = works("score", "large.h5", *ask)
    check("crops show 26 um" in r.err and "learnt from 20.8 um" in r.err and "--rescale auto" in r.err, f"crops of another stretch: {r}")
    works("score", "large.h5", *ask, "--rescale", "auto")
    seen = {name: table("large.h5", name, "scores") for name in experiments("large.h5")}
    works("crop", "large.h5", "--size", 32)
    r = works("score", "large.h5", *ask)
    check("crops show" not in r.err, f"crops as learnt from: {r}")
    for name, (rows, told) in seen.items():
        check(told["windows"] == b"32" and np.array_equal(rows["score"], table("large.h5", name, "scores")[0]["score"]), f"{name}: middles of crops")
    works("score", "coarse.h5", *ask, "--rescale", "auto")
    check(table("coarse.h5", "control_001", "scores")[1]["windows"] == b"16", "half the pixels")
    works("score", "coarse.h5", *ask, "--rescale", 1.6)
    check(table("coarse.h5", "control_001", "scores")[1]["windows"] == b"20", "a factor")
    works("crop", "coarse.h5", "--size", 12)
    r = run("score", "coarse.h5", *ask, "--rescale", "auto")
    check(r.code == 3 and "cyto5 crop --size 16" in r.err, f"crops that show too little: {r}")
    r = run("score", "coarse.h5", *ask, "--rescale", "large")
    check(r.code == 2 and len(r.errors) == 1 and "auto, or a factor" in r.errors[0], f"no factor: {r}")


def other_kinds():
    """A model of stains is no classifier, nor the other way round: one line says what it is and what to do."""
    works("simulate", "stain.h5", "--channels", "phase,marker", "--differentiation", 1, "--efficiency-from", 0.5, "--fields", 2, "--frames", 1,
          "--cells", 14, "--height", 96, "--width", 96, "--radius", 9, "--patch", 40, "--seed", 6)
    works("stain", "train", "stain.h5", "--marker", "marker", "--block", 16, "--context", 8, "--width", 0.25, "--epochs", 1, "--per-epoch", 64,
          "--name", "st")
    stain = "stain.h5:st@r000002 is a model of stains (made by `cyto5 stain train`) and no classifier of crops; use it with `cyto5 stain predict`, or"
    sen = "learn.h5:sen is a classifier of crops (made by `cyto5 train`) and no "
    for text, words in ((stain, ["validate", "stain.h5:st", "new.h5", "--label", "condition"]),
                        (stain, ["score", "new.h5", "--model", "stain.h5:st"]), (stain, ["explain", "new.h5", "--model", "stain.h5:st"]),
                        (sen + "model of stains", ["stain", "predict", "stain.h5", "--model", "learn.h5:sen"]),
                        (sen + "model that identifies images", ["identify", "stain.h5", "--model", "learn.h5:sen"])):
        r = run(*words)
        check(r.code == 3 and len(r.errors) == 1 and text in r.errors[0] and not r.out, f"{words}: wanted '{text}': {r}")


def not_there():
    """A device or a layer that is not there is told once, before anything is begun."""
    before = content("new.h5")
    with h5py.File("stain.h5") as f:
        check(len(f["runs"]) == 2, "what was refused has begun a run")
    for text, words in (("use --device cpu", ["score", "new.h5", "--model", "learn.h5:sen", "--device", "cuda:99"]),
                        ("use --device cpu", ["explain", "new.h5", "--model", "learn.h5:sen", "--device", "cuda:99"]),
                        ("use --device cpu", ["validate", "learn.h5:sen", "new.h5", "--label", "condition", "--device", "cuda:99"]),
                        ("use --device cpu", ["stain", "predict", "stain.h5", "--model", "st", "--device", "cuda:99"]),
                        ("use --device cpu", ["identify", "new.h5", "--device", "cuda:99"]),
                        ("no layer none; `cyto5 model show` lists them", ["explain", "new.h5", "--model", "learn.h5:sen", "--layer", "none"])):
        r = run(*words)
        check(r.code == 3 and len(r.errors) == 1 and text in r.errors[0] and not r.warnings and not r.out, f"{words}: wanted '{text}' once: {r}")
    same({k: v for k, v in before.items() if k.startswith("/experiments/")},
         {k: v for k, v in content("new.h5").items() if k.startswith("/experiments/")}, "what was refused has left something")
    clean("new.h5")


def kept_back():
    """Folds of one container: each crop is judged by the model that did not see it, as the training told it."""
    shutil.copy("learn.h5", "folds.h5")
    works("train", "folds.h5", *TRAIN, "--folds", 2, "--name", "f", "--predictions", "p.tsv", "--watch", "last")
    told = json.loads(works("validate", "f-fold*", "folds.h5", "--label", "condition", "--kept-back", "--json", "--out", "k").out)
    with open("p.tsv") as f:
        trained = {(r["experiment"], int(r["crop"])): float(r["p_senescent"]) for r in csv.DictReader(f, delimiter="\t")}
    found = {(r["experiment"], int(r["crop"])): float(r["p_senescent"]) for r in predictions("k")}
    check(found.keys() == trained.keys() and told["left_out"] == 0, f"{len(found)} crops judged, {len(trained)} kept back")
    near([found[k] for k in sorted(found)], [trained[k] for k in sorted(found)], "out of fold, as the training said", 1e-4)
    one = json.loads(works("validate", "f-fold1", "folds.h5", "--label", "condition", "--kept-back", "--json").out)
    check(0 < one["crops"] < told["crops"] and one["crops"] + one["left_out"] == told["crops"], f"one fold judges {one['crops']} of {told['crops']}")


with Folder():
    container("learn.h5", 1, 4)
    container("new.h5", 2, 4)
    works("train", "learn.h5", *TRAIN, "--name", "sen", "--validation", 0)
    works("score", "new.h5", "--model", "learn.h5:sen")
    scores = scores_hold("new.h5", "learn.h5:sen@r000004")
    screen_holds("new.h5", scores)
    before = content("new.h5", "/experiments")
    truth, score = validate("learn.h5:sen", "new.h5", scores)
    check(auc(truth, score) > 0.7, f"the network has learnt something: AUC {auc(truth, score)}")
    check(content("new.h5", "/experiments") == before, "validate writes nothing into the container it judges by")
    explain("new.h5")
    works("score", "new.h5", "--model", "learn.h5:sen")
    check(all((table("new.h5", n, "scores")[0] == rows).all() for n, rows in scores.items()), "scored again, the same")
    t = calibrate("learn.h5:sen", "new.h5", truth, score)
    works("score", "new.h5", "--model", "learn.h5:sen")
    calibrated = scores_hold("new.h5", "learn.h5:sen@r000005")
    for name, rows in calibrated.items():
        p = np.stack([scores[name]["p_control"], scores[name]["p_senescent"]], 1)
        near(np.stack([rows["p_control"], rows["p_senescent"]], 1), softened(p, t), f"{name}: calibrated scores", 1e-5)
    works("score", "new.h5", "--model", "learn.h5:sen", "--no-calibrated", "--views", 8)
    views, told = table("new.h5", "control_001", "scores")
    check(told["temperatures"] == b"1" and not np.array_equal(views["score"], scores["control_001"]["score"]), "views change scores")
    clean("new.h5")
    works("simulate", "three.h5", *SIM, "--fields", 1, "--seed", 4)
    works("objects", "three.h5")
    works("crop", "three.h5", "--size", 32)
    works("train", "three.h5", *TRAIN[2:], "--label", "condition", "--classes", "young=control,old=senescent", "--epochs", 1, "--name", "sen",
          "--validation", 0)
    container("large.h5", 5, 1, crop=40)
    container("coarse.h5", 5, 1, extra=("--pixel-size", 1.3))
    container("srs.h5", 5, 1, extra=("--channels", "srs"))
    bad_input()
    rescaled()
    other_kinds()
    not_there()
    kept_back()
done("scores, screens, validations and maps hold")
