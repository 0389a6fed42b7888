#!/usr/bin/python3
"""nn.py – networks trained and run on the CPU (or, with C5_NN_DEVICE=cuda, on a GPU), beside PyTorch, TensorFlow and onnxruntime, with the same
numbers in all of them.

    nn.py [NET[:MODE[:PRECISION]] ...]      NET sesmo, resnet18, unet; MODE train, infer, own; PRECISION fp32, bf16; all when left out

The peers live in the Python named by C5_NN_PEERS (default: the first of C5_PEERS that has torch); OMP_NUM_THREADS is 2 unless C5_NN_THREADS says
otherwise. All contenders are started, make their first passes (compile, choose kernels), and then take turns pass by pass; medians count, and the
fastest peer is compared: PyTorch in both layouts and compiled (frozen for inference), TensorFlow, and for float32 inference onnxruntime. Dropout is
off everywhere, so that the same run checks that all compute the same: the losses of the first passes agree within 1e-3 (bfloat16: 5e-2), outputs to a
normalised error of 1e-8 (bfloat16: 1e-3). On a machine that others use too, C5_NN_CPU=1 compares the time of the processors instead of that of the
clock, with threads that wait asleep in all contenders. Mode `own` has no peers: bfloat16 against float32, and the share of a training pass in
convolutions and products."""
import json
import os
import subprocess
import sys
import time

from benchlib import BUILD, HERE, Scratch, check, end, median, tell

NETS = {"sesmo": (50, 128, 15), "resnet18": (64, 64, 9), "unet": (256, 8, 4)}  # pixels, batch, rounds
DEVICE = os.environ.get("C5_NN_DEVICE", "cpu")
GPU_ROUNDS = 100
BAR = 1.3 if DEVICE == "cpu" else 1.0
os.environ["OMP_NUM_THREADS"] = os.environ.get("C5_NN_THREADS", "2")
BY_CPU = os.environ.get("C5_NN_CPU", "0") == "1"
if BY_CPU:
    os.environ.update(OMP_WAIT_POLICY="passive", GOMP_SPINCOUNT="0", KMP_BLOCKTIME="0")
WITH_COMPILER = os.environ.get("C5_NN_COMPILE", "1") == "1"


def peer_python():
    named = os.environ.get("C5_NN_PEERS", os.environ.get("C5_PEERS", "/usr/bin/python3"))
    for python in named.split(":"):
        if subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode == 0:
            return python
    print("nn.py: no Python named in C5_NN_PEERS has torch")
    sys.exit(77)


class Worker:
    """A contender that waits for its turn."""

    def __init__(self, name, command):
        self.name, self.head, self.ms = name, None, []
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ready(self):
        """After its first passes: False if it could not."""
        for line in self.process.stdout:
            if line.startswith("{"):
                self.head = json.loads(line)
                return True
        print(f"# nn: {self.name} is left out: {(self.process.stderr.read().strip().splitlines() or ['it ended'])[-1][:200]}", flush=True)
        return False

    def spent_ms(self):
        """Of the processors, by all threads, as if shared out evenly."""
        folder = f"/proc/{self.process.pid}/task"
        return sum(int(open(f"{folder}/{t}/schedstat").read().split()[0]) for t in os.listdir(folder)) / 1e6 / int(os.environ["OMP_NUM_THREADS"])

    def turn(self):
        before = self.spent_ms()
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        wall = float(self.process.stdout.readline())
        if DEVICE == "cpu":
            time.sleep(0.3)  # its threads go to sleep; onnxruntime's take that long
        self.ms.append(self.spent_ms() - before if BY_CPU else wall)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def ours(net, mode, precision, *more):
    size, batch, _ = NETS[net]
    return [f"{BUILD}/bench/bench_nn", "--net", net, "--size", size, "--batch", batch, "--mode", mode, "--precision", precision, "--no-dropout",
            "--first", 3, "--reps", 1, "--device", DEVICE, *more]


def peers(python, folder, mode, precision):
    """Command lines by name; what is not installed is left out."""
    has = lambda module: subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0
    command = lambda script, *more: [python, f"{HERE}/peers/nn_{script}.py", folder, mode, precision, *more]
    found = {f"torch_{layout}": command("torch", layout, "eager") for layout in ("contiguous", "channels_last")}
    if WITH_COMPILER:
        found["torch_compiled"] = command("torch", "channels_last", "compile")
    if DEVICE != "cpu":
        return {name: line for name, line in found.items() if name != "torch_contiguous"}
    if has("tensorflow"):
        found["tensorflow"] = command("tensorflow")
    if mode == "infer" and precision == "fp32" and has("onnxruntime"):
        found["onnxruntime"] = command("onnx")
    return found


def take_turns(workers, rounds):
    for _ in range(rounds):
        for w in workers:
            w.turn()
    for w in workers:
        w.close()
    return {w.name: median(w.ms) for w in workers}


def agree(what, mode, precision, mine, theirs):
    loose = precision == "bf16"
    if mode == "infer":
        check("nn", what, theirs["error"] <= (1e-3 if loose else 1e-8))
        return
    pairs = list(zip(mine["losses"][:4], theirs["losses"][:4]))
    check("nn", what, len(pairs) == 4 and all(abs(a - b) <= (5e-2 if loose else 1e-3) * max(abs(b), 1) for a, b in pairs))


def beside(python, net, mode, precision):
    with Scratch("nn") as scratch:
        folder = scratch("net")
        os.mkdir(folder)
        mine = Worker("cyto5", ours(net, mode, precision, "--no-shares", "--serve", "--dump", folder))
        if not mine.ready():
            sys.exit("bench nn: cyto5 did not start")
        workers = [mine]
        for name, command in peers(python, folder, mode, precision).items():
            w = Worker(name, command)
            if w.ready():
                agree(f"{net} {mode} {precision} as {name}", mode, precision, mine.head, w.head)
                workers.append(w)
        ms = take_turns(workers, NETS[net][2] if DEVICE == "cpu" else GPU_ROUNDS)
    best = min((name for name in ms if name != "cyto5"), key=ms.get)
    tell("nn", f"{net} {mode} {precision}, against {best}", ms[best] / ms["cyto5"], BAR, time="processors" if BY_CPU else "clock",
         **{name + "_ms": v for name, v in ms.items()})


def own(net):
    """bfloat16 beside float32 (a bar where the processor has tiles for it), and where the time of a training pass goes."""
    tiles = " amx_bf16 " in open("/proc/cpuinfo").read().replace("\n", " ")
    for mode in ("train", "infer"):
        workers = [Worker(precision, ours(net, mode, precision, "--no-shares", "--serve")) for precision in ("fp32", "bf16")]
        if not all([w.ready() for w in workers]):
            sys.exit("bench nn: cyto5 did not start")
        ms = take_turns(workers, NETS[net][2])
        tell("nn", f"{net} {mode}: bf16 against fp32", ms["fp32"] / ms["bf16"], 4 if tiles else None, amx=tiles,
             time="processors" if BY_CPU else "clock", **{k + "_ms": v for k, v in ms.items()})
    for precision in ("fp32", "bf16"):
        w = Worker("cyto5", ours(net, "train", precision, "--serve"))
        w.ready()
        w.close()
        bar = 0.8 if net != "sesmo" and precision == "fp32" else None
        tell("nn", f"{net} {precision}: share of a training pass in convolutions and products", w.head["share_conv"], bar, unit="")


def main():
    python = None
    for what in sys.argv[1:] or list(NETS):
        net, mode, precision = (what.split(":") + ["", ""])[:3]
        for m in [mode] if mode else ["train", "infer", "own"]:
            if m == "own":
                own(net)
                continue
            python = python or peer_python()
            for p in [precision] if precision else ["fp32", "bf16"]:
                beside(python, net, m, p)
    end()


main()
