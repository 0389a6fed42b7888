#!/usr/bin/env python3
"""measure.py – `cyto5 measure tracking` against py-ctcmetrics on the same folders: wall time of the whole processes, one thread, and whether
they say the same.

    bench/measure.py --cyto5 build/release/cyto5 --python venv/bin/python --gt 01_GT --res 01_RES [--repeats 5]

The Python must have py-ctcmetrics (1.3.3 was used). Where the truth has no SEG folder both take the tracking truth, py-ctcmetrics through a folder of
links made for it. Prints one JSON object; exit status 1 if a figure differs by more than 1e-9 or the times are below --least apart."""
import argparse, json, os, re, statistics, subprocess, sys, tempfile, time

SAME = ["SEG", "DET", "TRA", "LNK", "AOGM", "AOGM_0", "AOGM_NS", "AOGM_FN", "AOGM_FP", "AOGM_ED", "AOGM_EA", "AOGM_EC", "OP_CSB", "OP_CTB", "CT",
        "TF", "CCA", "MOTA", "HOTA", "CHOTA", "IDF1"] + [f"{n}({i})" for n in ("BC", "BIO", "OP_CLB") for i in range(4)]
THEIRS = """
import contextlib, io, json, sys
from ctc_metrics.scripts.evaluate import evaluate_sequence
with contextlib.redirect_stdout(io.StringIO()):
    values = evaluate_sequence(sys.argv[2], sys.argv[1], threads=1)
print(json.dumps({k: None if v is None else float(v) for k, v in values.items()}))
"""


def timed(command, repeats):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        out = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout
        times.append(time.perf_counter() - begun)
    return times, json.loads(out)


def main():
    p = argparse.ArgumentParser()
    for name in ("--cyto5", "--python", "--gt", "--res"):
        p.add_argument(name, required=True)
    p.add_argument("--repeats", type=int, default=5)
    p.add_argument("--least", type=float, default=20, help="how many times faster is enough")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as top:
        gt = os.path.abspath(a.gt)
        if not os.path.isdir(os.path.join(gt, "SEG")):
            tra = os.path.join(gt, "TRA")
            gt = os.path.join(top, "GT")
            os.makedirs(os.path.join(gt, "SEG"))
            os.symlink(tra, os.path.join(gt, "TRA"))
            for name in os.listdir(tra):
                number = re.fullmatch(r"man_track(\d+)\.tif", name)
                if number:
                    os.symlink(os.path.join(tra, name), os.path.join(gt, "SEG", f"man_seg{number[1]}.tif"))
        ours_s, ours = timed([a.cyto5, "measure", "tracking", "--gt", a.gt, "--res", a.res, "--json", "--threads", "1"], a.repeats)
        theirs_s, theirs = timed([a.python, "-c", THEIRS, gt, os.path.abspath(a.res)], max(1, a.repeats // 2))
    apart = {k: [ours["figures"][k], theirs[k]] for k in SAME
             if (ours["figures"][k] is None) != (theirs[k] is None) or (theirs[k] is not None and abs(ours["figures"][k] - theirs[k]) > 1e-9)}
    ratio = statistics.median(theirs_s) / statistics.median(ours_s)
    print(json.dumps({"cyto5_s": ours_s, "py_ctcmetrics_s": theirs_s, "times_faster": ratio, "figures_compared": len(SAME), "figures_apart": apart},
                     indent=1))
    return 1 if apart or ratio < a.least else 0


if __name__ == "__main__":
    sys.exit(main())
