"""cli_train.py – `cyto5 train` on crops of real cells and of simulated ones: settings from flags and files, splits and folds, members, what is kept
with a model, transfer, what is refused and how; and `train` as a step of a pipeline, from recordings to scores."""
import csv
import hashlib
import signal

from support import *

CELLS = os.path.join(DATA, "hek293a-vs-ht1080")
MODEL = """name: tiny
inputs: { image: [1, SIDE, SIDE] }
layers:
  - { name: c1, conv: { filters: 8, kernel: 3, stride: 2, activation: relu } }
  - { name: p1, max_pool: { size: 2 } }
  - { name: c2, conv: { filters: 8, kernel: 3, activation: relu } }
  - { name: pool, global_pool: {} }
  - { name: logits, dense: { units: 2 } }
  - { name: prob, softmax: {} }
outputs: [prob]
"""
SIM = """seed: 3
steps:
  - simulate: {fields: 3, frames: 1, height: 160, width: 160, cells: 10, cycle: 0, conditions: "control=0,senescent=1"}
  - objects
  - crop: {size: 24}
"""
QUICK = ("--model", "tiny.yml", "--resize", "--batch", 16, "--device", "cpu")


def trained(path, *more, source="cells.h5", **how):
    shutil.copy(source, path)
    return works("train", path, *QUICK, *more, **how)


def models(path):
    return content(path, "/models")


def weights(path, name="tiny", layer="c1"):
    with h5py.File(path) as f:
        return f[f"models/{name}/latest/weights/{layer}/weights"][:]


def refused(code, says, *arguments, **how):
    r = run("train", *arguments, **how)
    said = " ".join(r.errors)
    check(r.code == code and len(r.errors) == 1 and all(s in said for s in ([says] if isinstance(says, str) else says)),
          f"{arguments}: exit {code} and {says!r} expected: {r}")
    return r


def text(f, path):
    value = f[path][()]
    return value.decode() if isinstance(value, bytes) else str(value)


def flags_and_files():
    trained("flags.h5", "--name", "m", "--label", "condition", "--epochs", 3, "--augment", "strong", "--noise", 0, "--mixup", 0.2, "--rate", 0.003,
            "--balance", "sample")
    write("train.yml", "name: m\nmodel: tiny.yml\nresize: true\nbatch: 16\nlabel: condition\nepochs: 3\nnoise: 0 # beside the preset\naugment: "
                       "strong\nmixup: 0.2\nrate: 0.003\nbalance: sample\n")
    shutil.copy("cells.h5", "file.h5")
    works("train", "file.h5", "--config", "train.yml", "--device", "cpu")
    same(models("flags.h5"), models("file.h5"), "flags and a file")
    shutil.copy("cells.h5", "over.h5")
    works("train", "over.h5", "--config", "train.yml", "--device", "cpu", "--epochs", 1)
    with h5py.File("over.h5") as f, h5py.File("file.h5") as g:
        check(len(f["models/m/latest/history"]) == 1 and len(g["models/m/latest/history"]) == 3, "the command line goes before the file")
        # What is kept with a model trains it again.
        write("again.yml", text(g, "models/m/latest/settings"))
    shutil.copy("cells.h5", "again.h5")
    works("train", "again.h5", "--config", "again.yml", "--device", "cpu")
    same(models("file.h5"), models("again.h5"), "the settings kept with a model")
    write("bad.yml", "epochs: 3\nagument: strong\n")
    refused(2, ["bad.yml:2:", "did you mean augment"], "cells.h5", "--config", "bad.yml")
    write("bad.yml", "epochs: many\n")
    refused(2, ["bad.yml:1:", "epochs", "'many' is no"], "cells.h5", "--config", "bad.yml")
    refused(2, "none, published, standard, strong", "cells.h5", "--augment", "wild")


def what_is_kept():
    r = trained("kept.h5", "--epochs", 4, "--watch", "auc", "--schedule", "step", "--every", 2, "--clip", 1, "--warm-up", 0.5, "--smoothing", 0.1,
                "--loss", "focal", "--predictions", "p.tsv", "--validate", "293A_*3,HT1080_*0")
    check("/models/tiny/r000002" in r.out and "accuracy" in r.out and "293A 32, HT1080 32" in r.err, f"what is said: {r} {r.out}")
    with h5py.File("kept.h5") as f:
        m = f["models/tiny/latest"]
        h = m["history"][:]
        check(h.dtype.names == ("epoch", "rate", "loss", "validation_loss", "gradient_norm", "accuracy", "balanced_accuracy", "auc"),
              f"history has {h.dtype.names}")
        check(list(h["epoch"]) == [1, 2, 3, 4] and np.isfinite(h["gradient_norm"]).all() and np.allclose(h["rate"], [1e-3, 1e-3, 1e-4, 1e-4],
                rtol=1e-6), f"history: {h}")
        metrics = {row["name"].decode(): row["value"] for row in m["metrics"][:]}
        best = int(metrics["best_epoch"])
        check(h["auc"].max() == h["auc"][best - 1] == metrics["auc"], f"best by auc: {h['auc']}, {metrics}")
        check([c["name"] for c in m["classes"][:]] == [b"293A", b"HT1080"], f"classes {m['classes'][:]}")
        data = m["data"][:]
        parts = {p: set(data["path"][data["part"] == p]) for p in (b"training", b"validation")}
        check(not parts[b"training"] & parts[b"validation"] and data["items"].sum() == 64, f"data: {parts}")
        check(all((b"/293A_" in p and p.split(b"/")[2].endswith(b"3")) or (b"/HT1080_" in p and p.split(b"/")[2].endswith(b"0"))
                  for p in parts[b"validation"]),
              f"kept back: {parts[b'validation']}")
        for row in data: # whole experiments: all crops of each, in their order
            sums = b"".join(hashlib.sha256(crop.tobytes()).digest() for crop in f[row["path"].decode()][()])
            check(row["items"] == len(sums) // 32 and row["sha256"].decode() == hashlib.sha256(sums).hexdigest(), f"digest of {row}")
        kept = int(data["items"][data["part"] == b"validation"].sum())
        check("scaling: channel" in text(f, "models/tiny/latest/preprocessing") and m["channels"][0]["name"] == b"brightfield", "preprocessing")
        check("checkpoint" not in m and m.attrs["origin"] == b"trained" and f["runs/r000002"].attrs["state"] == b"complete", "the end of a training")
    rows = list(csv.DictReader(open("p.tsv"), delimiter="\t"))
    right = sum((float(row["p_HT1080"]) > float(row["p_293A"])) == (row["label"] == "HT1080") for row in rows)
    check(len(rows) == kept and abs(right / kept - metrics["accuracy"]) < 1e-9, f"predictions: {right} of {len(rows)}, {kept} kept, {metrics}")
    r = works("model", "show", "kept.h5:tiny")
    check("293A, HT1080" in r.out and "brightfield" in r.out and "auc" in r.out, f"model show: {r.out}")
    clean("kept.h5")
    # what it looks at, on one sheet of all fields
    sides = []
    for most in (6, 48):
        r = works("explain", "kept.h5", "--model", "tiny", "--most", 2, "--no-check", "--together", "--sheet", most, "--out", "maps")
        check(os.listdir("maps") == ["explain.png"] and r.out == "maps/explain.png\n", f"a sheet for all: {os.listdir('maps')}: {r} {r.out}")
        sides.append(struct.unpack(">II", open("maps/explain.png", "rb").read(24)[16:]))
    check(sides[1][0] > sides[0][0] and sides[1][1] > sides[0][1], f"sheets of 6 and of 48 crops: {sides}")


def dropout():
    """Another rate for all dropout layers: another training, and the model kept says so."""
    write("drops.yml", MODEL.replace("SIDE", "24").replace("  - { name: pool", "  - { name: d1, dropout: { rate: 0.5 } }\n  - { name: pool"))
    for path, rate in (("as-is.h5", []), ("half.h5", ["--dropout", 0.5]), ("none.h5", ["--dropout", 0])):
        trained(path, "--model", "drops.yml", "--epochs", 2, "--validation", 0, *rate)
    check((weights("as-is.h5") == weights("half.h5")).all() and (weights("as-is.h5") != weights("none.h5")).any(), "the rate is used")
    for path, rate in (("half.h5", 0.5), ("none.h5", 0)):
        r = works("model", "show", f"{path}:tiny", "--yaml")
        check(f"dropout: {{ rate: {rate} }}" in r.out, f"{path}: {r.out}")


def folds_and_members():
    r = trained("folds.h5", "--name", "m", "--epochs", 1, "--folds", 3, "--members", 2, "--predictions", "p.tsv")
    with h5py.File("folds.h5") as f:
        names = sorted(f["models"])
        check(names == [f"m-fold{k}-{j}" for k in (1, 2, 3) for j in (1, 2)], f"models {names}")
        kept = [set(row["path"] for row in f[f"models/m-fold{k}-1/latest/data"][:] if row["part"] == b"validation") for k in (1, 2, 3)]
        check(not kept[0] & kept[1] and not kept[0] & kept[2] and not kept[1] & kept[2] and len(kept[0] | kept[1] | kept[2]) == 26,
              "every field is kept back once")
        check([row["part"] for row in f["models/m-fold1-1/latest/data"][:]] == [row["part"] for row in f["models/m-fold1-2/latest/data"][:]],
              "members share the split")
    rows = list(csv.DictReader(open("p.tsv"), delimiter="\t"))
    check(len(rows) == 64 and len({(row["experiment"], row["crop"]) for row in rows}) == 64, f"{len(rows)} predictions of 64 crops")
    check("member 2" in r.out and "each by the fold that did not see it, mean of the members" in r.out and "[" in r.out, f"what is said: {r.out}")
    trained("one.h5", "--name", "m", "--epochs", 1, "--folds", 3, "--fold", 2)
    same({k: v for k, v in content("one.h5", "/models/m/r000002/weights").items()},
         {k.replace("m-fold2-1", "m"): v for k, v in content("folds.h5", "/models/m-fold2-1/r000002/weights").items()}, "a fold by itself")


def transfer():
    trained("base.h5", "--epochs", 2, "--validation", 0)
    with h5py.File("base.h5") as f:
        check(set(f["models/tiny/latest/data"]["part"]) == {b"training"} and np.isnan(f["models/tiny/latest/history"]["validation_loss"]).all(),
              "nothing kept back")
    r = trained("frozen.h5", "--from", "base.h5:tiny", "--freeze", "p1", "--epochs", 2, "--name", "n")
    check("4 layers taken" in r.err or "3 layers taken" in r.err, f"what is taken: {r}")
    before = {layer: weights("base.h5", layer=layer) for layer in ("c1", "c2", "logits")}
    after = {layer: weights("frozen.h5", "n", layer) for layer in before}
    check((before["c1"] == after["c1"]).all() and (before["c2"] != after["c2"]).any() and (before["logits"] != after["logits"]).any(),
          "layers up to p1 stay")
    trained("rates.h5", "--from", "base.h5:tiny", "--layer-rates", "c?=0,logits=2", "--decay", 0, "--epochs", 1, "--name", "n")
    after = {layer: weights("rates.h5", "n", layer) for layer in before}
    check((before["c1"] == after["c1"]).all() and (before["c2"] == after["c2"]).all() and (before["logits"] != after["logits"]).any(),
          "rates of layers")
    # a model that ships, learnt from colour: its head goes, its first layer is summed
    shutil.copy("cells.h5", "mobile.h5")
    ships = os.path.join(os.environ.get("C5_SOURCE", ".."), "models", "mobilenet_v1_0.25_128.h5") + ":mobilenet_v1_0.25_128"
    r = works("train", "mobile.h5", "--from", ships, "--size", 32, "--epochs", 1, "--per-class", 4, "--batch", 8, "--name", "cells", "--validation",
              0)
    check("layers taken from" in r.err and "1 begins anew" in r.err, f"transfer from a model that ships: {r}")
    check(weights("mobile.h5", "cells", first_layer("mobile.h5", "cells")).shape[1] == 1, "one channel")
    # its layers as they are, and logistic regression on the means of their maps
    r = works("train", "mobile.h5", "--from", ships, "--size", 32, "--epochs", 2, "--features", "Conv2d_[1-9]_pointwise", "--optimizer", "logistic",
              "--name", "head")
    check("720 features" in r.err and "draws: fitted in" in r.err, f"a head by itself: {r}")
    with h5py.File("mobile.h5") as f:
        check(len(f["models/head/latest/history"]) == 1 and f["models/head/latest/history"]["auc"][0] > 0.5, "its history")
    refused(2, "begin with a trained model", "cells.h5", *QUICK, "--optimizer", "logistic")
    refused(3, "has no such layer", "cells.h5", *QUICK, "--from", "base.h5:tiny", "--features", "x*")
    refused(3, "has no such layer", "cells.h5", *QUICK, "--from", "base.h5:tiny", "--freeze", "c9")
    refused(2, "--from", "cells.h5", *QUICK, "--freeze", "c1")
    refused(2, "GLOB=FACTOR", "cells.h5", *QUICK, "--layer-rates", "c1")
    refused(3, "matches 'x*'", "cells.h5", *QUICK, "--layer-rates", "x*=2")
    refused(3, ["base.h5", "tiny"], "cells.h5", *QUICK, "--from", "base.h5:other")
    refused(2, "FILE.h5:NAME", "cells.h5", *QUICK, "--from", "other")


def first_layer(path, name):
    with h5py.File(path) as f:
        return f[f"models/{name}/latest/arrays"][0]["layer"].decode()


def refusals():
    refused(3, "one class only, 293A", "cells.h5", *QUICK, "--classes", "293A")
    refused(3, "class HeLa has no example; leave it out of --classes", "cells.h5", *QUICK, "--classes", "293A,HT1080,HeLa")
    refused(3, ["the split leaks: experiment", "--force-leak"], "cells.h5", *QUICK, "--split", "crop")
    trained("leak.h5", "--split", "crop", "--force-leak", "--epochs", 1)
    refused(3, "no group matches 'B*'; groups by experiment: ", "cells.h5", *QUICK, "--validate", "B*")
    refused(3, "27 folds of 26 groups", "cells.h5", *QUICK, "--folds", 27)
    refused(2, "--fold 4", "cells.h5", *QUICK, "--folds", 3, "--fold", 4)
    refused(3, ["crops of 112x112 px, tiny takes 24x24", "--resize"], "cells.h5", "--model", "tiny.yml")
    write("rgb.yml", MODEL.replace("SIDE", "112").replace("[1,", "[3,"))
    refused(3, ["its input has 3 channels, the crops give it 1", "--channels"], "cells.h5", "--model", "rgb.yml")
    refused(3, ["channel red", "brightfield"], "cells.h5", *QUICK, "--channels", "red")
    write("three.yml", MODEL.replace("SIDE", "112").replace("units: 2", "units: 3"))
    refused(3, "its output has 3 classes, the crops have 2", "cells.h5", "--model", "three.yml")
    refused(3, "did you mean lenet?", "cells.h5", "--model", "lenett")
    refused(2, ["--dropout 0.2", "tiny", "no dropout layers"], "cells.h5", *QUICK, "--dropout", 0.2)
    refused(2, "dropout", "cells.h5", *QUICK, "--dropout", 1)
    refused(2, "--watch dice", "leak.h5", *QUICK, "--watch", "dice", "--epochs", 1)
    refused(2, "plateau", "cells.h5", *QUICK, "--schedule", "linear")
    refused(2, "epochs", "cells.h5", *QUICK, "--epochs", 0)
    refused(3, "no class 293", "cells.h5", *QUICK, "--class-weights", "293=2")
    refused(2, "CLASS=FACTOR", "cells.h5", *QUICK, "--class-weights", "293A")
    trained("heavy.h5", "--epochs", 4, "--rate", 0.02, "--class-weights", "HT1080=50", "--validation", 0, "--predictions", "h.tsv", "--folds", 2,
            "--fold", 1)
    rows = list(csv.DictReader(open("h.tsv"), delimiter="\t"))
    check(np.mean([float(row["p_HT1080"]) for row in rows]) > 0.7, "a class that weighs more is called more often")
    refused(3, "nothing.h5", "nothing.h5", *QUICK)
    # the same field under another name: the same pixels on both sides
    shutil.copytree(CELLS, "twice", ignore=shutil.ignore_patterns("*.md", "LICENSE"))
    shutil.copy("twice/HT1080/HT1080-000000-1-1.jpg", "twice/HT1080/HT1080-000099-1-1.jpg")
    works("import", "crops", "twice.h5", "twice")
    refused(3, ["have the same pixels", "HT1080_0", "HT1080_99"], "twice.h5", *QUICK, "--validate", "HT1080_99,293A_3")
    # no crops yet
    works("simulate", "bare.h5", "--fields", 1, "--frames", 1, "--height", 64, "--width", 64, "--cells", 3)
    refused(3, ["no crops", "cyto5 crop"], "bare.h5", *QUICK)


def two_label_sets():
    shutil.copy("sim.h5", "two.h5")
    with h5py.File("two.h5", "r+") as f:
        for k, e in enumerate(f["experiments"].values()):
            e.attrs["compound"] = np.bytes_("dmso" if k % 2 else "nutlin")
    r = refused(2, ["condition", "compound", "--label"], "two.h5", *QUICK)
    trained("named.h5", "--label", "compound", "--epochs", 1, source="two.h5")
    with h5py.File("named.h5") as f:
        check([c["name"] for c in f["models/tiny/latest/classes"][:]] == [b"dmso", b"nutlin"], "classes of the label asked for")
    refused(3, "dose", "two.h5", *QUICK, "--label", "dose")


def loss_goes_wrong():
    """The first training is fine, the second explodes after a few epochs: what was there stays, the best epoch is kept beside it."""
    trained("nan.h5", "--epochs", 2)
    before = weights("nan.h5")
    r = run("train", "nan.h5", *QUICK, "--optimizer", "sgd", "--momentum", 0, "--rate", 4, "--decay", 1, "--schedule", "constant", "--epochs", 200)
    check(r.code == 3 and len(r.errors) == 1 and "epoch" in r.errors[0] and "--rate" in r.errors[0] and "kept" in r.errors[0],
          f"loss without a number: {r}")
    with h5py.File("nan.h5") as f:
        check(f["runs/r000003"].attrs["state"] == b"failed", f"state {f['runs/r000003'].attrs['state']}")
        check(f["models/tiny"].get("latest", getlink=True).path == "r000002", "latest moved")
        kept = f["models/tiny/r000003"]
        check(np.isfinite(kept["weights/c1/weights"][:]).all() and b"--rate" in kept.attrs["note"] and len(kept["history"]) >= 1,
              "the best epoch is kept, and why")
    check((weights("nan.h5") == before).all(), "the model before")
    clean("nan.h5")
    r = works("train", "nan.h5", *QUICK, "--epochs", 1)
    check((weights("nan.h5") != before).any(), "another training after a failed one")


def resume():
    shutil.copy("sim.h5", "cut.h5")
    command = ("train", "cut.h5", *QUICK, "--label", "condition", "--epochs", 60, "--save-every", 0.0001)
    p = start(*command)
    while "epoch 3/" not in p.stderr.readline() and p.poll() is None:
        pass
    p.send_signal(signal.SIGUSR1)
    r = finish(p)
    check(r.code == 75 and "--resume" in r.err, f"stopped: {r}")
    refused(2, "the settings differ", *command[1:], "--resume", "--rate", 0.5)
    r = works(*command, "--resume")
    check("resumed" in r.err and "epoch 1/" not in r.err, f"gone on: {r}")
    trained("undisturbed.h5", "--label", "condition", "--epochs", 60, "--save-every", 0.0001, source="sim.h5")
    same(models("undisturbed.h5"), models("cut.h5"), "stopped and not")


def modalities():
    """A branch a modality, products in bfloat16; trained with channels left out at times, it scores cells of which one is missing, else not."""
    sim = ["--conditions", "control=0,senescent=1", "--fields", 3, "--frames", 1, "--height", 160, "--width", 160, "--cells", 10, "--cycle", 0,
           "--seed", 4]
    for path, channels in (("both.h5", "srs,tpef"), ("tpef.h5", "tpef")):
        works("simulate", path, *sim, "--channels", channels)
        works("objects", path)
        works("crop", path, "--size", 24)
    late = ["--label", "condition", "--fusion", "late", "--epochs", 2, "--validation", 0, "--cutout", 0.3, "--precision", "bf16", "--prefetch"]
    trained("strict.h5", *late, "--name", "late", source="both.h5")
    trained("free.h5", *late, "--drop-channel", 0.3, "--name", "late", source="both.h5")
    with h5py.File("free.h5") as f:
        m = f["models/late/latest"]
        check([c["name"] for c in m["channels"][:]] == [b"srs", b"tpef"] and {"b1.c1", "b2.c1"} <= set(m["weights"]),
              f"branches: {list(m['weights'])}")
        check(np.isfinite(m["history"]["loss"]).all(), f"loss in bfloat16: {m['history'][:]}")
    r = run("score", "tpef.h5", "--model", "strict.h5:late")
    check(r.code == 3 and len(r.errors) == 1 and "srs" in r.errors[0], f"a modality is missing: {r}")
    works("score", "both.h5", "--model", "free.h5:late")
    works("score", "tpef.h5", "--model", "free.h5:late")
    with h5py.File("tpef.h5") as one, h5py.File("both.h5") as both:
        for name, e in one["experiments"].items():
            p, q = (x["score"] for x in (e["scores/latest"][:], both[f"experiments/{name}/scores/latest"][:]))
            check(len(p) == len(e["crops/latest/index"]) and np.isfinite(p).all(), f"{name}: scores {p}")
            check(len(p) != len(q) or (p != q).any(), f"{name}: what is missing makes no difference")


def terminal():
    """On a terminal a curve is drawn, over itself; elsewhere lines are written (above)."""
    import pty
    shutil.copy("cells.h5", "live.h5")
    master, slave = pty.openpty()
    p = subprocess.Popen([CYTO5, "train", "live.h5", *map(str, QUICK), "--epochs", "3"], stdout=subprocess.DEVNULL, stderr=slave, env=environment())
    os.close(slave)
    seen = b""
    try:
        while part := os.read(master, 65536):
            seen += part
    except OSError:
        pass  # the other end was closed
    os.close(master)
    p.wait(LIMIT)
    check(p.returncode == 0 and b"\033[" in seen and b"A\r" in seen and b"o" in seen and b"x" in seen and b"epoch 3/3" in seen,
          f"exit {p.returncode}; the terminal shows {seen[-2000:]}")


def devices():
    refused(2, "device 'gpu': expected auto, cpu, cuda or cuda:N", "cells.h5", *QUICK[:-1], "gpu")
    refused(2, "device 'cuda:x'", "cells.h5", *QUICK[:-1], "cuda:x")
    refused(3, ["device 'cuda", "use --device cpu"], "cells.h5", *QUICK[:-1], "cuda:99")
    check(not any(name.startswith("cells.h5.") for name in os.listdir(".")), "a device that is not there leaves something behind")


STEPS = SIM + ("  - train: {name: sen, label: condition, model: tiny.yml, resize: true, epochs: 3, batch: 16, augment: published, shift: 0.1, "
               "members: 2, "
               "watch: accuracy}\n  - score: {model: \"sen-*\"}\n")


def steps():
    write("all.yml", STEPS)
    works("run", "all.yml", "run.h5")
    with h5py.File("run.h5") as f:
        check(sorted(f["models"]) == ["sen-1", "sen-2"] and all(f["models"][m].get("latest", getlink=True).path == "r000001" for m in f["models"]),
              "models of a run")
        for e in f["experiments"].values():
            check(e["scores/latest"].attrs["models"] == b"sen-1@r000001,sen-2@r000001" and len(e["scores/latest"]) == len(e["crops/latest/index"]),
                  "scores of a run")
        configuration = text(f, "runs/r000001/configuration")
        check("shift: 0.1" in configuration and "rotate: 180" in configuration and "flip: true" in configuration,
              "the preset's settings are in the record")
        settings = text(f, "models/sen-1/latest/settings")
    check("scale: 0\n" in settings and "shift: 0.1\n" in settings, f"settings of a model: {settings}")
    clean("run.h5")
    works("run", "all.yml", "ranks.h5", ranks=2)
    check(run("diff", "run.h5", "ranks.h5").code == 0, "a pipeline that trains, on one and two ranks")
    # again: nothing to do; another setting: trained and scored anew; by the command, with the same settings: known
    write("on.yml", "seed: 3\nsteps:\n" + "".join(line + "\n" for line in STEPS.splitlines() if "train" in line or "score" in line))
    r = works("run", "on.yml", "run.h5")
    check("is there already, by the same settings" in r.err, f"again: {r}")
    with h5py.File("run.h5") as f:
        check("r000002" not in f["models/sen-1"] and "r000002" not in f["experiments/control_001/scores"], "made again")
    write("on.yml", open("on.yml").read().replace("epochs: 3", "epochs: 2"))
    r = works("run", "on.yml", "run.h5")
    check("again: other settings" in r.err, f"another setting: {r}")
    with h5py.File("run.h5") as f:
        check("r000003" in f["models/sen-1"] and f["experiments/control_001/scores/latest"].attrs["models"] == b"sen-1@r000003,sen-2@r000003",
              "not scored anew")
    # killed in the midst of the training
    write("long.yml", STEPS.replace("epochs: 3", "epochs: 40, save-every: 0.0001"))
    works("run", "long.yml", "all.h5")
    for ranks in (2,) if sanitized() else (0, 2):
        path = f"killed{ranks}.h5"
        p = start("run", "long.yml", path, "--json", f"{path}.log", ranks=ranks)
        end = time.time() + 60
        while time.time() < end and p.poll() is None and not (os.path.exists(f"{path}.log") and open(f"{path}.log").read().count('"epoch"') > 8):
            time.sleep(0.01)
        victims = ranks_of(p) if ranks else {0: p.pid}
        os.kill(victims[max(victims)], signal.SIGKILL)
        finish(p)
        with h5py.File(path) as f:
            check(f["runs/r000001"].attrs["state"] == b"running", "was over before it could be killed")
        r = works("run", "long.yml", path, "--resume")
        same(content("all.h5"), content(path), "killed while it trains, and not")
    # what is refused before anything is written
    for change, says in ((("name: sen, ", ""), "what is the model to be called"), (("sen-*", "sne-*"), "sne-*"),
                         (("augment: published", "augment: wild"), "none, published"), (("epochs: 3", "epocs: 3"), "epochs"),
                         (("members: 2", "from: none.h5:x"), "none.h5")):
        check(change[0] in STEPS, change[0])
        write("bad.yml", STEPS.replace(*change))
        r = run("run", "bad.yml", "bad.h5")
        check(r.code in (2, 3) and len(r.errors) == 1 and says in r.errors[0] and not os.path.exists("bad.h5"), f"{change}: {r}")


with Folder():
    works("import", "crops", "cells.h5", CELLS)
    write("tiny.yml", MODEL.replace("SIDE", "24"))
    write("sim.yml", SIM)
    works("run", "sim.yml", "sim.h5")
    for part in (flags_and_files, what_is_kept, dropout, folds_and_members, transfer, refusals, two_label_sets, loss_goes_wrong, resume, modalities,
                 terminal, devices, steps):
        since = time.time()
        part()
        print(f"{part.__name__}: {time.time() - since:.1f} s", flush=True)
done("trainings")
