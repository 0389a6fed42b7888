#!/usr/bin/python3
"""stain.py – virtual stains against the truth, from simulated or real images to figures, by the commands a user would type.

    bench/stain.py simulated        24 fields of known efficiency from 0 to 80 %, trained on 16 others
    bench/stain.py neurons [DIR]    columns 0-447 of a field to learn from, 512-639 to check: DIR has phase_zNN.png and the three markers
    bench/stain.py blocks|dense [DIR]    one method of both alone
    bench/stain.py seams [DIR]      a dense map of the field whole against in tiles
    bench/stain.py register [DIR]   the field's markers moved by known amounts, and what registration says
    bench/stain.py forecast         18 simulated fields whose marker comes with time: how early the last frame is known
    bench/stain.py plates           24 fields over three plates: their last frame foretold from itself
    bench/stain.py throughput       a dense map beside PyTorch: the same numbers, the same tiles (C5_TORCH: a Python that has it)

DIR defaults to C5_NEURONS. Times are told, not judged."""
import glob
import json
import os
import sys

import h5py
import numpy as np

from benchlib import BUILD, CYTO5, HERE, Scratch, check, end, run, tell

SIM = ["--frames", "1", "--height", "384", "--width", "384", "--cells", "120", "--radius", "12", "--efficiency-from", "0", "--efficiency-to", "0.8",
       "--differentiation", "0.6", "--patch", "60", "--channels", "phase,marker", "--plates", "4"]
NEURONS = ("dapi", "map2", "nfh")


def cyto5(*words):
    wall, _, text = run([CYTO5, *words], 1800)
    return text, wall


def figures(path, *words):
    text, _ = cyto5("stain", "evaluate", path, "--json", *words)
    return {marker: one["figures"] for marker, one in json.loads(text).items()}


def simulated(folder):
    learn, test = f"{folder}/learn.h5", f"{folder}/test.h5"
    cyto5("simulate", learn, *SIM, "--fields", 16, "--seed", 1)
    cyto5("simulate", test, *SIM, "--fields", 24, "--seed", 2)
    _, trained = cyto5("stain", "train", learn, "--marker", "marker", "--block", 16, "--context", 12, "--width", 0.5, "--frames", 1, "--epochs", 8,
                       "--batch", 64, "--rate", 0.003, "--watch", "auc", "--per-epoch", 12000, "--stride", 8)
    _, predicted = cyto5("stain", "predict", test, "--model", f"{learn}:marker")
    f = figures(test)["marker"]
    for name, bar in (("block_f1", 0.90), ("block_accuracy", 0.97), ("block_roc_auc", 0.99), ("efficiency_pearson", 0.995)):
        tell("stain", f"simulated fields, {name}", f[name], bar, unit="")
    print(f"trained in {trained:.0f} s, 24 fields of 384 x 384 predicted in {predicted:.1f} s; bias of the efficiency {f['efficiency_bias']:+.4f}")


def field(folder, source):
    """The field of neurons as a container."""
    sheet = f"{folder}/neurons.csv"
    with open(sheet, "w") as out:
        out.write("path,experiment,channel,modality\n")
        out.write(f"{source}/phase_z{{z}}.png,neurons,transmission,transmission\n")
        for marker in NEURONS:
            (path,) = glob.glob(f"{source}/{marker}*.png")
            out.write(f"{path},neurons,{marker},fluorescence\n")
    path = f"{folder}/neurons.h5"
    cyto5("ingest", path, "--sheet", sheet)
    return path


LEARN = ["--marker", ",".join(NEURONS), "--region", "0:448", "--register", "check", "--threads", 2]


def blocks(folder, source):
    path = field(folder, source)
    _, trained = cyto5("stain", "train", path, *LEARN, "--keep-back", "0.16", "--gap", "32", "--name", "blocks", "--block", 16, "--stride", 4,
                       "--context", 16, "--epochs", 10, "--batch", 32, "--width", 0.5, "--rate", 0.002, "--per-epoch", 6000, "--watch", "auc")
    cyto5("stain", "predict", path, "--model", "blocks")
    f = figures(path, "--region", "512:640", "--register", "off")
    print(f"blocks trained in {trained:.0f} s")
    for marker in NEURONS:
        tell("stain", f"neurons, {marker}, blocks, area under the ROC curve", f[marker]["block_roc_auc"], 0.95 if marker == "dapi" else None, unit="")


def dense(folder, source):
    """Settings were chosen on columns 314-447, by networks that had learnt from 0-281; with them, all of 0-447 is learnt from."""
    path = field(folder, source)
    _, trained = cyto5("stain", "train", path, *LEARN, "--keep-back", 0, "--name", "dense", "--method", "dense", "--patch", 128, "--depth", 4,
                       "--width", 0.5, "--epochs", 28, "--batch", 4, "--micro", 1, "--rate", 0.001, "--decay", 0.1, "--warp", 0.75, "--averaging",
                       0.995, "--per-epoch", 120, "--watch", "last")
    _, predicted = cyto5("stain", "predict", path, "--model", "dense")
    plain = figures(path, "--region", "512:640", "--register", "off")
    _, fourfold = cyto5("stain", "predict", path, "--model", "dense", "--mirrored")
    f = figures(path, "--region", "512:640", "--register", "off")
    print(f"dense trained in {trained:.0f} s, one map in {predicted:.1f} s, with mirror images in {fourfold:.1f} s")
    for marker in NEURONS:
        tell("stain", f"neurons, {marker}, dense map, Pearson of pixels", f[marker]["pixel_pearson"], 0.75 if marker == "dapi" else None, unit="",
             one_pass=plain[marker]["pixel_pearson"])


def neurons(folder, source):
    blocks(folder, source)
    os.remove(f"{folder}/neurons.h5")
    dense(folder, source)


def moved(pixels, dy, dx):
    """Moved by parts of a pixel, through the Fourier transform, away from mirrored edges."""
    h, w = pixels.shape
    big = np.pad(pixels.astype(float), 32, mode="reflect")
    turn = np.exp(-2j * np.pi * (np.fft.fftfreq(h + 64)[:, None] * dy + np.fft.fftfreq(w + 64)[None] * dx))
    return np.clip(np.rint(np.fft.ifft2(np.fft.fft2(big) * turn).real[32:-32, 32:-32]), 0, 65535).astype("<u2")


def register(folder, source):
    """What is found, less what is found where nothing was moved: the label-free image itself lies where it lies. Only what is sure is judged."""
    path = field(folder, source)
    learn = ["--method", "dense", "--patch", 64, "--depth", 1, "--width", 0.125, "--epochs", 1, "--per-epoch", 4, "--batch", 4, "--register", "check",
             "--name", "m"]
    with h5py.File(path, "r") as f:
        whole = {m: f[f"experiments/neurons/raw/{m}"][0] for m in NEURONS}

    def found(dy, dx):
        with h5py.File(path, "r+") as f:
            for m in NEURONS:
                f[f"experiments/neurons/raw/{m}"][0] = moved(whole[m], dy, dx) if dy or dx else whole[m]
        cyto5("stain", "train", path, "--marker", ",".join(NEURONS), *learn)
        with h5py.File(path, "r") as f:
            text = f["runs"][sorted(k for k in f["runs"] if k.startswith("r"))[-1]]["inputs"][()].decode()
        answer = {}
        for line in text.splitlines()[1:]:
            name, said = line.split(": ", 1)
            parts = said.split(", ")
            answer[name.split()[-1]] = (parts[0], float(parts[1].split()[0]), float(parts[2].split()[0]),
                                        float(parts[3].split()[1])) if len(parts) > 3 else (parts[0], np.nan, np.nan, np.nan)
        return answer

    still, worst = found(0, 0), {m: 0.0 for m in NEURONS}
    for shift in ((3.3, -4.6), (-6.25, 2.5), (0.4, 9.7)):
        now = found(*shift)
        for m in NEURONS:
            apart = max(abs(now[m][1] - still[m][1] - shift[0]), abs(now[m][2] - still[m][2] - shift[1]))
            worst[m] = max(worst[m], apart)
            print(f"{m} moved by {shift}: {now[m][0]}, {now[m][1]:.2f} down, {now[m][2]:.2f} right, error {now[m][3]:.2f} px; where it "
                  f"was: {still[m][1]:.2f}, {still[m][2]:.2f}")
    for m in NEURONS:
        sure = still[m][0] == "fine"
        tell("stain", f"neurons, {m} moved by known amounts, largest error of the shift found, px", worst[m], 0.2 if sure else None, atleast=False,
             unit=" px", standard_error=still[m][3])


COURSE = ["--frames", 13, "--height", 224, "--width", 224, "--cells", 70, "--radius", 9, "--speed", 0.3, "--efficiency-from", 0, "--efficiency-to",
          0.8, "--differentiation", 0.8, "--patch", 45, "--onset", 8, "--channels", "phase,marker"]


def forecast(folder):
    path = f"{folder}/course.h5"
    cyto5("simulate", path, *COURSE, "--fields", 18, "--seed", 9)
    text, wall = cyto5("stain", "forecast", path, "--marker", "marker", "--context", 12, "--looks", 5, "--folds", 3, "--epochs", 6, "--per-epoch",
                       5000, "--answer-json", *(["--out", OUT] if OUT else []))
    answer = json.loads(text)
    for f in answer["frames"]:
        r = "undefined" if f["pearson"] is None else f"{f['pearson']:.3f} ({f['pearson_low']:.3f}, {f['pearson_high']:.3f})"
        print(f"frame {f['frame']}: r {r}, error {f['mae']:.3f}, of the guess {f['guess_mae']:.3f}, AUC {f['auc']:.3f}")
    last = answer["frames"][-1]
    tell("stain", "forecast, Pearson of the last frame's efficiency from the last frame", last["pearson"], 0.95, unit="")
    known = answer["known_from_frame"]
    tell("stain", "forecast, frame of 12 from which on the outcome is known", 99 if known is None else known, None, unit="")
    print(f"15 trainings in {wall:.0f} s")


def plates(folder):
    """Fields of three plates that differ in light, blur and density, in parts that have fields of each; a few hundred steps a training."""
    path = f"{folder}/plates.h5"
    cyto5("simulate", path, *COURSE, "--fields", 24, "--plates", 3, "--seed", 9)
    text, wall = cyto5("stain", "forecast", path, "--marker", "marker", "--context", 12, "--looks", 1, "--folds", 4, "--epochs", 5, "--per-epoch",
                       3000, "--answer-json")
    last = json.loads(text)["frames"][-1]
    print(f"4 trainings in {wall:.0f} s; mean error {last['mae']:.3f}, of the guess {last['guess_mae']:.3f}, AUC {last['auc']:.3f}")
    tell("stain", "forecast over three plates, Pearson of the last frame's efficiency from the last frame", last["pearson"], 0.9, unit="",
         low=last["pearson_low"])


def throughput(folder):
    bench, peer = os.path.join(BUILD, "bench", "bench_stain"), os.path.join(HERE, "peers", "stain_torch.py")
    python = os.environ.get("C5_TORCH", "python3")
    os.environ["OMP_NUM_THREADS"] = "2"
    for precision in ("fp32", "bf16"):
        ours, theirs = [], []
        for _ in range(2):
            ours.append(json.loads(run([bench, "--precision", precision, "--reps", 3, "--dump", folder], 300)[2]))
            theirs.append(json.loads(run([python, peer, folder, precision, 2], 300)[2]))
        check("stain", f"{precision}: maps differ by {theirs[-1]['apart']}", theirs[-1]["apart"] < (1e-3 if precision == "fp32" else 0.05))
        a, b = min(o["seconds"] for o in ours), min(t["seconds"] for t in theirs)
        tell("stain", f"dense map of 1024 x 1024 px in tiles of 512, {precision}, 2 threads, against PyTorch", b / a, 1.3, ours_s=a, torch_s=b,
             how=theirs[0]["how"], apart=theirs[0]["apart"], torch=theirs[0]["torch"])


def seams(folder, source):
    path = field(folder, source)
    cyto5("stain", "train", path, "--marker", "dapi", "--name", "d", "--method", "dense", "--patch", 96, "--depth", 3, "--width", 0.5, "--epochs", 2,
          "--batch", 8, "--per-epoch", 64, "--register", "off")
    maps = []
    for tile in (4096, 256):
        cyto5("stain", "predict", path, "--model", "d", "--tile", tile)
        with h5py.File(path, "r") as f:
            maps.append(f["experiments/neurons/stain/latest/maps/dapi"][:])
    apart = float(np.abs(maps[0] - maps[1]).max() / np.abs(maps[0]).max())
    tell("stain", "dense map whole against in tiles, largest difference over largest value", apart, 1e-5, atleast=False, unit="")


OUT = os.environ.get("C5_OUT")
what = sys.argv[1] if len(sys.argv) > 1 else "simulated"
source = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("C5_NEURONS")
alone = {"simulated": simulated, "forecast": forecast, "plates": plates, "throughput": throughput}
of_neurons = {"neurons": neurons, "blocks": blocks, "dense": dense, "seams": seams, "register": register}
with Scratch("stain") as scratch:
    if what in alone:
        alone[what](scratch.path)
    elif what not in of_neurons or not source or not os.path.isdir(source):
        print(__doc__)
        sys.exit(77)
    else:
        of_neurons[what](scratch.path, source)
end()
