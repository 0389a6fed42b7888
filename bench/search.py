#!/usr/bin/env python3
"""search.py – the search: regret after 60 trials against Optuna's samplers, speed-up of four groups of ranks, and trials that survive kills.

    bench/search.py --python ~/peers/bin/python              all parts; the Python has optuna, scipy and torch
    bench/search.py --python ... regret [FUNCTION ...]       one part
    bench/search.py groups | kills

Regret is the distance of the true value, without the noise, of the point that a search recommends from the best there is. Every method runs on the same
functions with seeds of its own; cyto5 and Optuna's two samplers by their defaults. The functions are written in C and in Python, and are compared first."""
import argparse
import json
import os
import random
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


def tell(line, **figures):
    print(json.dumps({"machine": machine(), "commit": commit(), **figures}), flush=True)
    print(line, flush=True)


def call(command, limit_s=3000):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    p = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=env, timeout=limit_s)
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


def regret(python, names, seeds, trials):
    compare_functions(python, names)
    won = 0
    for name in names:
        found = {}
        for method, command in (("cyto5", [BENCH, "run", name, "gp", trials, *seeds]), ("tpe", [python, PEER, name, "tpe", trials, *seeds]),
                                ("gp", [python, PEER, name, "gp", trials, *seeds])):
            found[method] = [json.loads(s) for s in call(command).splitlines()]
        median = {m: statistics.median(r["regret"] for r in rows) for m, rows in found.items()}
        quartiles = {m: [sorted(r["regret"] for r in rows)[k * len(rows) // 4] for k in (1, 3)] for m, rows in found.items()}
        seconds = {m: statistics.median(r["seconds"] for r in rows) for m, rows in found.items()}
        good = median["cyto5"] <= min(median["tpe"], median["gp"])
        won += good
        tell(f"{name:14s} regret after {trials} trials, median of {len(seeds)} seeds: cyto5 {median['cyto5']:.3g}, Optuna TPE {median['tpe']:.3g}, "
             f"GP {median['gp']:.3g}; {seconds['cyto5']:.2f} s, {seconds['tpe']:.2f} s, {seconds['gp']:.2f} s a search {'' if good else '(missed)'}",
             bench="search-regret", function=name, trials=trials, seeds=len(seeds), median=median, quartiles=quartiles, seconds=seconds)
    if set(names) == set(BARS) and won < 3:
        missed.append(f"regret: {won} of 4, at least 3 expected")


# ---- groups of ranks ----

SLOW = """goal: minimise
trials: {trials}
seed: {seed}
space:
  x0: {{type: continuous, min: -5, max: 10}}
  x1: {{type: continuous, min: 0, max: 15}}
objective:
  command: {bench} slow branin {{x0}} {{x1}}
"""


def one_search(scratch, ranks, trials, seed):
    path, container = scratch(f"s{ranks}-{seed}.yml"), scratch(f"s{ranks}-{seed}.h5")
    with open(path, "w") as f:
        f.write(SLOW.format(trials=trials, seed=seed, bench=BENCH))
    begun = time.perf_counter()
    call(mpirun(ranks, [CYTO5, "search", path, container, "--quiet"]))
    wall = time.perf_counter() - begun
    told = json.loads(call([CYTO5, "search", "show", f"s{ranks}-{seed}", container, "--json"]))
    least = float(call([BENCH, "least", "branin"]))
    return wall, sum(t["seconds"] for t in told["trials"]), told["best_value"] - least


def groups(seeds, trials):
    with Scratch("search") as scratch:
        runs = {ranks: [one_search(scratch, ranks, trials, seed) for seed in seeds] for ranks in (1, 4)}
    # Two searches try different points, which sleep differently long: what counts is the work done in a second.
    rate = {r: statistics.median(trials / wall for wall, _, _ in rows) for r, rows in runs.items()}
    busy = {r: statistics.median(work / wall for wall, work, _ in rows) for r, rows in runs.items()}
    regrets = {r: sorted(x for _, _, x in rows) for r, rows in runs.items()}
    ratio, same = busy[4] / busy[1], regrets[4][len(seeds) // 2] <= regrets[1][-1]
    tell(f"four groups of ranks against one, objective of 0.2 to 2 s: {ratio:.2f} x the work in a second ({rate[4] / rate[1]:.2f} x the trials); regret "
         f"{statistics.median(regrets[4]):.2g} against {statistics.median(regrets[1]):.2g} ({regrets[1][0]:.2g} to {regrets[1][-1]:.2g} by seed)",
         bench="search-groups", trials=trials, seeds=len(seeds), speedup=ratio, trials_ratio=rate[4] / rate[1], regrets=regrets)
    if ratio < 3.5:
        missed.append(f"groups: {ratio:.2f} x, at least 3.5 x expected")
    if not same:
        missed.append("groups: the regret of four groups is beyond the spread of one")


# ---- kills ----

def kills(times):
    env = {**os.environ, "CYTO5": CYTO5, "C5_SOURCE": ROOT, "C5_BUILD": BUILD, "C5_KILLS": str(times), "OMPI_MCA_rmaps_base_oversubscribe": "1"}
    for script in ("cli_search.py", "mpi_search.py"):
        p = subprocess.run(["/usr/bin/python3", os.path.join(ROOT, "tests", script)], capture_output=True, text=True, env=env, timeout=1500)
        if p.returncode != 0:
            missed.append(f"kills: {script}: {p.stdout[-500:]}")
        tell(f"{times} kills, {script}: {'no finished trial lost or changed, none tried again' if p.returncode == 0 else 'FAILED'}", bench="search-kills", script=script,
             times=times, good=p.returncode == 0)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("parts", nargs="*", help="regret [FUNCTION ...], groups, kills; none: all")
    p.add_argument("--python", default=os.environ.get("C5_OPTUNA"), help="one that has optuna, scipy and torch; C5_OPTUNA")
    p.add_argument("--seeds", type=int, default=20)
    p.add_argument("--trials", type=int, default=60)
    p.add_argument("--kills", type=int, default=20)
    a = p.parse_args()
    names = [n for n in a.parts if n not in ("regret", "groups", "kills")]
    todo = [n for n in a.parts if n not in names] or (["regret"] if names else ["regret", "groups", "kills"])
    if "regret" in todo:
        if not a.python or subprocess.run([a.python, "-c", "import optuna, scipy, torch"], capture_output=True).returncode != 0:
            print("bench: no Python with optuna, scipy and torch: name one by --python or C5_OPTUNA")
            sys.exit(77)
        regret(a.python, names or BARS, list(range(a.seeds)), a.trials)
    if "groups" in todo:
        groups(list(range(1, 6)), 40)
    if "kills" in todo:
        kills(a.kills)
    for line in missed:
        print("MISSED", line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
