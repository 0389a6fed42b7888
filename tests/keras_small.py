"""keras_small.py – Keras' arithmetic in NumPy, and its files by h5py, so that what cyto5 reads is checked against neither its own code nor a
library: a model's configuration is computed layer by layer, channels last, exactly as its authors define each layer. Used by cli_model.py."""
import io
import json
import zipfile

import h5py
import numpy as np


# ---- arithmetic ----

def sizes(n, k, s, d, same):
    reach = (k - 1) * d + 1
    if not same:
        return (n - reach) // s + 1, 0, 0
    out = -(-n // s)
    missing = max((out - 1) * s + reach - n, 0)
    return out, missing // 2, missing - missing // 2


def windows(x, kernel, stride, dilation, same, fill=0.0):
    """(N, H, W, C) -> (N, oh, ow, kh, kw, C), and which of the pixels are of the image."""
    (oh, t, b), (ow, l, r) = (sizes(x.shape[1 + a], kernel[a], stride[a], dilation[a], same) for a in range(2))
    padded = np.pad(x, ((0, 0), (t, b), (l, r), (0, 0)), constant_values=fill)
    inside = np.pad(np.ones(x.shape[1:3], bool), ((t, b), (l, r)))
    y = np.arange(oh)[:, None] * stride[0] + np.arange(kernel[0])[None] * dilation[0]
    z = np.arange(ow)[:, None] * stride[1] + np.arange(kernel[1])[None] * dilation[1]
    return padded[:, y[:, None, :, None], z[None, :, None, :]], inside[y[:, None, :, None], z[None, :, None, :]]


def conv(x, w, c):
    p, _ = windows(x, w.shape[:2], c["strides"], c.get("dilation_rate", [1, 1]), c["padding"] == "same")
    g = c.get("groups", 1)
    i, o = x.shape[-1] // g, w.shape[-1] // g
    return np.concatenate([np.einsum("nyxklc,klco->nyxo", p[..., k * i:(k + 1) * i], w[..., k * o:(k + 1) * o]) for k in range(g)], -1)


def depthwise(x, w, c):
    p, _ = windows(x, w.shape[:2], c["strides"], c.get("dilation_rate", [1, 1]), c["padding"] == "same")
    return np.einsum("nyxklc,klcm->nyxcm", p, w).reshape(p.shape[:3] + (-1,))


def transpose(x, w, c):
    """The gradient of a convolution of the same settings. w (kh, kw, out, in)."""
    (n, h, ww, _), s, same = x.shape, c["strides"], c["padding"] == "same"
    size = [k * s[a] + (0 if same else max(w.shape[a] - s[a], 0)) for a, k in enumerate((h, ww))]
    pads = [sizes(size[a], w.shape[a], s[a], 1, same)[1:] for a in range(2)]
    out = np.zeros((n, size[0] + sum(pads[0]) + w.shape[0], size[1] + sum(pads[1]) + w.shape[1], w.shape[2]))
    for y in range(h):
        for z in range(ww):
            out[:, y * s[0]:y * s[0] + w.shape[0], z * s[1]:z * s[1] + w.shape[1]] += np.einsum("ni,kloi->nklo", x[:, y, z], w)
    return out[:, pads[0][0]:pads[0][0] + size[0], pads[1][0]:pads[1][0] + size[1]]


def pool(x, c, largest):
    p, inside = windows(x, c["pool_size"], c["strides"], [1, 1], c["padding"] == "same", -np.inf if largest else 0.0)
    return p.max((3, 4)) if largest else p.sum((3, 4)) / inside.sum((2, 3))[None, :, :, None]


def upsample(x, c):
    f = c["size"][0]
    if c["interpolation"] == "nearest":
        return x.repeat(f, 1).repeat(f, 2)
    for axis in (1, 2):
        n = x.shape[axis]
        at = np.clip((np.arange(n * f) + 0.5) / f - 0.5, 0, n - 1)
        low = np.floor(at).astype(int)
        part = (at - low).reshape([-1 if a == axis else 1 for a in range(4)])
        x = x.take(low, axis) * (1 - part) + x.take(np.minimum(low + 1, n - 1), axis) * part
    return x


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def lstm(x, w, c):
    u, states = w[1].shape[0], []
    h = s = np.zeros((len(x), u))
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ w[0] + h @ w[1] + (w[2] if len(w) > 2 else 0), 4, 1)
        s = sigmoid(f) * s + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(s)
        states.append(h)
    return np.stack(states, 1) if c["return_sequences"] else h


def norm(x, w, c):
    w = list(w)
    gamma = w.pop(0) if c["scale"] else 1
    beta = w.pop(0) if c["center"] else 0
    return (x - w[0]) / np.sqrt(w[1] + c["epsilon"]) * gamma + beta


def group_norm(x, w, c):
    g = x.reshape(x.shape[:-1] + (c["groups"], -1))
    axes = tuple(range(1, x.ndim - 1)) + (x.ndim,)
    return ((g - g.mean(axes, keepdims=True)) / np.sqrt(g.var(axes, keepdims=True) + c["epsilon"])).reshape(x.shape) * w[0] + w[1]


def relu(x, c):
    most, slope = c.get("max_value"), c.get("negative_slope") or 0
    return np.where(x < 0, slope * x, np.minimum(x, np.inf if most is None else most))


ACTIVATIONS = {"linear": lambda x: x, "relu": lambda x: np.maximum(x, 0), "sigmoid": sigmoid, "tanh": np.tanh, "softmax": softmax,
               "elu": lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x), "relu6": lambda x: np.clip(x, 0, 6)}


def layer(kind, c, w, x):
    """One layer: x is its input, or a list of them."""
    bias = w[-1] if c.get("use_bias") else 0
    y = {
        "Conv2D": lambda: conv(x, w[0], c) + bias, "DepthwiseConv2D": lambda: depthwise(x, w[0], c) + bias,
        "SeparableConv2D": lambda: np.einsum("nyxc,co->nyxo", depthwise(x, w[0], c), w[1][0, 0]) + bias,
        "Conv2DTranspose": lambda: transpose(x, w[0], c) + bias, "Dense": lambda: x @ w[0] + bias,
        "MaxPooling2D": lambda: pool(x, c, True), "AveragePooling2D": lambda: pool(x, c, False), "GlobalAveragePooling2D": lambda: x.mean((1, 2)),
        "GlobalMaxPooling2D": lambda: x.max((1, 2)), "BatchNormalization": lambda: norm(x, w, c), "GroupNormalization": lambda: group_norm(x, w, c),
        "Activation": lambda: x, "ReLU": lambda: relu(x, c), "LeakyReLU": lambda: np.where(x < 0, c["alpha"] * x, x), "Softmax": lambda: softmax(x),
        "ELU": lambda: np.where(x < 0, c["alpha"] * np.expm1(np.minimum(x, 0)), x), "Dropout": lambda: x, "Add": lambda: sum(x),
        "Concatenate": lambda: np.concatenate(x, -1), "Flatten": lambda: x.reshape(len(x), -1),
        "Reshape": lambda: x.reshape([len(x)] + c["target_shape"]),
        "ZeroPadding2D": lambda: np.pad(x, [(0, 0)] + [tuple(p) for p in c["padding"]] + [(0, 0)]), "UpSampling2D": lambda: upsample(x, c),
        "LSTM": lambda: lstm(x, w, c),
    }[kind]()
    return ACTIVATIONS[c["activation"]](y) if kind != "LSTM" and "activation" in c else y


class Model:
    """Layers are added in order: add(class, name, inputs, settings, weights). Weights are (name, array)."""

    def __init__(self, name="small"):
        self.name, self.layers = name, []

    def add(self, kind, name, inputs=None, config=None, weights=()):
        if inputs is None and self.layers:
            inputs = [self.layers[-1]["name"]]
        self.layers.append({"kind": kind, "name": name, "inputs": inputs or [], "config": dict(config or {}, name=name),
                            "weights": [(n, np.asarray(a, np.float32)) for n, a in weights]})
        return name

    def forward(self, x):
        """float64 throughout; x a list, one array an input."""
        made, x = {}, list(x)
        for k in self.layers:
            if k["kind"] == "InputLayer":
                made[k["name"]] = x.pop(0).astype(float)
                continue
            at = [made[i] for i in k["inputs"]]
            made[k["name"]] = layer(k["kind"], k["config"], [a.astype(float) for _, a in k["weights"]], at[0] if len(at) == 1 else at)
        return made[self.layers[-1]["name"]]

    # ---- configuration ----

    def functional(self, keras3=False):
        def inbound(k):
            if not k["inputs"]:
                return []
            if not keras3:
                return [[[i, 0, 0, {}] for i in k["inputs"]]]
            histories = [{"shape": [None], "dtype": "float32", "keras_history": [i, 0, 0]} for i in k["inputs"]]
            tensors = [{"class_name": "__keras_tensor__", "config": h} for h in histories]
            return [{"args": [tensors] if len(tensors) > 1 else tensors, "kwargs": {"mask": None}}]
        layers = [{"class_name": k["kind"], "config": k["config"], "name": k["name"], "inbound_nodes": inbound(k)} for k in self.layers]
        inputs = [[k["name"], 0, 0] for k in self.layers if k["kind"] == "InputLayer"]
        last = [self.layers[-1]["name"], 0, 0]
        outputs = last if keras3 else [last]
        return {"class_name": "Functional", "config": {"name": self.name, "layers": layers, "input_layers": inputs, "output_layers": outputs}}

    def sequential(self):
        layers = [{"class_name": k["kind"], "config": k["config"]} for k in self.layers]
        return {"class_name": "Sequential", "config": {"name": self.name, "layers": layers}}

    # ---- files ----

    def legacy(self, path, config=None, variable=False, pieces=1, suffix=":0"):
        """model.save of Keras 2 with a configuration, save_weights without. variable: texts of variable length; pieces: the list of layers cut."""
        text = h5py.string_dtype() if variable else None
        with h5py.File(path, "w") as f:
            g = f
            if config:
                f.attrs["keras_version"], f.attrs["backend"] = "2.4.0", "tensorflow"
                f.attrs["model_config"] = json.dumps(config) if variable else np.bytes_(json.dumps(config))
                g = f.create_group("model_weights")
            names = [k["name"] for k in self.layers]
            for i in range(pieces):
                part = names[len(names) * i // pieces:len(names) * (i + 1) // pieces]
                g.attrs["layer_names" + (str(i) if pieces > 1 else "")] = np.array(part, text or "S")
            for k in self.layers:
                group = g.create_group(k["name"])
                own = [f"{k['name']}/{n}{suffix}" for n, _ in k["weights"]]
                group.attrs["weight_names"] = np.array(own, text or "S") if own else []
                for n, (_, a) in zip(own, k["weights"]):
                    group[n] = a

    def keras3(self, to, dtype=None):
        """model.save_weights of Keras 3: `to` a path or a stream. dtype "bfloat16" halves every number."""
        keys = {"InputLayer": "input_layer", "Conv2D": "conv2d", "DepthwiseConv2D": "depthwise_conv2d", "SeparableConv2D": "separable_conv2d",
                "Conv2DTranspose": "conv2d_transpose", "BatchNormalization": "batch_normalization", "GroupNormalization": "group_normalization",
                "LSTM": "lstm", "Dense": "dense"}
        seen = {}
        with h5py.File(to, "w") as f:
            for k in self.layers:
                key = keys.get(k["kind"], k["kind"].lower())
                n = seen[key] = seen.get(key, -1) + 1
                group = f.create_group(f"layers/{key}" + (f"_{n}" if n else "") + ("/cell" if k["kind"] == "LSTM" else "") + "/vars")
                for i, (_, a) in enumerate(k["weights"]):
                    if dtype:
                        group[str(i)] = (a.view(np.uint32) >> 16).astype(np.uint16).view("V2")
                        group[str(i)].attrs["dtype"] = dtype
                    else:
                        group[str(i)] = a

    def archive(self, path, config):
        weights = io.BytesIO()
        self.keras3(weights)
        with zipfile.ZipFile(path, "w") as z:
            z.writestr("metadata.json", "{}")
            z.writestr("config.json", json.dumps(config))
            z.writestr("model.weights.h5", weights.getvalue())
