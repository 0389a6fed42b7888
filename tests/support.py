"""support.py – what the test scripts share: runs cyto5 alone and on ranks, makes small recordings, and tells a container's content with
stock h5py. Imported by tests/cli_*.py and tests/mpi_*.py; holds no test of its own."""
import hashlib
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

try:
    import h5py
    import numpy as np
except ImportError:
    print("skipped: needs Debian's python3-h5py and python3-numpy")
    sys.exit(77)

CYTO5 = os.environ["CYTO5"]
DATA = os.path.join(os.environ.get("C5_SOURCE", os.path.join(os.path.dirname(__file__), "..")), "tests", "data")
ECOLI = os.path.join(DATA, "ecoli-phase-lineage", "01")
T98G = os.path.join(DATA, "t98g-phase-timelapse", "01")
PIPELINE = "seed: 1\nsteps:\n  - ingest: {pixel-size: 0.87, channel: phase}\n  - segment\n  - objects\n  - crop: {size: 32}\n"
LIMIT = 120  # seconds: whatever takes longer hangs

_failures = []


def sanitized():
    """Whether the program under test is the slow, checked build: counts are cut then."""
    with open(CYTO5, "rb") as f:
        return b"__asan_init" in f.read()


def check(good, what):
    if not good:
        _failures.append(what)
        print("FAILED:", what, flush=True)
    return good


def done(said=""):
    if said:
        print(said)
    if _failures:
        print(f"{len(_failures)} checks failed")
    sys.exit(1 if _failures else 0)


class Folder:
    """A folder of its own, removed at the end; the present folder meanwhile."""

    def __init__(self, base=None):
        self.path = os.path.realpath(tempfile.mkdtemp(prefix="cyto5-", dir=base))

    def __enter__(self):
        self.back = os.getcwd()
        os.chdir(self.path)
        return self.path

    def __exit__(self, *_):
        os.chdir(self.back)
        shutil.rmtree(self.path, ignore_errors=True)


# ---- the program ----

class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        self.lines = [s for s in err.splitlines() if s.startswith("cyto5")]
        # A message that ends the program, "cyto5 run: why"; what goes on is told as "cyto5: text".
        self.errors = [s for s in self.lines if s.split(":")[0].startswith("cyto5 ") and not s.startswith("cyto5 rank")]
        self.warnings = [s for s in self.lines if s.startswith("cyto5: warning: ")]

    def __repr__(self):
        return f"exit {self.code}: {self.err.strip()[-1500:]}"


def words(arguments, ranks):
    args = [str(a) for a in arguments]
    # One thread a rank unless said otherwise: ranks and sanitizers fill a small machine by themselves.
    if ranks == 0:
        return [CYTO5, *args]
    return ["mpirun", "--oversubscribe", "-n", str(ranks), CYTO5, *args]


def environment(env=None, ranks=0):
    found = {**os.environ, "OMP_NUM_THREADS": "1", "OMPI_MCA_orte_abort_timeout": "5", **(env or {})}
    if ranks:
        # Under mpirun, Open MPI unloads its plug-ins before leaks are looked for: what they keep has no name left to suppress it by.
        found["ASAN_OPTIONS"] = found.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return found


def start(*arguments, ranks=0, env=None):
    """A running program with its own process group, so that nothing of it outlives the test."""
    return subprocess.Popen(words(arguments, ranks), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                            text=True, errors="replace", env=environment(env, ranks), start_new_session=True)


def finish(process, limit=LIMIT):
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        for pid in children(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.kill()
        out, err = process.communicate()
        check(False, f"hangs: {' '.join(process.args)}")
        return Result(-999, out, err)
    if "AddressSanitizer" in err or "runtime error:" in err or "LeakSanitizer" in err:
        check(False, f"sanitizer: {' '.join(process.args)}: {err[-3000:]}")
    return Result(process.returncode, out, err)


def run(*arguments, ranks=0, env=None, limit=LIMIT):
    return finish(start(*arguments, ranks=ranks, env=env), limit)


def works(*arguments, **how):
    r = run(*arguments, **how)
    check(r.code == 0, f"{' '.join(str(a) for a in arguments)} {how}: {r}")
    return r


def children(pid):
    """Process ids of the ranks under an mpirun, lowest first."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            if name.isdigit() and int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(name))
        except (OSError, IndexError):
            pass
    return sorted(found)


def ranks_of(process):
    """{rank: pid} of the ranks that live now."""
    found = {}
    for pid in children(process.pid):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                for entry in f.read().split(b"\0"):
                    if entry.startswith(b"OMPI_COMM_WORLD_RANK="):
                        found[int(entry.split(b"=")[1])] = pid
        except OSError:
            pass
    return found


def has_command(name):
    return run(name, "--help").code == 0


def clean(path):
    """`cyto5 check` finds nothing, where there is that command."""
    if not has_command("check"):
        return
    r = run("check", path)
    check(r.code == 0, f"check {path}: {r} {r.out[-1500:]}")


# ---- recordings ----

def tiff(path, pixels, **changed):
    """One uncompressed grey page; `changed` puts other values into tags, for files that are wrong."""
    pixels = np.ascontiguousarray(pixels)
    h, w = pixels.shape
    tags = {256: w, 257: h, 258: pixels.dtype.itemsize * 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: h, 279: pixels.nbytes}
    tags.update({int(k[1:]): v for k, v in changed.items() if k[0] == "t" and k[1:].isdigit()})
    body = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    at = 8 + len(body)
    ifd = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", k, 4, 1, v) for k, v in sorted(tags.items()))
    nxt = changed.get("next_ifd", 0)
    with open(path, "wb") as f:
        f.write(struct.pack("<2sHI", b"II", 42, at) + body + ifd + struct.pack("<I", at if nxt == "loop" else nxt))


def cells(seed, t, height=96, width=96, n=9):
    """Rough round cells on an even ground, uint16; the same for the same seed and frame."""
    rng = np.random.default_rng([seed, t])
    y, x = np.mgrid[0:height, 0:width]
    img = np.full((height, width), 1000.0) + rng.normal(0, 4, (height, width))
    grid = max(1, int(np.ceil(np.sqrt(n))))
    for k in range(n):
        cy, cx = (k // grid + 0.5) * height / grid + (t % 3), (k % grid + 0.5) * width / grid
        inside = (y - cy) ** 2 + (x - cx) ** 2 < (0.32 * min(height, width) / grid) ** 2
        img[inside] += rng.normal(0, 300, inside.sum())
    return np.clip(img, 0, 65535).astype("<u2")


def movie(folder, seed, frames, **size):
    os.makedirs(folder)
    for t in range(frames):
        tiff(f"{folder}/t{t:03}.tif", cells(seed, t, **size))
    return folder


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


# ---- content ----

VOLATILE = {"uuid", "created", "hosts", "ranks", "threads", "restarts", "start", "end", "date", "user", "software", "version", "slurm_job",
            "REFERENCE_LIST"}
VOLATILE_DATA = {"command_line", "libraries", "inputs"}


def plain(f, value):
    """A value as bytes, object references as the names they lead to."""
    a = np.asarray(value)
    if isinstance(value, h5py.Reference):
        return f[value].name.encode()
    if a.dtype.hasobject:
        return b"[" + b",".join(plain(f, v) for v in (a.flat if a.shape else [a.item()])) + b"]" if not isinstance(value,
                (str, bytes)) else str(value).encode()
    return repr((a.dtype.descr if a.dtype.names else a.dtype.str, a.shape)).encode() + a.tobytes()


def tell(f, obj):
    """Digest of one object: type, shape, every value, attributes."""
    h = hashlib.sha256()
    for name in sorted(obj.attrs):
        if name not in VOLATILE:
            h.update(name.encode() + b"=" + plain(f, obj.attrs[name]) + b"\n")
    if isinstance(obj, h5py.Dataset):
        h.update(repr((obj.dtype, obj.shape, obj.chunks, obj.compression, obj.shuffle, obj.fletcher32)).encode())
        h.update(plain(f, obj[()]))
    return h.hexdigest()


def walk(f, group, into, follow=False):
    for name in group:
        link = group.get(name, getlink=True)
        path = f"{group.name.rstrip('/')}/{name}"
        if isinstance(link, h5py.SoftLink):
            into[path] = "-> " + link.path
            group[name]  # must resolve
            continue
        obj = group[name]
        if obj.name.startswith("/runs/") and name in VOLATILE_DATA:
            continue
        into[path] = tell(f, obj)
        if isinstance(obj, h5py.Group):
            walk(f, obj, into)


def content(path, only=""):
    """{path: digest} of everything in a container, but what tells who made it and when."""
    with h5py.File(path, "r") as f:
        into = {"/": tell(f, f)}
        walk(f, f, into)
    return {k: v for k, v in into.items() if k.startswith(only)}


def same(a, b, what):
    differ = sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))
    return check(not differ, f"{what}: {len(differ)} objects differ: {differ[:6]}")


def latest(path):
    """{"/experiments/A/masks/r000001": digest} of all that `latest` points at, and of the recordings that are complete."""
    found = {}
    with h5py.File(path, "r") as f:
        for name, experiment in f["experiments"].items():
            for product in experiment:
                group = experiment[product]
                link = group.get("latest", getlink=True)
                if link is not None:
                    top = f"{group.name}/{link.path}" if isinstance(link, h5py.SoftLink) else f"{group.name}/latest"
                    obj = f[top]
                    found[top] = tell(f, obj)
                    if isinstance(obj, h5py.Group):
                        walk(f, obj, found)
                elif product == "raw":
                    for channel in group:
                        if "sha256" in group[channel].attrs:
                            found[group[channel].name] = tell(f, group[channel])
    return found


def leftovers(path):
    return [p for p in (path + ".journal", path + ".lock", path + ".part", path + ".part.journal") if os.path.exists(p)]
