#!/usr/bin/env python3
"""optuna_search.py – one Optuna study of a function of bench/bench_search.c a seed; for bench/search.py, in an environment that has optuna, and for
its Gaussian process sampler scipy and torch.

    optuna_search.py FUNCTION SAMPLER TRIALS SEED [SEED ...]      one JSON line a seed: the regret of what it would recommend after each trial
    optuna_search.py FUNCTION value NUMBER ...                    the function's value at a point, to hold against ours

The functions are written twice, here and in C, and compared in every run."""
import json
import math
import random
import sys
import time

HARTMANN_A = (1.0, 1.2, 3.0, 3.2)
H3_A = ((3, 10, 30), (0.1, 10, 35), (3, 10, 30), (0.1, 10, 35))
H3_P = ((0.3689, 0.1170, 0.2673), (0.4699, 0.4387, 0.7470), (0.1091, 0.8732, 0.5547), (0.0381, 0.5743, 0.8828))
H6_A = ((10, 3, 17, 3.5, 1.7, 8), (0.05, 10, 17, 0.1, 8, 14), (3, 3.5, 1.7, 10, 17, 8), (17, 8, 0.05, 10, 0.1, 14))
H6_P = ((0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886), (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
        (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650), (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381))


def branin(x):
    a, b = x
    return (b - 5.1 / (4 * math.pi ** 2) * a * a + 5 / math.pi * a - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10


def hartmann(x, A, P):
    return -sum(c * math.exp(-sum(a * (v - p) ** 2 for a, p, v in zip(ra, rp, x))) for c, ra, rp in zip(HARTMANN_A, A, P))


def mixed(x):
    """Four real, three whole and three chosen parameters; the first choice moves the place of the others. 0 at the best."""
    r, n, c = x[:4], x[4:7], [int(v) for v in x[7:]]
    centre, base = ((-0.8, 0.5), (0.3, 0.0), (1.1, 0.8))[c[0]]
    value = base + (0.6, 0.2, 0.0, 0.9)[c[1]] + (0.3, 0.7, 0.15, 0.0, 0.5)[c[2]] * (1 + abs(r[1] - centre * math.cos(1)))
    value += sum((k + 1) * (r[k] - centre * math.cos(k)) ** 2 for k in range(4)) / 2
    value += sum(((n[j] - t) / 6) ** 2 for j, t in enumerate((3, 11, 7))) + 0.15 * abs(n[0] - n[1] + 8)
    return value + 0.2 * (1 - math.cos(3 * math.pi * (r[0] - centre)))


def ackley(x):
    x = [v - 0.7 * (k + 1) / len(x) for k, v in enumerate(x)]
    n = len(x)
    return -20 * math.exp(-0.2 * math.sqrt(sum(v * v for v in x) / n)) - math.exp(sum(math.cos(2 * math.pi * v) for v in x) / n) + 20 + math.e


def rosenbrock(x):
    return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1))


def styblinski(x):
    return sum(v ** 4 - 16 * v * v + 5 * v for v in x) / 2


def michalewicz(x):
    return -sum(math.sin(v) * math.sin((i + 1) * v * v / math.pi) ** 20 for i, v in enumerate(x))


def levy(x):
    w = [1 + (v - 1) / 4 for v in x]
    return (math.sin(math.pi * w[0]) ** 2 + sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
            + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2))


def machine(x):
    """As a network's error looks: rate and decay on a logarithmic scale that go together, width and depth whole, optimiser and activation chosen."""
    rate, decay, drop, width, depth, opt, act = x
    best = (-3.0, -1.6, -2.5)[int(opt)]
    e = 0.08 * (math.log10(rate) - best + 0.1 * (depth - 4)) ** 2 + 0.02 * (math.log10(decay) + 4 + 0.4 * (math.log10(rate) - best)) ** 2
    e += 0.3 * (drop - 0.2) ** 2 + 0.03 * (math.log2(width) - 6.5) ** 2 + 0.01 * abs(depth - 4) + (0.0, 0.03, 0.015)[int(opt)] + (0.02, 0.0)[int(act)]
    return 0.05 + 1 - math.exp(-e)


R, L, I, C = "real", "log", "int", "choice"
# name: function, parameters, least value, standard deviation of the noise
FUNCTIONS = {
    "branin": (branin, [(R, -5, 10), (R, 0, 15)], 0.39788735772973816, 0),
    "hartmann6": (lambda x: hartmann(x, H6_A, H6_P), [(R, 0, 1)] * 6, -3.322368011391339, 0),
    "mixed10": (mixed, [(R, -2, 2)] * 4 + [(I, 0, 15)] * 3 + [(C, 3), (C, 4), (C, 5)], 0.0, 0),
    "noisy3": (lambda x: hartmann(x, H3_A, H3_P), [(R, 0, 1)] * 3, -3.862779786949339, 0.2),
    # kept apart: choices of method are made on these
    "ackley5": (ackley, [(R, -5, 5)] * 5, 0.0, 0),
    "rosenbrock4": (rosenbrock, [(R, -2, 2)] * 4, 0.0, 0),
    "styblinski4": (styblinski, [(R, -5, 5)] * 4, -39.16616570377142 * 4, 0),
    "michalewicz5": (michalewicz, [(R, 0, math.pi)] * 5, -4.687658179, 0),
    "levy4": (levy, [(R, -10, 10)] * 4, 0.0, 0),
    "machine7": (machine, [(L, 1e-5, 1), (L, 1e-7, 1e-1), (R, 0, 0.8), (I, 8, 512), (I, 1, 12), (C, 3), (C, 2)], None, 0),
    "noisymachine7": (machine, [(L, 1e-5, 1), (L, 1e-7, 1e-1), (R, 0, 0.8), (I, 8, 512), (I, 1, 12), (C, 3), (C, 2)], None, 0.02),
    "noisylevy2": (levy, [(R, -10, 10)] * 2, 0.0, 1.0),
}
MACHINE_LEAST = 0.05 + 1 - math.exp(-0.03 * (math.log2(91) - 6.5) ** 2)


def least(name):
    value = FUNCTIONS[name][2]
    return MACHINE_LEAST if value is None else value


def suggest(trial, params):
    x = []
    for k, p in enumerate(params):
        if p[0] == R:
            x.append(trial.suggest_float(f"x{k}", p[1], p[2]))
        elif p[0] == L:
            x.append(trial.suggest_float(f"x{k}", p[1], p[2], log=True))
        elif p[0] == I:
            x.append(trial.suggest_int(f"x{k}", p[1], p[2]))
        else:
            x.append(trial.suggest_categorical(f"x{k}", list(range(p[1]))))
    return x


def study(name, sampler, trials, seed):
    import warnings
    warnings.filterwarnings("ignore")
    import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    f, params, _, noise = FUNCTIONS[name]
    rng = random.Random(7919 * seed + 1)
    made = {"tpe": lambda: optuna.samplers.TPESampler(seed=seed), "gp": lambda: optuna.samplers.GPSampler(seed=seed),
            "gp-exact": lambda: optuna.samplers.GPSampler(seed=seed, deterministic_objective=True),
            "random": lambda: optuna.samplers.RandomSampler(seed=seed)}[sampler]()
    told, true, course = [], [], []

    def objective(trial):
        x = suggest(trial, params)
        true.append(f(x))
        told.append(true[-1] + (rng.gauss(0, noise) if noise else 0))
        course.append(true[told.index(min(told))] - least(name))
        return told[-1]
    begun = time.perf_counter()
    optuna.create_study(sampler=made).optimize(objective, n_trials=trials)
    print(json.dumps({"function": name, "method": f"optuna-{sampler}", "seed": seed, "regret": course[-1], "course": course,
                      "seconds": time.perf_counter() - begun}), flush=True)


def main():
    name, what, *rest = sys.argv[1:]
    if what == "value":
        print(repr(FUNCTIONS[name][0]([float(v) for v in rest])))
    else:
        try:
            import torch
            torch.set_num_threads(1)
        except ImportError:
            pass
        for seed in rest[1:]:
            study(name, what, int(rest[0]), int(seed))


if __name__ == "__main__":
    main()
