#!/usr/bin/env python3
"""make_classify.py – writes classify.h beside itself: two-sample tests, false-discovery rates and temperatures as SciPy has them (1.17 was used; run
it in an environment with SciPy). Exact p of ranks with equal values are counted here over all choices. Seeded: the same file again."""
import itertools
import os
import numpy as np
from scipy import optimize, special, stats

here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20261122)
TAILS = ["two-sided", "greater", "less"]


def numbers(v):
    return ", ".join(repr(float(x)) for x in v)


def ranks_counted(a, b):
    r = stats.rankdata(np.r_[a, b]) * 2
    seen = r[:len(a)].sum()
    sums = np.array([sum(c) for c in itertools.combinations(r, len(a))])
    up, down = (sums >= seen).mean(), (sums <= seen).mean()
    return [min(1, 2 * min(up, down)), up, down]


def means_counted(a, b):
    both = np.r_[a, b]
    sums = np.array([sum(c) for c in itertools.combinations(both, len(a))])
    near = 1e-12 * abs(both).sum()
    up, down = (sums >= a.sum() - near).mean(), (sums <= a.sum() + near).mean()
    return [min(1, 2 * min(up, down)), up, down]


with open(os.path.join(here, "classify.h"), "w") as to:
    to.write("/* classify.h – tests of two samples, false-discovery rates and temperatures by SciPy; written by make_classify.py. */\n")
    cases = [(3, 5, 0), (8, 12, 0), (6, 6, 1), (4, 9, 1), (30, 40, 0), (60, 25, 1), (2, 2, 0)]
    to.write("struct golden_compare { size_t n, m; double a[64], b[64], u, rank_p[3], welch_t, welch_p[3], shuffle_p[3]; };\n")
    to.write("static const struct golden_compare golden_compares[] = {\n")
    for n, m, ties in cases:
        a, b = rng.normal(0.5, 0.2, n), rng.normal(0.4, 0.1, m)
        a, b = (np.round(a, 1), np.round(b, 1)) if ties else (np.round(a, 4), np.round(b, 4))
        small = n + m <= 50
        u = stats.mannwhitneyu(a, b, method="asymptotic").statistic
        if small and not ties:
            p = [stats.mannwhitneyu(a, b, alternative=t, method="exact").pvalue for t in TAILS]
        elif small:
            p = ranks_counted(a, b)
        else:
            p = [stats.mannwhitneyu(a, b, alternative=t, method="asymptotic").pvalue for t in TAILS]
        welch = [stats.ttest_ind(a, b, equal_var=False, alternative=t) for t in TAILS]
        shuffle = means_counted(a, b) if n + m <= 13 else [-1, -1, -1]
        to.write(f"\t{{ {n}, {m}, {{ {numbers(a)} }},\n\t  {{ {numbers(b)} }},\n\t  {u!r}, {{ {numbers(p)} }}, {float(welch[0].statistic)!r}, "
                 f"{{ {numbers(w.pvalue for w in welch)} }}, {{ {numbers(shuffle)} }} }},\n")
    to.write("};\n")

    t, df = [0.0, 0.5, -1.3, 2.7, 12.0, 40.0], [1.0, 2.5, 7.0, 30.0, 200.0]
    to.write("static const double golden_student[][3] = { /* t, df, P(T > t) */\n")
    for x in t:
        to.write("\t" + " ".join(f"{{ {numbers([x, d, stats.t.sf(x, d)])} }}," for d in df) + "\n")
    to.write("};\n")

    p = np.r_[rng.random(15), 1e-5, 0.001, 0.02, 0.02, 0.021]
    to.write(f"static const double golden_p[] = {{ {numbers(p)} }};\nstatic const double golden_q[] "
             f"= {{ {numbers(stats.false_discovery_control(p))} }};\n")

    n, classes = 40, 3
    logits = rng.normal(0, 3, (n, classes)).astype(np.float32)
    truth = np.array([rng.choice(classes, p=q) for q in special.softmax(logits / 2.2, axis=1)])
    prob = special.softmax(logits.astype(float), axis=1).astype(np.float32)

    def nll(t):
        z = np.log(prob.astype(float)) / t
        return float(np.mean(special.logsumexp(z, axis=1) - z[np.arange(n), truth]))

    best = optimize.minimize_scalar(lambda u: nll(np.exp(u)), bounds=(-4, 4), method="bounded", options={"xatol": 1e-12})
    to.write(f"static const uint32_t golden_truth[] = {{ {', '.join(str(v) for v in truth)} }};\n")
    to.write("static const float golden_prob[] = {\n")
    for row in prob:
        to.write("\t" + ", ".join(f"{np.format_float_scientific(v, unique=True)}f" for v in row) + ",\n")
    tail = f"}};\nstatic const double golden_temperature = {np.exp(best.x)!r}, golden_nll_before = {nll(1.0)!r}, golden_nll_after = {best.fun!r};\n"
    to.write(tail.replace("np.float64(", "").replace(")", ""))
