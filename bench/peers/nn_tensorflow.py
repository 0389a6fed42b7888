"""nn_tensorflow.py – a network written out by bench_nn (--dump) rebuilt in Keras on TensorFlow with the same numbers. After some passes one
JSON line (losses; the error of our output), then for each line read a pass, and its milliseconds.

    nn_tensorflow.py DIR train|infer fp32|bf16"""
import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy as np
import tensorflow as tf

THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.config.threading.set_inter_op_parallelism_threads(1)
K = tf.keras
L = K.layers


def build(layers, weights, raw):
    """The layer list as a functional model, channels last; with `raw` the last softmax or sigmoid is left out."""
    v, at, pending = [], 0, []
    for i, a in enumerate(layers):
        arrays = []
        for p in a["params"]:
            n = int(np.prod(p["shape"]))
            arrays.append(weights[at:at + n].reshape(p["shape"]))
            at += n
        ins = [v[k] for k in a["inputs"]]
        last = i + 1 == len(layers)
        kind = a["kind"]
        if kind == "input":
            c, h, w = a["shape"]
            y = L.Input((h, w, c))
        elif kind == "conv":
            top, bottom, left, right = a["pad"]
            x = L.ZeroPadding2D(((top, bottom), (left, right)))(ins[0]) if any(a["pad"]) else ins[0]
            layer = L.Conv2D(a["filters"], a["kernel"], a["stride"], "valid", groups=a["groups"], use_bias=len(arrays) > 1)
            if any(a["pad"]) and a["stride"] == [1, 1] and top == bottom == left == right == (a["kernel"][0] - 1) // 2:
                layer = L.Conv2D(a["filters"], a["kernel"], 1, "same", use_bias=len(arrays) > 1)
                x = ins[0]
            y = layer(x)
            pending.append((layer, [arrays[0].transpose(2, 3, 1, 0)] + arrays[1:]))
        elif kind == "conv_transpose":
            layer = L.Conv2DTranspose(a["filters"], a["kernel"], a["stride"], "valid")
            y = layer(ins[0])
            pending.append((layer, [arrays[0].transpose(2, 3, 0, 1), arrays[1]]))
        elif kind == "dense":
            layer = L.Dense(a["filters"])
            y = layer(ins[0])
            w = arrays[0]
            shape = layers[a["inputs"][0]]
            while shape["kind"] == "dropout":
                shape = layers[shape["inputs"][0]]
            if shape["kind"] == "flatten":
                c, h, wd = layers[shape["inputs"][0]]["shape"]
                w = w.reshape(-1, c, h, wd).transpose(0, 2, 3, 1).reshape(w.shape)
            pending.append((layer, [w.T, arrays[1]]))
        elif kind == "batch_norm":
            layer = L.BatchNormalization(momentum=a["momentum"], epsilon=a["epsilon"])
            y = layer(ins[0])
            pending.append((layer, arrays))
        elif kind == "max_pool":
            x = L.ZeroPadding2D(((a["pad"][0], a["pad"][1]), (a["pad"][2], a["pad"][3])))(ins[0]) if any(a["pad"]) else ins[0]
            y = L.MaxPooling2D(a["kernel"], a["stride"], "valid")(x)  # what is padded follows a ReLU: zeros never win over it
        elif kind == "dropout":
            y = L.Dropout(a["rate"])(ins[0])
        elif kind == "add":
            y = L.Add()(ins)
        elif kind == "concat":
            y = L.Concatenate()(ins)
        elif kind == "flatten":
            y = L.Flatten()(ins[0])
        elif kind == "global_pool":
            y = L.GlobalAveragePooling2D()(ins[0])
        elif kind == "softmax":
            y = ins[0] if raw else L.Softmax(dtype="float32")(ins[0])
        elif kind == "activation":
            y = ins[0] if last and raw else L.Activation(a["activation"], dtype="float32" if last else None)(ins[0])
        else:
            raise SystemExit("a layer unknown here: " + kind)
        if kind != "activation" and a["activation"] != "none":
            y = L.Activation(a["activation"])(y)
        v.append(y)
    model = K.Model(v[0], v[-1])
    for layer, arrays in pending:
        layer.set_weights(arrays)
    return model


def main():
    folder, mode, precision = sys.argv[1:4]
    layers = json.load(open(folder + "/layers.json"))
    read = lambda name: np.fromfile(f"{folder}/{name}.f32", np.float32)
    if precision == "bf16":
        K.mixed_precision.set_global_policy("mixed_bfloat16")
    net = build(layers, read("weights"), mode == "train")
    x = read("input").reshape([-1] + layers[0]["shape"]).transpose(0, 2, 3, 1)
    target = read("target").reshape([x.shape[0]] + layers[-1]["shape"])
    if target.ndim == 4:
        target = target.transpose(0, 2, 3, 1)
    x, t = tf.constant(np.ascontiguousarray(x)), tf.constant(np.ascontiguousarray(target))
    binary = layers[-1]["kind"] != "softmax"
    opt = K.optimizers.SGD(0.01, 0.9)
    losses, out = [], None

    @tf.function
    def train():
        with tf.GradientTape() as tape:
            y = tf.cast(net(x, training=True), tf.float32)
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(t, y) if binary else tf.nn.softmax_cross_entropy_with_logits(t, y))
        opt.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables))
        return loss

    @tf.function
    def infer(x):
        return net(x, training=False)

    def step():
        nonlocal out
        if mode == "train":
            losses.append(float(train()))
        else:
            out = infer(x).numpy()

    for _ in range(4):
        step()
    error = None
    if out is not None and os.path.exists(folder + "/output.f32"):
        theirs = out.transpose(0, 3, 1, 2) if out.ndim == 4 else out
        ours = read("output").reshape(theirs.shape)
        error = float(((ours - theirs) ** 2).sum() / (theirs ** 2).sum())
    print(json.dumps({"peer": "tensorflow " + tf.__version__, "losses": losses[:8], "error": error}), flush=True)
    for _ in sys.stdin:
        t = time.perf_counter()
        step()
        print((time.perf_counter() - t) * 1e3, flush=True)


main()
