"""stain_torch.py – the dense stain network of bench_stain (--dump) in PyTorch with the same numbers and the same tiles, timed. One JSON line.

    stain_torch.py DIR fp32|bf16 REPS

Several ways PyTorch has are tried (layouts, norms folded into convolutions, a graph frozen for oneDNN), and the fastest is told."""
import json
import os
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


class Pair(nn.Module):
    def __init__(self, w, name):
        super().__init__()
        for k in (1, 2):
            conv = nn.Conv2d(*reversed(w[f"{name}_conv{k}/weights"].shape[:2]), 3, padding=1, bias=False)
            conv.weight.data = w[f"{name}_conv{k}/weights"]
            norm = nn.BatchNorm2d(conv.out_channels, eps=w["epsilon"])
            norm.weight.data, norm.bias.data = w[f"{name}_norm{k}/scale"], w[f"{name}_norm{k}/shift"]
            norm.running_mean.copy_(w[f"{name}_norm{k}/mean"])
            norm.running_var.copy_(w[f"{name}_norm{k}/variance"])
            setattr(self, f"conv{k}", conv)
            setattr(self, f"norm{k}", norm)

    def fold(self):
        for k in (1, 2):
            setattr(self, f"conv{k}", fuse_conv_bn_eval(getattr(self, f"conv{k}"), getattr(self, f"norm{k}")))
            setattr(self, f"norm{k}", nn.Identity())

    def forward(self, x):
        return F.relu_(self.norm2(self.conv2(F.relu_(self.norm1(self.conv1(x))))))


class Net(nn.Module):
    def __init__(self, w, depth):
        super().__init__()
        self.down = nn.ModuleList(Pair(w, f"down{k}") for k in range(depth))
        self.bottom = Pair(w, f"bottom{depth}")
        self.up, self.join = nn.ModuleList(), nn.ModuleList()
        for k in reversed(range(depth)):
            kernel = w[f"up{k}/weights"].transpose(0, 1).contiguous()
            up = nn.ConvTranspose2d(kernel.shape[0], kernel.shape[1], 2, 2)
            up.weight.data, up.bias.data = kernel, w[f"up{k}/bias"]
            self.up.append(up)
            self.join.append(Pair(w, f"up{k}"))
        self.head = nn.Conv2d(w["head/weights"].shape[1], w["head/weights"].shape[0], 1)
        self.head.weight.data, self.head.bias.data = w["head/weights"], w["head/bias"]

    def forward(self, x):
        kept = []
        for pair in self.down:
            x = pair(x)
            kept.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for up, pair in zip(self.up, self.join):
            x = pair(torch.cat([kept.pop(), up(x)], 1))
        return self.head(x)


def starts(size, tile, step):
    count = 1 if tile >= size else (size - tile + step - 1) // step + 1
    return [min(k * step, size - tile) for k in range(count)]


def main():
    folder, precision, reps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    said = json.load(open(folder + "/stain.json"))
    numbers, w, at = np.fromfile(folder + "/weights.f32", np.float32), {"epsilon": said.get("epsilon", 1e-3)}, 0
    for a in said["arrays"]:
        n = int(np.prod(a["shape"]))
        w[a["name"]] = torch.from_numpy(numbers[at:at + n].reshape(a["shape"]).copy())
        at += n
    size, tile, channels = said["size"], said["tile"], said["channels"]
    image = torch.from_numpy(np.fromfile(folder + "/input.f32", np.float32).reshape(1, channels, size, size))
    ours = np.fromfile(folder + "/output.f32", np.float32).reshape(size, size)
    at = starts(size, tile, said["step"])
    edges = [0] + [(a + b + tile) // 2 for a, b in zip(at, at[1:])] + [size]
    bf16 = precision == "bf16"

    def frame(net, layout):
        out = torch.empty(size, size)
        for i, y in enumerate(at):
            for j, x in enumerate(at):
                cut = image[:, :, y:y + tile, x:x + tile].contiguous(memory_format=layout)
                got = net(cut.bfloat16() if bf16 else cut)[0, 0].float()
                out[edges[i]:edges[i + 1], edges[j]:edges[j + 1]] = got[edges[i] - y:edges[i + 1] - y, edges[j] - x:edges[j + 1] - x]
        return out

    best = None
    with torch.inference_mode():
        for layout_name, layout in (("channels_last", torch.channels_last), ("contiguous", torch.contiguous_format)):
            for how in ("folded", "frozen"):
                net = Net(w, said["depth"]).eval()
                for part in net.modules():
                    if isinstance(part, Pair):
                        part.fold()
                net = net.to(memory_format=layout)
                if bf16:
                    net = net.bfloat16()
                try:
                    if how == "frozen":
                        example = image[:, :, :tile, :tile].contiguous(memory_format=layout)
                        net = torch.jit.freeze(torch.jit.trace(net, example.bfloat16() if bf16 else example))
                        net = torch.jit.optimize_for_inference(net)
                    out = frame(net, layout)
                except RuntimeError:
                    continue
                frame(net, layout)
                times = []
                for _ in range(reps):
                    start = time.perf_counter()
                    out = frame(net, layout)
                    times.append(time.perf_counter() - start)
                apart = float(np.abs(out.numpy() - ours).max() / np.abs(ours).max())
                one = {"seconds": statistics.median(times), "least": min(times), "how": f"{layout_name}, {how}", "apart": apart,
                       "torch": torch.__version__}
                if best is None or one["seconds"] < best["seconds"]:
                    best = one
    print(json.dumps(best))


main()
