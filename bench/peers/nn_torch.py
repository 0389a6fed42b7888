"""nn_torch.py – a network written out by bench_nn (--dump) rebuilt in PyTorch with the same numbers. After some passes one JSON line
(losses; the error of our output), then for each line read a pass, and its milliseconds.

    nn_torch.py DIR train|infer fp32|bf16 contiguous|channels_last eager|compile

C5_NN_DEVICE=cuda: on the GPU, by the fastest of cuDNN's algorithms (cudnn.benchmark); inputs and answers travel in every pass, as ours do."""
import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

DEVICE = os.environ.get("C5_NN_DEVICE", "cpu").split(":")[0]
torch.backends.cudnn.benchmark = True
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
ACTS = {"relu": F.relu, "relu6": F.relu6, "sigmoid": torch.sigmoid, "tanh": torch.tanh}


class Net(nn.Module):
    """The layer list as modules; the last softmax or sigmoid is left to the loss (training) or applied (inference)."""

    def __init__(self, layers, weights):
        super().__init__()
        self.layers = layers
        self.parts = nn.ModuleDict()
        at = 0
        for i, a in enumerate(layers):
            arrays = []
            for p in a["params"]:
                n = int(np.prod(p["shape"]))
                arrays.append(torch.from_numpy(weights[at:at + n].reshape(p["shape"]).copy()))
                at += n
            m = self.module(a, arrays)
            if m is not None:
                self.parts[str(i)] = m

    def module(self, a, w):
        if a["kind"] == "conv":
            top, bottom, left, right = a["pad"]
            same = top == bottom and left == right
            conv = nn.Conv2d(w[0].shape[1] * a["groups"], a["filters"], a["kernel"], a["stride"], (top, left) if same else 0, 1, a["groups"],
                             len(w) > 1)
            conv.weight.data = w[0]
            if len(w) > 1:
                conv.bias.data = w[1]
            return conv if same else nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), conv)
        if a["kind"] == "conv_transpose":
            m = nn.ConvTranspose2d(w[0].shape[1], a["filters"], a["kernel"], a["stride"], bias=True)
            m.weight.data = w[0].transpose(0, 1).contiguous()
            m.bias.data = w[1]
            return m
        if a["kind"] == "dense":
            m = nn.Linear(w[0].shape[1], a["filters"])
            m.weight.data, m.bias.data = w[0], w[1]
            return m
        if a["kind"] == "batch_norm":
            m = nn.BatchNorm2d(w[0].shape[0], a["epsilon"], 1 - a["momentum"])
            m.weight.data, m.bias.data = w[0], w[1]
            m.running_mean.copy_(w[2])
            m.running_var.copy_(w[3])
            return m
        if a["kind"] == "max_pool":
            return nn.MaxPool2d(a["kernel"], a["stride"], (a["pad"][0], a["pad"][2]))
        if a["kind"] == "dropout":
            return nn.Dropout(a["rate"])
        return None

    def forward(self, x, raw=False):
        v = []
        for i, a in enumerate(self.layers):
            ins = [v[k] for k in a["inputs"]]
            last = i + 1 == len(self.layers)
            if a["kind"] == "input":
                y = x
            elif str(i) in self.parts:
                y = self.parts[str(i)](ins[0])
            elif a["kind"] == "add":
                y = ins[0] + ins[1]
            elif a["kind"] == "concat":
                y = torch.cat(ins, 1)
            elif a["kind"] == "flatten":
                y = torch.flatten(ins[0], 1)
            elif a["kind"] == "global_pool":
                y = torch.flatten(F.adaptive_avg_pool2d(ins[0], 1), 1)
            elif a["kind"] == "softmax":
                y = ins[0] if raw else torch.softmax(ins[0].float(), 1)
            elif a["kind"] == "activation":
                y = ins[0] if last and raw else ACTS[a["activation"]](ins[0])
            else:
                raise SystemExit("a layer unknown here: " + a["kind"])
            if a["kind"] != "activation" and a["activation"] != "none":
                y = ACTS[a["activation"]](y)
            v.append(y)
        return v[-1]


def main():
    folder, mode, precision, layout, how = sys.argv[1:6]
    layers = json.load(open(folder + "/layers.json"))
    read = lambda name: np.fromfile(f"{folder}/{name}.f32", np.float32)
    net = Net(layers, read("weights"))
    x = torch.from_numpy(read("input").reshape([-1] + layers[0]["shape"]))
    target = torch.from_numpy(read("target").reshape([x.shape[0]] + layers[-1]["shape"]))
    bf16 = precision == "bf16"
    if layout == "channels_last":
        net = net.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    binary = layers[-1]["kind"] != "softmax"
    net = net.to(DEVICE)
    if DEVICE != "cpu":
        x, target = x.pin_memory(), target.pin_memory()
    there = lambda t: t.to(DEVICE, non_blocking=True)
    if how == "compile" and mode == "infer":
        torch._inductor.config.freezing = True
    run = torch.compile(net) if how == "compile" else net
    losses, out = [], None
    if mode == "train":
        net.train()
        opt = torch.optim.SGD(net.parameters(), 0.01, 0.9)

        def step():
            opt.zero_grad(set_to_none=True)
            with torch.autocast(DEVICE, torch.bfloat16, enabled=bf16):
                y = run(there(x), True)
            y = y.float()
            t = there(target)
            loss = F.binary_cross_entropy_with_logits(y, t) if binary else F.cross_entropy(y, t.argmax(1))
            loss.backward()
            opt.step()
            losses.append(loss.item())
    else:
        net.eval()
        if bf16:
            net.to(torch.bfloat16)
            x = x.to(torch.bfloat16)

        def step():
            nonlocal out
            with torch.inference_mode():
                out = run(there(x)).cpu()
    for _ in range(4):
        step()
    error = None
    if out is not None and os.path.exists(folder + "/output.f32"):
        ours = read("output").reshape(tuple(out.shape))
        theirs = out.float().numpy()
        error = float(((ours - theirs) ** 2).sum() / (theirs ** 2).sum())
    print(json.dumps({"peer": f"torch {torch.__version__} {layout} {how}", "losses": losses[:8], "error": error}), flush=True)
    for _ in sys.stdin:
        t = time.perf_counter()
        step()
        print((time.perf_counter() - t) * 1e3, flush=True)


main()
