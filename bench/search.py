#!/usr/bin/python3
"""search.py – the search: regret after 60 trials against Optuna's samplers, speed-up of four groups of ranks, trials that survive kills, and the
block classifier tuned.

    bench/search.py --python ~/peers/bin/python              all parts; the Python has optuna, scipy and torch
    bench/search.py --python ... regret [FUNCTION ...]       one part
    bench/search.py groups | kills | tune
    bench/search.py ... --keep FILE --for 500                no new run begins after 500 s; the same line again goes on with what is in FILE

Regret is the distance of the true value, without the noise, of the point that a search recommends from the best there is. Every method runs on the
same functions with seeds of its own, on one thread; cyto5 and Optuna's two samplers by their defaults. The functions are written in C and in Python,
and are compared first. What was kept of another program, of other versions or settings, does not count."""
import argparse
import hashlib
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from benchlib import CYTO5, HERE, ROOT, BUILD, Scratch, commit, machine, mpirun  # noqa: E402

BENCH = os.path.join(BUILD, "bench", "bench_search")
PEER = os.path.join(HERE, "peers", "optuna_search.py")
BARS = ["branin", "hartmann6", "mixed10", "noisy3"]
SPACES = {"branin": 2, "hartmann6": 6, "mixed10": 10, "noisy3": 3}
missed = []


class Later(Exception):
    """The time is over; the rest is for another run."""


class Kept:
    """Results by key, one JSON line each; in memory alone without a file. No new ones after the deadline."""

    def __init__(self, path, seconds):
        self.path, self.deadline, self.all = path, time.monotonic() + seconds if seconds else None, {}
        if path and os.path.exists(path):
            for line in open(path):
                if line.endswith("\n"):  # else the run was killed while it wrote
                    one = json.loads(line)
                    self.all[json.dumps(one["key"])] = one["value"]

    def late(self):
        return self.deadline is not None and time.monotonic() > self.deadline

    def has(self, *key):
        return json.dumps(key) in self.all

    def get(self, *key):
        return self.all[json.dumps(key)]

    def put(self, key, value):
        self.all[json.dumps(key)] = value
        if self.path:
            with open(self.path, "a") as f:
                f.write(json.dumps({"key": key, "value": value}) + "\n")

    def done(self, make, *key):
        """The kept result of a key, made first if there is none."""
        if not self.has(*key):
            if self.late():
                raise Later
            self.put(key, make())
        return self.get(*key)


def digest(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()[:12]


def tell(line, **figures):
    print(json.dumps({"machine": machine(), "commit": commit(), **figures}), flush=True)
    print(line, flush=True)


ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def call(command, limit_s=3000, **more):
    p = subprocess.run([str(c) for c in command], capture_output=True, text=True, env={**os.environ, **ONE_THREAD, **more}, timeout=limit_s)
    if p.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))} ended with {p.returncode}:\n{p.stderr[-2000:]}")
    return p.stdout


# ---- regret ----

def compare_functions(python, names):
    rng = random.Random(1)
    for name in names:
        if name not in SPACES:
            continue
        for _ in range(5):
            x = [rng.random() for _ in range(SPACES[name])]
            if name == "mixed10":
                x[4:7] = [rng.randrange(16) for _ in range(3)]
                x[7:] = [rng.randrange(k) for k in (3, 4, 5)]
            a, b = (float(call(c + x)) for c in ([BENCH, "value", name], [python, PEER, name, "value"]))
            if abs(a - b) > 1e-12 * max(1, abs(a)):
                sys.exit(f"bench: {name} is {a} in C and {b} in Python at {x}")


def searches(kept, who, command, function, method, trials, seeds):
    """One process for all seeds that are not kept yet, its results kept as they come."""
    todo = [seed for seed in seeds if not kept.has("regret", who, function, method, trials, seed)]
    if todo and kept.late():
        raise Later
    if todo:
        p = subprocess.Popen([str(c) for c in [*command, trials, *todo]], stdout=subprocess.PIPE, text=True, env={**os.environ, **ONE_THREAD})
        try:
            for line in p.stdout:
                one = json.loads(line)
                kept.put(("regret", who, function, method, trials, one["seed"]), {k: one[k] for k in ("regret", "seconds")})
                if kept.late() and one["seed"] != todo[-1]:
                    raise Later
        finally:
            p.kill()
            p.wait()
        if not all(kept.has("regret", who, function, method, trials, seed) for seed in todo):
            sys.exit(f"bench: {' '.join(map(str, command))} ended before its time")
    return [kept.get("regret", who, function, method, trials, seed) for seed in seeds]


def regret(kept, python, names, seeds, trials):
    compare_functions(python, names)
    ours, theirs = digest(BENCH), call([python, "-c",
        "import optuna, torch; print('optuna', optuna.__version__, 'torch', torch.__version__)"]).strip()
    won = 0
    for name in names:
        found = {"cyto5": searches(kept, ours, [BENCH, "run", name, "gp"], name, "cyto5", trials, seeds)}
        for method in ("tpe", "gp"):
            found[method] = searches(kept, theirs, [python, PEER, name, method], name, method, trials, seeds)
        median = {m: statistics.median(r["regret"] for r in rows) for m, rows in found.items()}
        quartiles = {m: [sorted(r["regret"] for r in rows)[k * len(rows) // 4] for k in (1, 3)] for m, rows in found.items()}
        seconds = {m: statistics.median(r["seconds"] for r in rows) for m, rows in found.items()}
        good = median["cyto5"] <= min(median["tpe"], median["gp"])
        won += good
        tell(f"{name:10s} regret after {trials} trials, median of {len(seeds)} seeds: cyto5 {median['cyto5']:.3g}, Optuna TPE {median['tpe']:.3g}, "
             f"GP {median['gp']:.3g}; {seconds['cyto5']:.2f} s, {seconds['tpe']:.2f} s, {seconds['gp']:.2f} s a search{'' if good else ' (missed)'}",
             bench="search-regret", function=name, trials=trials, seeds=len(seeds), peers=theirs, median=median, quartiles=quartiles, seconds=seconds)
    if set(names) == set(BARS):
        print(f"not worse than the better of the two on {won} of 4")
        if won < 3:
            missed.append(f"regret: {won} of 4, at least 3 expected")


# ---- groups of ranks ----

SLOW = """goal: minimise
trials: {trials}
seed: {seed}
space:
  x0: {{type: continuous, min: -5, max: 10}}
  x1: {{type: continuous, min: 0, max: 15}}
objective:
  command: {bench} slow branin {{trial}} {{x0}} {{x1}}
"""


def one_search(scratch, ranks, trials, seed):
    name = f"s{ranks}-{seed}"
    path, container = scratch(f"{name}.yml"), scratch(f"{name}.h5")
    with open(path, "w") as f:
        f.write(SLOW.format(trials=trials, seed=seed, bench=BENCH))
    begun = time.perf_counter()
    call(mpirun(ranks, [CYTO5, "search", path, container, "--quiet"]))
    wall = time.perf_counter() - begun
    told = json.loads(call([CYTO5, "search", "show", name, container, "--json"]))
    least = float(call([BENCH, "least", "branin"]))
    return wall, sum(t["seconds"] for t in told["trials"]), told["best_value"] - least


def groups(kept, seeds, trials):
    who = digest(CYTO5) + digest(BENCH)
    with Scratch("search") as scratch:
        runs = {ranks: [kept.done(lambda: one_search(scratch, ranks, trials, seed), "groups", who, ranks, trials,
            seed) for seed in seeds] for ranks in (1, 4)}
    wall = {r: statistics.median(w for w, _, _ in rows) for r, rows in runs.items()}
    busy = {r: statistics.median(work / (r * w) for w, work, _ in rows) for r, rows in runs.items()}
    regrets = {r: sorted(x for _, _, x in rows) for r, rows in runs.items()}
    ratio, middle = wall[1] / wall[4], {r: statistics.median(x) for r, x in regrets.items()}
    tell(f"four groups of ranks against one, {trials} trials that sleep 0.2 to 2 s: {wall[1]:.1f} s and {wall[4]:.1f} s, {ratio:.2f} x "
         f"(groups busy for {busy[1]:.0%} and {busy[4]:.0%}); regret {middle[4]:.2g}, of one group {middle[1]:.2g} "
         f"({regrets[1][0]:.2g} to {regrets[1][-1]:.2g} by seed)",
         bench="search-groups", trials=trials, seeds=len(seeds), wall_s=wall, speedup=ratio, busy=busy, regrets=regrets)
    if ratio < 3.5:
        missed.append(f"groups: {ratio:.2f} x, at least 3.5 x expected")
    if middle[4] > regrets[1][-1]:
        missed.append("groups: the regret of four groups is beyond the spread of one")


# ---- kills ----

def kills(kept, times):
    who = digest(CYTO5)
    more = {"CYTO5": CYTO5, "C5_SOURCE": ROOT, "C5_BUILD": BUILD, "C5_KILLS": str(times), "OMPI_MCA_rmaps_base_oversubscribe": "1"}

    def one(script):
        p = subprocess.run(["/usr/bin/python3", os.path.join(ROOT, "tests", script), "survives_kills"], capture_output=True, text=True,
            env={**os.environ, **more}, timeout=1500)
        return p.returncode, [s for s in p.stdout.split("\n") if s.startswith("kills:")], (p.stdout + p.stderr)[-500:]

    for script in ("cli_search.py", "mpi_search.py"):
        code, said, out = kept.done(lambda: one(script), "kills", who, times, script)
        if code != 0:
            missed.append(f"kills: {script}: {out}")
        tell(f"{script}, {said[-1] if said else 'FAILED'}", bench="search-kills", script=script, times=times, good=code == 0)


# ---- the block classifier ----

FIELDS = ["--frames", 1, "--height", 256, "--width", 256, "--cells", 60, "--radius", 12, "--efficiency-from", 0, "--efficiency-to", 0.8,
    "--differentiation", 0.4,
          "--patch", 60, "--channels", "phase,marker", "--plates", 2]
NETWORK = "--marker marker --frames 1 --width 0.25 --stride 8 --per-epoch 1500 --epochs 12 --watch auc"
TUNED = """goal: maximise
trials: 40
seed: {seed}
jobs: 2
space:
  rate: {{type: log, min: 1e-5, max: 0.1}}
  optimizer: {{type: choice, values: [sgd, adamw]}}
  decay: {{type: log, min: 1e-6, max: 0.1}}
  batch: {{type: integer, min: 16, max: 128, step: 16}}
  balance: {{type: continuous, min: 0, max: 0.8}}
  context: {{type: integer, min: 0, max: 16, step: 4}}
start:
  - {{rate: 2e-5, optimizer: sgd, decay: 0.05, batch: 128, balance: 0, context: 0}}
objective:
  work: {work}
  steps: ["stain train {{work}} {network} --threads 1 --quiet --json - {{parameters}}"]
  key: auc
  report-step: epoch
  report-value: auc
early-stop: {stopping}
"""
STOPPING = {"halving": "{method: halving}", "none": "{method: none}"}  # as it comes: first 1, factor 3


def resumed(kept, command):
    """A search that goes on where it was stopped, and is stopped when the time is over."""
    if kept.late():
        raise Later
    p = subprocess.Popen([str(c) for c in command], env={**os.environ, **ONE_THREAD}, stdout=subprocess.DEVNULL)
    try:
        while p.poll() is None:
            time.sleep(0.2)
            if kept.late():
                p.terminate()
                p.wait(60)
                raise Later
    finally:
        if p.poll() is None:
            p.kill()
    if p.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))} ended with {p.returncode}")


def tuned(kept, folder, method, seed):
    """What a search found, and what its trials took."""
    path, container = os.path.join(folder, f"{method}.yml"), os.path.join(folder, f"{method}.h5")
    with open(path, "w") as f:
        f.write(TUNED.format(seed=seed, work=os.path.join(folder, "learn.h5"), network=NETWORK, stopping=STOPPING[method]))
    resumed(kept, [CYTO5, "search", path, container, "--resume", "--quiet"])
    told = json.loads(call([CYTO5, "search", "show", method, container, "--json"]))
    best = next(t for t in told["trials"] if t["trial"] == told["best_trial"])
    return {"first": told["trials"][0]["value"], "best": told["best_value"], "parameters": best["parameters"],
        "epochs": sum(t["reports"] for t in told["trials"]),
            "trials": len(told["trials"]), "stopped": sum(t["state"] == "pruned" for t in told["trials"]), "seconds": told["spent_s"]}


def judged(folder, name, words, seed):
    """A network trained with these settings, on fields it never saw."""
    learn, test = (os.path.join(folder, f"{name}-{part}.h5") for part in ("learn", "test"))
    for part, path in (("learn", learn), ("test", test)):
        shutil.copy(os.path.join(folder, f"{part}.h5"), path)
    call([CYTO5, "stain", "train", learn, *NETWORK.split(), *words, "--seed", seed, "--quiet"])
    call([CYTO5, "stain", "predict", test, "--model", f"{learn}:marker", "--quiet"])
    figures = json.loads(call([CYTO5, "stain", "evaluate", test, "--json"]))["marker"]["figures"]
    for path in (learn, test):
        os.unlink(path)
    return {k: figures[k] for k in ("block_roc_auc", "block_f1")}


def tune(kept, folder):
    who = digest(CYTO5)
    for part, fields, seed in (("learn", 10, 1), ("test", 8, 2)):
        path = os.path.join(folder, f"{part}.h5")
        if not os.path.exists(path):
            call([CYTO5, "simulate", path, *FIELDS, "--fields", fields, "--seed", seed, "--quiet"])
    runs = {method: kept.done(lambda: tuned(kept, folder, method, 1), "tune", who, rule if method == "halving" else method)
            for method, rule in STOPPING.items()}
    saved, seeds = 1 - runs["halving"]["epochs"] / runs["none"]["epochs"], range(11, 16)
    # The best of 40 values owes something to luck: settings are judged by networks trained anew from other seeds, on fields that no trial has seen.
    settings = {"hand": [], **{method: [w for k, v in runs[method]["parameters"].items() for w in (f"--{k}", v)] for method in runs}}
    figures = {name: [kept.done(lambda: judged(folder, name, words, seed), "judged", who, [str(w) for w in words], seed) for seed in seeds]
               for name, words in settings.items()}
    auc = {name: [f["block_roc_auc"] for f in rows] for name, rows in figures.items()}
    f1 = {name: statistics.mean(f["block_f1"] for f in rows) for name, rows in figures.items()}
    mean, sd = {k: statistics.mean(v) for k, v in auc.items()}, {k: statistics.stdev(v) for k, v in auc.items()}
    noise = {k: 2 * math.sqrt((sd[k] ** 2 + sd["halving"] ** 2) / len(seeds)) for k in sd}
    tell(f"block classifier, 40 trials from a poor start (AUC {runs['halving']['first']:.4f}): {runs['halving']['best']:.4f} on what is kept "
         f"back, without early stopping {runs['none']['best']:.4f}; "
         f"{runs['halving']['epochs']} epochs against {runs['none']['epochs']}, {saved:.0%} saved",
         bench="search-tune", runs=runs, saved=saved)
    tell(f"on other fields, {len(seeds)} seeds: AUC {mean['halving']:.4f} (sd {sd['halving']:.4f}), F1 {f1['halving']:.3f}; found "
         f"without early stopping {mean['none']:.4f} (sd {sd['none']:.4f}), F1 {f1['none']:.3f}; "
         f"hand-set defaults {mean['hand']:.4f} (sd {sd['hand']:.4f}), F1 {f1['hand']:.3f}",
         bench="search-tuned", auc=auc, f1=f1, noise=noise)
    if saved < 0.4:
        missed.append(f"tune: early stopping saves {saved:.0%} of the epochs, at least 40 % expected")
    for name, what in (("none", "what is found without early stopping"), ("hand", "the hand-set defaults")):
        if mean["halving"] < mean[name] - noise[name]:
            missed.append(f"tune: what was found is worse than {what} by {mean[name] - mean['halving']:.4f}, beyond the noise of {noise[name]:.4f}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("parts", nargs="*", help="regret [FUNCTION ...], groups, kills, tune; none: all")
    p.add_argument("--python", default=os.environ.get("C5_OPTUNA"), help="one that has optuna, scipy and torch; C5_OPTUNA")
    p.add_argument("--seeds", type=int, default=20)
    p.add_argument("--trials", type=int, default=60)
    p.add_argument("--kills", type=int, default=20)
    p.add_argument("--keep", metavar="FILE", help="results are kept here as they come, and those that are there already are not made again")
    p.add_argument("--for", dest="seconds", type=float, default=0, help="no new run begins after so many seconds; exit status 75 then")
    a = p.parse_args()
    parts = ("regret", "groups", "kills", "tune")
    names = [n for n in a.parts if n not in parts]
    todo = [n for n in a.parts if n in parts] or (["regret"] if names else list(parts))
    kept = Kept(a.keep, a.seconds)
    try:
        if "regret" in todo:
            if not a.python or subprocess.run([a.python, "-c", "import optuna, scipy, torch"], capture_output=True).returncode != 0:
                print("bench: no Python with optuna, scipy and torch: name one by --python or C5_OPTUNA")
                return 77
            regret(kept, a.python, names or BARS, list(range(a.seeds)), a.trials)
        if "groups" in todo:
            groups(kept, list(range(1, 8)), a.trials)
        if "kills" in todo:
            kills(kept, a.kills)
        if "tune" in todo:
            with Scratch("tune") as scratch:
                folder = a.keep + ".d" if a.keep else scratch.path
                os.makedirs(folder, exist_ok=True)
                tune(kept, folder)
    except Later:
        print("the time is over; the same line goes on" if a.keep else "the time is over, and nothing was kept: give --keep FILE too")
        return 75
    for line in missed:
        print("MISSED", line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
