#!/usr/bin/env python3
"""make_hyperopt.py – tests/golden/hyperopt_gp.h from scikit-learn: a Gaussian process with a Matern 5/2 kernel, one length a coordinate, at given
hyperparameters. scikit-learn has no mean; the generalised least-squares one is taken off before.

    python make_hyperopt.py > hyperopt_gp.h         (scikit-learn 1.9.1, numpy 2.4)"""
import numpy as np
import sklearn
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

rng = np.random.default_rng(5)
n, d, m = 14, 3, 6
lengths, signal, noise = np.array([0.4, 1.1, 0.7]), 1.7, 0.013
x, at = rng.uniform(size=(n, d)), rng.uniform(size=(m, d))
x, at = np.round(x, 6), np.round(at, 6)
y = np.round(np.sin(5 * x[:, 0]) + x[:, 1] ** 2 - x[:, 2] + 0.1 * rng.normal(size=n), 6)
signal_kernel = ConstantKernel(signal, "fixed") * Matern(lengths, "fixed", nu=2.5)
k = signal_kernel(x) + noise * np.eye(n)
ones = np.ones(n)
mean = ones @ np.linalg.solve(k, y) / (ones @ np.linalg.solve(k, ones))
gp = GaussianProcessRegressor(signal_kernel, alpha=noise, optimizer=None).fit(x, y - mean)
predicted, sd = gp.predict(at, return_std=True)


def rows(name, a):
    a = np.ravel(a)
    print(f"static const double {name}[] = {{")
    for i in range(0, len(a), 6):
        print("\t" + ", ".join(f"{v:.17g}" for v in a[i:i + 6]) + ",")
    print("};")


print(f"/* hyperopt_gp.h – made by make_hyperopt.py with scikit-learn {sklearn.__version__}; do not edit. */")
print(f"enum {{ GP_N = {n}, GP_D = {d}, GP_M = {m} }};")
rows("gp_logs", np.log(np.r_[lengths, signal, noise]))
rows("gp_x", x)
rows("gp_y", y)
rows("gp_at", at)
print(f"static const double gp_mean = {mean:.17g}, gp_likelihood = {gp.log_marginal_likelihood_value_:.17g};")
rows("gp_predicted", predicted + mean)
rows("gp_sd", sd)
