"""cli_model.py – cyto5 model: networks shown, taken in from Keras files of every layout and given back, put to work, copied; each checked
against NumPy (keras_small.py); and every file that is not as it should be refused in one line by name."""
import json
import os
import re

import numpy as np

from keras_small import Model
from support import Folder, check, clean, done, h5py, run, works, write

SOURCE = os.environ.get("C5_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
rng = np.random.default_rng(11)


def numbers(*shape):
    return rng.normal(0, 0.4, shape).astype(np.float32)


def near_one(n):
    return rng.uniform(0.6, 1.5, n).astype(np.float32)


def settings(**more):
    return dict({"padding": "valid", "strides": [1, 1], "use_bias": True, "activation": "linear", "data_format": "channels_last"}, **more)


def norm_weights(n):
    return [("gamma", near_one(n)), ("beta", numbers(n)), ("moving_mean", numbers(n)), ("moving_variance", near_one(n))]


def refused(text, *arguments, code=3):
    r = run("model", *arguments)
    check(r.code == code and len(r.errors) == 1 and re.search(text, r.errors[0]), f"{arguments}: expected '{text}', got {r}")


def difference(address, model, x, what):
    """Puts x through both."""
    np.save("x.npy", x.astype(np.float32))
    works("model", "apply", address, "x.npy", "y.npy", "--channels-last", "--force", "--batch", 3, "--device", "cpu")
    got, want = np.load("y.npy"), model.forward([x])
    same = check(got.shape == want.shape, f"{what}: {got.shape}, expected {want.shape}")
    worst = np.abs(got - want).max() / max(1.0, np.abs(want).max()) if same else np.inf
    check(worst < 2e-6, f"{what}: differs by {worst}")


# ---- models ----

def classifier():
    """A chain, with what follows a flattening counted in another order by us: a norm and a dense layer."""
    m = Model("chain")
    m.add("InputLayer", "images", config={"batch_input_shape": [None, 13, 10, 2]})
    m.add("Conv2D", "conv2d", config=settings(filters=6, kernel_size=[3, 2], strides=[2, 1], padding="same", activation="relu"),
          weights=[("kernel", numbers(3, 2, 2, 6)), ("bias", numbers(6))])
    m.add("BatchNormalization", "bn", config={"axis": [3], "epsilon": 1e-3, "momentum": 0.99, "center": True, "scale": True}, weights=norm_weights(6))
    m.add("MaxPooling2D", "pool", config={"pool_size": [2, 2], "strides": [2, 2], "padding": "same"})
    m.add("LeakyReLU", "leaky", config={"alpha": 0.2})
    m.add("Flatten", "flat", config={"data_format": "channels_last"})
    m.add("BatchNormalization", "bn2", config={"axis": [1], "epsilon": 1e-3, "momentum": 0.9, "center": False, "scale": False},
          weights=norm_weights(120)[2:])
    m.add("Dropout", "drop", config={"rate": 0.5})
    m.add("Dense", "dense", config={"units": 7, "activation": "tanh", "use_bias": True}, weights=[("kernel", numbers(120, 7)), ("bias", numbers(7))])
    m.add("Dense", "probabilities", config={"units": 4, "activation": "softmax", "use_bias": False}, weights=[("kernel", numbers(7, 4))])
    return m


def branches():
    """A graph with most kinds of layers."""
    m = Model("graph")
    m.add("InputLayer", "in", config={"batch_input_shape": [None, None, None, 4]})
    a = m.add("ZeroPadding2D", "zeros", config={"padding": [[0, 1], [1, 0]]})
    a = m.add("Conv2D", "block/one", [a], settings(filters=4, kernel_size=[3, 3], strides=[2, 2], groups=2, use_bias=False),
              [("kernel", numbers(3, 3, 2, 4))])
    a = m.add("ReLU", "six", [a], {"max_value": 6.0, "negative_slope": 0.0, "threshold": 0.0})
    b = m.add("DepthwiseConv2D", "deep", ["in"], settings(kernel_size=[3, 3], strides=[2, 2], padding="same", depth_multiplier=2, activation="elu"),
              [("depthwise_kernel", numbers(3, 3, 4, 2)), ("bias", numbers(8))])
    b = m.add("SeparableConv2D", "apart", [b], settings(filters=4, kernel_size=[3, 3], padding="same", depth_multiplier=1, dilation_rate=[2, 2]),
              [("depthwise_kernel", numbers(3, 3, 8, 1)), ("pointwise_kernel", numbers(1, 1, 8, 4)), ("bias", numbers(4))])
    c = m.add("Add", "sum", [a, b])
    c = m.add("GroupNormalization", "group", [c], {"groups": 2, "axis": -1, "epsilon": 1e-3, "center": True, "scale": True},
              [("gamma", near_one(4)), ("beta", numbers(4))])
    d = m.add("Conv2DTranspose", "up", [c], settings(filters=3, kernel_size=[3, 3], strides=[2, 2], padding="same", activation="sigmoid"),
              [("kernel", numbers(3, 3, 3, 4)), ("bias", numbers(3))])
    e = m.add("UpSampling2D", "larger", [c], {"size": [2, 2], "interpolation": "bilinear", "data_format": "channels_last"})
    f = m.add("Concatenate", "both", [d, e, "in"], {"axis": -1})
    f = m.add("AveragePooling2D", "mean", [f], {"pool_size": [3, 3], "strides": [2, 2], "padding": "same"})
    f = m.add("Dense", "each_pixel", [f], {"units": 5, "activation": "relu", "use_bias": True}, [("kernel", numbers(11, 5)), ("bias", numbers(5))])
    f = m.add("GlobalAveragePooling2D", "all", [f], {"data_format": "channels_last"})
    m.add("Activation", "p", [f], {"activation": "softmax"})
    return m


def steps():
    m = Model("steps")
    m.add("InputLayer", "in", config={"batch_input_shape": [None, 6, 3]})
    for name, inputs, units, all_states in (("lstm", 3, 4, True), ("lstm_1", 4, 5, False)):
        m.add("LSTM", name, config={"units": units, "return_sequences": all_states, "activation": "tanh", "recurrent_activation": "sigmoid",
                                    "use_bias": True},
              weights=[("lstm_cell/kernel", numbers(inputs, 4 * units)), ("lstm_cell/recurrent_kernel", numbers(units, 4 * units)),
                       ("lstm_cell/bias", numbers(4 * units))])
    m.add("Dense", "dense", config={"units": 1, "activation": "sigmoid", "use_bias": True}, weights=[("kernel", numbers(5, 1)), ("bias", numbers(1))])
    return m


def layouts():
    """Every way Keras writes these, read to the same numbers."""
    x = {"chain": rng.normal(size=(5, 13, 10, 2)), "graph": rng.normal(size=(4, 10, 12, 4)), "steps": rng.normal(size=(4, 6, 3))}
    for m in (classifier(), branches(), steps()):
        size = ["--size", "10x12"] if m.name == "graph" else []
        m.legacy("fixed.h5", m.functional())
        m.legacy("variable.h5", m.functional(keras3=True), variable=True, pieces=3, suffix="")
        m.legacy("chain.h5", m.sequential() if m.name == "chain" else m.functional())
        m.archive("new.keras", m.functional(keras3=True))
        for file in ("fixed.h5", "variable.h5", "chain.h5", "new.keras"):
            works("model", "import", file, f"all.h5:{m.name}", *size)
            difference(f"all.h5:{m.name}", m, x[m.name], f"{m.name} from {file}")
        # weights alone, for the architecture we have; a separable convolution is two layers of ours
        if m.name != "graph":
            m.legacy("alone.h5")
            m.keras3("alone.weights.h5")
            for file in ("alone.h5", "alone.weights.h5"):
                works("model", "import", file, "all.h5:alone", "--architecture", f"all.h5:{m.name}")
                difference("all.h5:alone", m, x[m.name], f"{m.name} from {file}")
        # and back
        works("model", "export", f"all.h5:{m.name}", "back.h5", "--force")
        works("model", "import", "back.h5", "all.h5:back")
        difference("all.h5:back", m, x[m.name], f"{m.name} there and back")
        works("model", "export", f"all.h5:{m.name}", "back.weights.h5", "--force")
        works("model", "import", "back.weights.h5", "all.h5:back", "--architecture", f"all.h5:{m.name}")
        difference("all.h5:back", m, x[m.name], f"{m.name} there and back, weights alone")
        if m.name == "steps":
            with h5py.File("alone.weights.h5") as theirs, h5py.File("back.weights.h5") as given:
                for i in (0, 1, 2):
                    at = f"layers/lstm_1/cell/vars/{i}"
                    check((theirs[at][:] == given[at][:]).all(), f"{at} is not where Keras has it")
    m = classifier()
    m.keras3("half.weights.h5", "bfloat16")
    works("model", "import", "half.weights.h5", "all.h5:half", "--architecture", "all.h5:chain")
    for k in m.layers:
        k["weights"] = [(n, (a.view(np.uint32) & 0xffff0000).view(np.float32)) for n, a in k["weights"]]
    difference("all.h5:half", m, x["chain"], "bfloat16 weights")


def by_name():
    m = classifier()
    m.legacy("alone.h5")
    del m.layers[-1]
    m.add("Dense", "head", config={"units": 9, "activation": "softmax", "use_bias": True}, weights=[("kernel", numbers(7, 9)), ("bias", numbers(9))])
    m.legacy("new_head.h5", m.functional())
    works("model", "import", "new_head.h5", "all.h5:headed")
    r = works("model", "import", "alone.h5", "all.h5:named", "--architecture", "all.h5:headed", "--by-name")
    check("1 layers were not found and keep first values; 4 were" in r.err, f"by name: {r}")
    with h5py.File("all.h5", "r") as f:
        a, b = f["models/named/latest/weights"], f["models/headed/latest/weights"]
        check((a["conv2d/weights"][:] == b["conv2d/weights"][:]).all(), "by name: the convolution was not taken")
        check(not (a["head/weights"][:] == b["head/weights"][:]).all(), "by name: the head has the other's numbers")
    refused("has 5 layers with weights, the architecture 2", "import", "alone.h5", "all.h5:x", "--architecture", "two.yml")
    refused("none of its layers has the name", "import", "alone.h5", "all.h5:x", "--architecture", "two.yml", "--by-name")


def exported():
    """What Keras looks for in a file, is there."""
    works("model", "export", "all.h5:graph", "given.h5")
    with h5py.File("given.h5", "r") as f:
        config = json.loads(f.attrs["model_config"])
        names = [n.decode() for n in f["model_weights"].attrs["layer_names"]]
        check(names == [k["name"] for k in config["config"]["layers"]], "export: lists of layers differ")
        check(f.attrs["keras_version"] and f.attrs["backend"], "export: no version")
        for n in names:
            for w in f[f"model_weights/{n}"].attrs["weight_names"]:
                check(f[f"model_weights/{n}/{w.decode()}"].dtype == np.float32, f"export: {w}")
        kinds = {k["class_name"] for k in config["config"]["layers"]}
        want = {"ZeroPadding2D", "DepthwiseConv2D", "Conv2DTranspose", "GroupNormalization", "UpSampling2D", "ReLU"}
        check(want <= kinds, f"export: {kinds}")
    refused("given.h5: is there already; --force writes over it", "export", "all.h5:graph", "given.h5", code=2)
    works("model", "export", "all.h5:graph", "given.h5", "--force")
    check(not [n for n in os.listdir(".") if n.endswith(".part")], "export: leaves a .part behind")


# ---- what is refused ----

def changed(m, name, **config):
    for k in m.layers:
        if k["name"] == name:
            k["kind"] = config.pop("kind", k["kind"])
            k["config"].update(config)
    m.legacy("bad.h5", m.functional())


def bad_layers():
    for text, name, config in (
            (r"bad.h5: layer 'drop' \(SpatialDropout2D\): there is no such layer here", "drop", {"kind": "SpatialDropout2D"}),
            (r"layer 'dense' \(Dense\): activation 'swish' is not known", "dense", {"activation": "swish"}),
            (r"layer 'conv2d' \(Conv2D\): padding 'causal' is not known", "conv2d", {"padding": "causal"}),
            (r"layer 'bn' \(BatchNormalization\): its axis is not that of the channels", "bn", {"axis": [1]}),
            (r"layer 'leaky' \(ReLU\): a threshold is not known", "leaky", {"kind": "ReLU", "threshold": 0.5}),
            (r"layer 'pool' \(Sequential\): a model within the model is not known", "pool", {"kind": "Sequential"}),
            (r"layer 'conv2d' \(Conv2D\): kernel_size of 3 numbers", "conv2d", {"kernel_size": [3, 3, 3]}),
            (r"layer 'conv2d': its kernel is 3 x 2 x 2 x 6, the architecture says 3 x 3 x 2 x 6", "conv2d", {"kernel_size": [3, 3]}),
            (r"layer 'dense' \(dense\): 0 units; at least 1 is needed", "dense", {"units": 0}),
            (r"layer 'flat' \(Flatten\): its channels come first", "flat", {"data_format": "channels_first"}),
            (r"conv2d' \(conv\): its window of 99 pixels is larger than the 13", "conv2d", {"padding": "valid", "kernel_size": [99, 1]}),
            (r"conv2d: holds 2 arrays, layer 'conv2d' has 1 \(kernel\)", "conv2d", {"use_bias": False})):
        changed(classifier(), name, **config)
        refused(text, "import", "bad.h5", "all.h5:x")
    m = branches()
    m.legacy("any.h5", m.functional())
    refused(r"any.h5: layer 'in' \(InputLayer\): takes images of any size; say one with --size HEIGHTxWIDTH", "import", "any.h5", "all.h5:x")
    refused("size '9': HEIGHTxWIDTH in pixels is expected", "import", "any.h5", "all.h5:x", "--size", "9", code=2)
    m.add("Softmax", "twice", ["none"])
    m.legacy("lost.h5", m.functional())
    refused(r"layer 'twice' \(Softmax\): takes 'none', which is no layer", "import", "lost.h5", "all.h5:x", "--size", "10x12")
    shared = classifier().functional()
    shared["config"]["layers"][3]["inbound_nodes"] *= 2
    classifier().legacy("shared.h5", shared)
    refused(r"layer 'pool' \(MaxPooling2D\): is used 2 times", "import", "shared.h5", "all.h5:x")
    ring = classifier().functional()
    ring["config"]["layers"][1]["inbound_nodes"][0][0][0] = "pool"
    classifier().legacy("ring.h5", ring)
    refused("ring.h5: the layers form a ring", "import", "ring.h5", "all.h5:x")


def bad_files():
    m = classifier()
    m.legacy("good.h5", m.functional())
    size = os.path.getsize("good.h5")
    with open("good.h5", "rb") as f:
        whole = f.read()
    for part in (0, 7, 200, size // 3, size - 2000):
        open("cut.h5", "wb").write(whole[:part])
        refused("cut.h5: (no HDF5 file|is damaged or cut short|.*cannot be)", "import", "cut.h5", "all.h5:x")
    for at in range(600, size, size // 40):  # never a crash, whatever is damaged
        with open("hurt.h5", "wb") as f:
            f.write(whole[:at] + bytes(255 - b for b in whole[at:at + 24]) + whole[at + 24:])
        r = run("model", "import", "hurt.h5", "hurt_out.h5:x")
        check(r.code in (0, 3), f"damage at {at}: {r}")
    refused("none.h5: No such file", "import", "none.h5", "all.h5:x")
    with h5py.File("other.h5", "w") as f:
        f["x"] = [1]
    refused("other.h5: no Keras file: neither layer_names nor layers are in it", "import", "other.h5", "all.h5:x")
    m.legacy("alone.h5")
    refused("alone.h5: weights alone; name the architecture they are for with --architecture", "import", "alone.h5", "all.h5:x", code=2)
    with h5py.File("good.h5", "r+") as f:
        f.attrs["model_config"] = np.bytes_('{"class_name": "Sequential", ')
    refused("good.h5: its configuration is no JSON", "import", "good.h5", "all.h5:x")
    with h5py.File("good.h5", "r+") as f:
        f.attrs["model_config"] = np.bytes_('{"class_name": "MyNet", "config": {}}')
    refused("a model of class 'MyNet'; Sequential and Functional models are read", "import", "good.h5", "all.h5:x")
    open("zip.keras", "wb").write(b"PK\3\4" + bytes(100))
    refused("zip.keras: ", "import", "zip.keras", "all.h5:x")
    open("labels.txt", "w").write("a\nb\n")
    m.legacy("good.h5", m.functional())
    refused("labels.txt: 2 names, the model tells 4 classes apart", "import", "good.h5", "all.h5:x", "--labels", "labels.txt")
    refused("--names: 1 channels, the model takes 2", "import", "good.h5", "all.h5:x", "--names", "phase", code=2)
    refused("'all.h5': FILE.h5:NAME is expected", "import", "good.h5", "all.h5", code=2)
    refused("'a b' is no name for a model", "import", "good.h5", "fresh.h5:a b", code=2)
    check(not os.path.exists("fresh.h5"), "a refused import leaves a container behind")


# ---- looking, copying, applying ----

def looked_at():
    shown = json.loads(works("model", "show", "sesmo", "--size", "50x50", "--json").out)
    check(shown["parameters"] == 2756898 and shown["layers"][1]["output"] == [32, 48, 48] and shown["receptive_field"] == 16, f"show: {shown}")
    text = works("model", "show", "mobilenet_v2", "--size", "96x96", "--channels", 3, "--width", 0.5).out
    check("block3_add" in text and "<- block2_project_bn" in text and "depthwise 3x3 /2 same" in text, f"show: {text}")
    write("mine.yml", works("model", "show", "unet", "--size", "32x32", "--yaml").out)
    check("32 x 32 x 32" in works("model", "show", "mine.yml").out, "show of a file")
    other = json.loads(works("model", "show", "mine.yml", "--size", "64x48", "--json").out)
    check(other["layers"][-1]["output"] == [2, 64, 48], "show at another size")
    write("wrong.yml", "inputs: { x: [1, 8, 8] }\nlayers:\n- { conf: {} }\n")
    refused("wrong.yml:3:5: no layer is called conf; did you mean conv?", "show", "wrong.yml", code=2)
    refused("no model that ships is called 'resnet81'; did you mean resnet18", "show", "resnet81")
    refused("made for one size of image", "show", "all.h5:chain", "--size", "26x20")
    refused("no model 'chian'; did you mean chain", "show", "all.h5:chian")
    refused("'shwo'|shwo: no such verb; did you mean show", "shwo", code=2)
    listed = {m["name"]: m for m in json.loads(works("model", "list", "all.h5", "--json").out)}
    check(listed["chain"]["parameters"] == 78 + 24 + 480 + 847 + 28 and listed["chain"]["input"] == "2 x 13 x 10", f"list: {listed['chain']}")
    check("all.h5" in works("model", "list", "all.h5").out, "list")
    works("show", "all.h5")
    works("show", "all.h5", "/models/chain/latest")


def copied():
    works("model", "import", "good.h5", "all.h5:good", "--names", "phase,srs", "--subtract", 10, "--divide", 4, "--licence", "none",
          "--note", "a note")
    works("model", "copy", "all.h5:good", "two.h5:other")
    works("model", "copy", "all.h5:good", "two.h5")
    a, b = (json.loads(works("model", "show", n, "--json").out) for n in ("all.h5:good", "two.h5:other"))
    check(a["sha256"] == b["sha256"] and b["licence"] == "none" and "all.h5:good@r" in b["source"], f"copy: {b}")
    with h5py.File("two.h5", "r") as f:
        g = f["models/other/latest"]
        check([r["name"] for r in g["channels"][:]] == [b"phase", b"srs"], "copy: channels")
        check("mean" in g["preprocessing"][()].decode() and f["runs/r000001"].attrs["command"] == b"model copy", "copy: record")
    difference("two.h5:good", classifier_of_good, np.ones((2, 13, 10, 2)), "the copy")
    refused("model 'good' has no revision r000099", "copy", "all.h5:good@99", "two.h5")
    refused("'x' is no revision", "copy", "all.h5:good@x", "two.h5", code=2)
    r = run("digest", "two.h5", "/models/good/latest/weights")
    check(r.code == 0, f"digest: {r}")
    clean("all.h5")
    clean("two.h5")


def applied():
    np.save("small.npy", np.zeros((2, 12, 10, 2), np.float32))
    refused("small.npy: an array of 2 x 12 x 10 x 2, the model takes N x 13 x 10 x 2", "apply", "all.h5:good", "small.npy", "out.npy",
            "--channels-last")
    refused("y.npy: is there already; --force writes over it", "apply", "all.h5:good", "x.npy", "y.npy", "--channels-last", code=2)
    open("cut.npy", "wb").write(open("x.npy", "rb").read()[:-5])
    refused("cut.npy: is cut short", "apply", "all.h5:good", "cut.npy", "out.npy", "--channels-last")
    refused("none.npy: No such file", "apply", "all.h5:good", "none.npy", "out.npy")
    check(not [n for n in os.listdir(".") if n.startswith("out.npy")], "a refused apply leaves something behind")
    np.save("bytes.npy", rng.integers(0, 255, (3, 2, 13, 10), dtype=np.uint8))
    works("model", "apply", "all.h5:good", "bytes.npy", "out.npy")
    want = classifier_of_good.forward([np.load("bytes.npy").transpose(0, 2, 3, 1).astype(float)])
    check(np.abs(np.load("out.npy") - want).max() < 1e-5, "apply to bytes, channels first")


def shipped():
    """The backbone that ships, on its own example."""
    path = os.path.join(SOURCE, "models", "mobilenet_v1_0.25_128.h5")
    with h5py.File(path, "r") as f:
        g = f["models/mobilenet_v1_0.25_128/latest"]
        x, want, names = g["sample/input"][:].reshape(1, 3, 128, 128), g["sample/output"][:], [r["name"].decode() for r in g["classes"][:]]
    np.save("cat.npy", x)
    works("model", "apply", f"{path}:mobilenet_v1_0.25_128", "cat.npy", "p.npy", "--device", "cpu")
    p = np.load("p.npy")[0]
    check(np.abs(p - want).max() < 1e-3, f"mobilenet: differs by {np.abs(p - want).max()}")
    check(p.argmax() == want.argmax() == 286 and names[286] == "Egyptian cat", f"mobilenet: sees {names[p.argmax()]}")
    works("model", "copy", f"{path}:mobilenet_v1_0.25_128", "mobile.h5")
    clean("mobile.h5")


with Folder():
    write("two.yml", "inputs: { x: [3] }\nlayers:\n- { name: a, dense: { units: 2 } }\n- { name: b, dense: { units: 2 } }\n")
    layouts()
    by_name()
    exported()
    bad_layers()
    classifier_of_good = classifier()
    bad_files()
    classifier_of_good.legacy("good.h5", classifier_of_good.functional())
    looked_at()
    copied()
    applied()
    shipped()
done()
