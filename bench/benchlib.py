"""benchlib.py – what the benches share: where the program is, frames to work on, processes timed, results told.

A result is one JSON line (machine, commit, what was measured, medians of all repetitions, the ratio and its bar) and one line for people.
Contenders are interleaved, so that a machine that slows down slows all of them; medians are compared."""
import hashlib
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BUILD = os.path.abspath(os.environ.get("C5_BUILD", os.path.join(ROOT, "build", "release")))
CYTO5 = os.path.abspath(os.environ.get("CYTO5", os.path.join(BUILD, "cyto5")))
DATA = os.environ.get("C5_DATA", os.path.join(ROOT, "tests", "data", "t98g-phase-timelapse", "01"))
SCRATCH = os.environ.get("C5_SCRATCH", "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir())
REPS = int(os.environ.get("C5_REPS", "5"))

os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
os.environ["OMP_NUM_THREADS"] = "1"


# ---- the machine and the program ----

def machine():
    model = "?"
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, {os.cpu_count()} cores"


def commit():
    try:
        head = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        dirty = subprocess.run(["git", "-C", ROOT, "diff", "--quiet", "HEAD", "--", "src", "mpi", "bench"], check=False).returncode
        return head + ("-dirty" if dirty else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def mpirun(ranks, command, launcher=False):
    """The command line for `ranks` ranks; one rank is started plainly, as people do, unless the launcher is wanted."""
    if ranks == 1 and not launcher:
        return list(command)
    return ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] + list(command)


class Scratch:
    """A folder on tmpfs that goes when the bench ends."""

    def __init__(self, name):
        self.path = tempfile.mkdtemp(prefix=f"cyto5-bench-{name}-", dir=SCRATCH)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def __call__(self, *parts):
        return os.path.join(self.path, *parts)


def remove(path):
    """A container with what may lie beside it."""
    for end in ("", ".journal", ".lock", ".part"):
        try:
            os.unlink(path + end)
        except FileNotFoundError:
            pass


# ---- processes ----

def run(command, limit_s=600):
    """Runs to the end: (wall s, CPU s, standard output)."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as told:
        start = time.perf_counter()
        p = subprocess.Popen(["timeout", str(limit_s)] + [str(c) for c in command], stdout=out, stderr=told, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(p.pid, 0)
        wall = time.perf_counter() - start
        p.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        told.seek(0)
        text, errors = out.read().decode(errors="replace"), told.read().decode(errors="replace")
    if p.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))} ended with {p.returncode}:\n{errors[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, text


# A process inherits the peak of the one that forked it, so a small one stands between: one that has imported nothing.
PEAK = """
import os, sys
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print()
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""


def peak_memory(command, limit_s=600):
    """Runs to the end: the largest resident memory of the program and of what it started, in MiB."""
    text = run(["/usr/bin/python3", "-I", "-S", "-c", PEAK] + [str(c) for c in command], limit_s)[2]
    return int(text.split()[-1]) / 1024


def interleave(contenders, reps=None, warm=True):
    """Calls every contender `reps` times, round after round; {name: [result, ...]}. One round before the count warms caches."""
    results = {name: [] for name in contenders}
    for k in range((reps or REPS) + (1 if warm else 0)):
        for name, call in contenders.items():
            got = call()
            if k or not warm:
                results[name].append(got)
    return results


median = statistics.median


# ---- frames ----

def tiff_files(folder=DATA):
    files = sorted(os.path.join(folder, f) for f in os.listdir(folder) if f.endswith((".tif", ".tiff")))
    if not files:
        sys.exit(f"bench: {folder}: no TIFF files; set C5_DATA to a folder with frames")
    return files


def movie(folder, frames):
    """A folder of `frames` TIFF files: the real ones in turn, as links to one copy of each on the same file system."""
    os.makedirs(folder)
    originals = folder + "-originals"
    os.makedirs(originals, exist_ok=True)
    copies = [shutil.copy(f, os.path.join(originals, os.path.basename(f))) for f in tiff_files()]
    for t in range(frames):
        os.link(copies[t % len(copies)], os.path.join(folder, f"t{t:05d}.tif"))
    return folder


def stack_of(path):
    """The only raw stack of a container's first experiment: its name inside the file."""
    with h5py.File(path, "r") as f:
        name = sorted(f["experiments"])[0]
        raw = f["experiments"][name]["raw"]
        return f"/experiments/{name}/raw/" + next(k for k in raw if raw[k].ndim >= 3)


def real_frames(scratch, folder=DATA):
    """The pixels of all TIFF frames, (T, H, W), read by the program and by h5py."""
    out = scratch("real.h5")
    run([CYTO5, "ingest", out] + tiff_files(folder) + ["--quiet", "--experiment", "real"])
    with h5py.File(out, "r") as f:
        pixels = f[stack_of(out)][:]
    remove(out)
    return pixels


def noise_frames(n, height=1024, width=1024):
    """Frames of a sloping background with camera noise."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:height, :width]
    return np.stack([(1000 + 2 * y + x + 100 * k + rng.normal(0, 200, (height, width))).clip(0, 65535).astype("<u2") for k in range(n)])


def write_tiff(path, frames):
    """A multi-page TIFF, uncompressed, one strip a page: of each 16-bit frame in turn."""
    with open(path, "wb") as f:
        f.write(struct.pack("<2sHI", b"II", 42, 8))
        entries = 9
        size = 2 + 12 * entries + 4
        at = 8
        for k, frame in enumerate(frames):
            pixels = np.ascontiguousarray(frame, "<u2").tobytes()
            h, w = frame.shape
            tags = [(256, 4, w), (257, 4, h), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, at + size), (277, 3, 1), (278, 4, h),
                    (279, 4, len(pixels))]
            after = 0 if k + 1 == len(frames) else at + size + len(pixels)
            f.write(struct.pack("<H", entries) + b"".join(struct.pack("<HHII", t, kind, 1, v) for t, kind, v in tags) + struct.pack("<I", after))
            f.write(pixels)
            at = after


# ---- contents ----

def contents(path, below="/experiments"):
    """A digest of all results: names, shapes, types, values and attributes, through HDF5's own filters; not of what tells who did it and when."""
    total = hashlib.sha256()
    with h5py.File(path, "r") as f:
        def add(name, thing):
            total.update(name.encode())
            for key in sorted(thing.attrs):
                if key in ("DIMENSION_LIST", "REFERENCE_LIST"):
                    continue  # addresses inside the file
                total.update(f"{key}={thing.attrs[key]!r}".encode())
            if isinstance(thing, h5py.Dataset):
                total.update(f"{thing.shape} {thing.dtype}".encode())
                if thing.shape == () or 0 in thing.shape:
                    total.update(repr(thing[()]).encode())
                    return
                step = max(1, (64 << 20) // max(1, thing.dtype.itemsize * int(np.prod(thing.shape[1:]))))
                for first in range(0, thing.shape[0], step):
                    total.update(np.ascontiguousarray(thing[first:first + step]).tobytes())
        f[below].visititems(add)
    return total.hexdigest()


# ---- results ----

FAILED = []


def tell(name, what, ratio, bar, atleast=True, unit="x", **figures):
    """Prints one result. bar None: a figure without a bar. atleast: the ratio must reach the bar; else it must not exceed it."""
    passed = None if bar is None else (ratio >= bar if atleast else ratio <= bar)
    line = {"bench": name, "machine": machine(), "commit": commit(), "what": what, "ratio": round(ratio, 4), "bar": bar, "pass": passed}
    line.update({k: (round(v, 5) if isinstance(v, float) else v) for k, v in figures.items()})
    print(json.dumps(line))
    shown = f"{ratio:.3g}{unit}"
    if bar is None:
        print(f"# {name}: {what}: {shown}", flush=True)
    else:
        print(f"# {name}: {what}: {shown} (bar: {'at least' if atleast else 'at most'} {bar:g}{unit}): {'pass' if passed else 'MISS'}", flush=True)
        if not passed:
            FAILED.append(f"{name}: {what}")
    return passed


def check(name, what, ok):
    """A result that is wrong ends the bench: a fast wrong answer has no speed."""
    if not ok:
        sys.exit(f"bench {name}: WRONG: {what}")


def end():
    sys.exit(1 if FAILED else 0)
