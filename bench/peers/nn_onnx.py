"""nn_onnx.py – a network written out by bench_nn (--dump) as an ONNX graph with the same numbers, run by onnxruntime. After some passes one
JSON line (the error of our output), then for each line read a pass, and its milliseconds.

    nn_onnx.py DIR infer fp32"""
import json
import os
import sys
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

ACTS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def graph(layers, weights):
    nodes, constants, at = [], [], 0

    def constant(name, array):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    out = {}
    for i, a in enumerate(layers):
        arrays = []
        for k, p in enumerate(a["params"]):
            n = int(np.prod(p["shape"]))
            arrays.append(weights[at:at + n].reshape(p["shape"]))
            at += n
        ins, y, kind = [out[k] for k in a["inputs"]], f"v{i}", a["kind"]
        top, bottom, left, right = a["pad"]
        raw = y if kind == "activation" or a["activation"] == "none" else y + "_raw"

        def node(op, inputs, to=raw, **attributes):
            nodes.append(helper.make_node(op, inputs, [to], **attributes))

        if kind == "input":
            out[i] = "image"
            continue
        if kind == "conv":
            node("Conv", ins + [constant(f"{y}_{k}", w) for k, w in enumerate(arrays)], kernel_shape=a["kernel"], strides=a["stride"],
                 group=a["groups"], pads=[top, left, bottom, right])
        elif kind == "conv_transpose":
            node("ConvTranspose", ins + [constant(y + "_0", arrays[0].transpose(1, 0, 2, 3)), constant(y + "_1", arrays[1])],
                 kernel_shape=a["kernel"], strides=a["stride"])
        elif kind == "dense":
            node("Gemm", ins + [constant(y + "_0", arrays[0]), constant(y + "_1", arrays[1])], transB=1)
        elif kind == "batch_norm":
            node("BatchNormalization", ins + [constant(f"{y}_{k}", w) for k, w in enumerate(arrays)], epsilon=a["epsilon"])
        elif kind == "max_pool":
            node("MaxPool", ins, kernel_shape=a["kernel"], strides=a["stride"], pads=[top, left, bottom, right])
        elif kind == "dropout":
            out[i] = ins[0]
            continue
        elif kind == "add":
            node("Add", ins)
        elif kind == "concat":
            node("Concat", ins, axis=1)
        elif kind == "flatten":
            node("Flatten", ins)
        elif kind == "global_pool":
            node("GlobalAveragePool", ins, raw + "_4d")
            node("Flatten", [raw + "_4d"])
        elif kind == "softmax":
            node("Softmax", ins, axis=1)
        elif kind == "activation":
            node(ACTS[a["activation"]], ins)
        else:
            raise SystemExit("a layer unknown here: " + kind)
        if raw != y:
            node(ACTS[a["activation"]], [raw], y)
        out[i] = y
    return nodes, constants, out[len(layers) - 1]


def main():
    folder = sys.argv[1]
    layers = json.load(open(folder + "/layers.json"))
    read = lambda name: np.fromfile(f"{folder}/{name}.f32", np.float32)
    x = read("input").reshape([-1] + layers[0]["shape"])
    nodes, constants, last = graph(layers, read("weights"))
    model = helper.make_model(helper.make_graph(nodes, "net", [helper.make_tensor_value_info("image", TensorProto.FLOAT, list(x.shape))],
                                                [helper.make_tensor_value_info(last, TensorProto.FLOAT, [x.shape[0]] + layers[-1]["shape"])],
                                                constants),
                              opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    options = ort.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "2"))
    if os.environ.get("OMP_WAIT_POLICY") == "passive":
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    run = lambda: session.run(None, {"image": x})[0]
    for _ in range(3):
        y = run()
    ours = read("output").reshape(y.shape)
    error = float(((ours - y) ** 2).sum() / (y ** 2).sum())
    print(json.dumps({"peer": "onnxruntime " + ort.__version__, "losses": [], "error": error}), flush=True)
    for _ in sys.stdin:
        t = time.perf_counter()
        run()
        print((time.perf_counter() - t) * 1e3, flush=True)


main()
