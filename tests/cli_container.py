# cli_container.py – the commands that look at containers and after them, on a made container: what they print, their exit status, JSON;
# damaged, foreign, newer, read-only and empty files; and stock h5py reading it all.
import json, os, re, shutil, signal, subprocess, sys, tempfile, time

CYTO5, MAKE = os.environ.get("CYTO5"), os.environ.get("C5_MAKE_CONTAINER")
if not CYTO5 or not MAKE:
    print("CYTO5 or C5_MAKE_CONTAINER is not set", file=sys.stderr)
    sys.exit(77)
try:
    import h5py, numpy
except ImportError:
    print("python3-h5py is not installed", file=sys.stderr)
    sys.exit(77)

work = tempfile.mkdtemp(prefix="cyto5-cli-")
os.chdir(work)
failed = []


def fail(what):
    print("FAILED:", what, file=sys.stderr)
    failed.append(what)


def expect(true, what):
    if not true:
        fail(what)


def cyto5(*words, status=0, env=None):
    """Runs it, checks the exit status; an error is one line on stderr that begins with the command's name."""
    done = subprocess.run([CYTO5, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=dict(os.environ, **(env or {})))
    if done.returncode != status:
        fail(f"cyto5 {' '.join(words)}: exit status {done.returncode}, expected {status}: {done.stderr}{done.stdout[-500:]}")
    if done.returncode not in (0,):
        lines = [line for line in done.stderr.splitlines() if line.startswith("cyto5")]
        expect(len(lines) == 1 and lines[0].startswith(f"cyto5 {words[0]}: "), f"cyto5 {' '.join(words)}: stderr is {done.stderr!r}")
    expect("\033" not in done.stdout, f"cyto5 {' '.join(words)}: colour in what is no terminal")
    return done


def make(*words):
    subprocess.run([MAKE, *words], check=True)


def flip(path, at, bits=0x10):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ bits]))


make("s.h5")
make("twin.h5")
make("u.h5", "unfinished")

# ---- show
out = cyto5("show", "s.h5").stdout
expect(out.startswith("s.h5  a sample\n"), "show: no title")
expect("schema 1.0.0, 2 experiments\n2 runs; the last, r000002 (run), complete" in out, "show: heading")
expect(re.search(r"^A01  plate P1, well A01, control, 0.65 um/px, a frame every 600 s$", out, re.M), "show: experiment line")
expect(re.search(r"^  raw +phase +5 x 24 x 32 +uint16 +7.50 KiB -> +[0-9.]+ KiB +[0-9.]+x", out, re.M), "show: channel line")
expect(re.search(r"^  objects +r000002 +10 rows", out, re.M), "show: objects line")
expect(re.search(r"^  crops +r000002/images +10 x 1 x 8 x 8 +uint16", out, re.M), "show: crops line")
expect(all(len(line) <= 100 for line in out.splitlines()), "show: a line is wider than 100 columns")
expect(cyto5("show", "s.h5", "A02").stdout.startswith("A02  plate P1, well A02"), "show A02")
out = cyto5("show", "s.h5", "/experiments/A01/objects/latest").stdout
expect("latest -> r000002" in out and re.search(r"^  centroid_y +float32$", out, re.M), "show: columns of what a link leads to")
expect("method: otsu" in cyto5("show", "s.h5", "/runs/r000002/configuration").stdout, "show: a text")
expect(cyto5("show", "s.h5", "/schema").stdout.count("\n") > 100, "show: the schema")
cyto5("show", "s.h5", "A09", status=3)
cyto5("show", "s.h5", "/nothing", status=3)
told = json.loads(cyto5("show", "s.h5", "--json").stdout)
expect(told["experiments_total"] == 2 and told["last_state"] == "complete" and [e["name"] for e in told["experiments"]] == ["A01", "A02"],
       "show --json: top")
expect(told["experiments"][0]["channels"]["phase"]["dims"] == [5, 24, 32] and told["experiments"][0]["masks"]["latest"] == "r000002",
       "show --json: experiment")
for path in ("A01", "/", "/experiments/A01/objects/r000002", "/experiments/A01/masks", "/schema", "/experiments/A01/crops/latest"):
    json.loads(cyto5("show", "s.h5", path, "--json").stdout)
expect("not yet complete" not in out and "interrupted" in cyto5("show", "u.h5").stdout, "show: interrupted run")

# ten thousand experiments at a glance, and by name
make("many.h5", "many", "10000")
began = time.monotonic()
out = cyto5("show", "many.h5").stdout
glance = time.monotonic() - began
expect("10,000 experiments" in out and out.count("\n") < 12, "show: ten thousand are summed up")
expect(glance < 5, f"show: {glance:.2f} s for ten thousand experiments")  # 0.1 s where nobody else works
expect(len(json.loads(cyto5("show", "many.h5", "--json").stdout)["experiments"]) == 10000, "show --json: names of all")
expect(cyto5("show", "many.h5", "--all").stdout.count("plate P") == 10000, "show --all")

# ---- log
out = cyto5("log", "u.h5").stdout.splitlines()
expect(len(out) == 4 and re.match(r"r000003  interrupted  20\d\d-\d\d-\d\d \d\d:\d\d +-  segment +somebody +node1 \+1 +2$", out[3]),
       f"log: {out[-1]}")
expect(all(len(line) <= 100 for line in out), "log: a line is wider than 100 columns")
out = cyto5("log", "s.h5", "r000002").stdout
expect("Command line\n  cyto5 run sample.h5 --channel phase\n" in out and "Configuration\n  method: otsu\n" in out and "2 x 4 threads" in out,
       "log RUN")
expect(cyto5("log", "s.h5", "2").stdout == out, "log: a run by its number")
expect([r["state"] for r in json.loads(cyto5("log", "u.h5", "--json").stdout)] == ["complete", "complete", "interrupted"], "log --json")
expect(json.loads(cyto5("log", "s.h5", "r000001", "--json").stdout)["configuration"] == "method: otsu\nsigma: 1.5\n", "log RUN --json")
cyto5("log", "s.h5", "r000099", status=3)
cyto5("log", "s.h5", "first", status=2)

# ---- check
out = cyto5("check", "s.h5", "twin.h5").stdout
expect(out.count(": clean; ") == 2, f"check: {out}")
expect("warning  /runs/r000003: was interrupted" in cyto5("check", "u.h5").stdout, "check: interrupted run")
expect(json.loads(cyto5("check", "s.h5", "--json").stdout)[0]["clean"] is True, "check --json")
with h5py.File("s.h5") as f:
    chunk = f["experiments/A01/raw/phase"].id.get_chunk_info(3)
    mask_header = h5py.h5o.get_info(f["experiments/A02/masks/r000002"].id).addr
shutil.copy("s.h5", "flipped.h5")
flip("flipped.h5", chunk.byte_offset + chunk.size // 2)
done = cyto5("check", "flipped.h5", "s.h5", status=3)
expect("error    /experiments/A01/raw/phase: chunk 3: chunk is damaged" in done.stdout and "s.h5: clean" in done.stdout,
       f"check: flipped data byte: {done.stdout}")
cyto5("check", "flipped.h5", "--fast")
told = json.loads(cyto5("check", "flipped.h5", "--json", status=3).stdout)[0]
expect(told["findings"] == [{"severity": "error", "path": "/experiments/A01/raw/phase", "text": "chunk 3: chunk is damaged: its checksum is wrong"}],
       f"check --json: {told}")
shutil.copy("s.h5", "flipped.h5")
flip("flipped.h5", mask_header + 20)
done = cyto5("check", "flipped.h5", status=3, env={"ASAN_OPTIONS": "detect_leaks=0"})  # HDF5 itself loses memory over damaged headers
expect("error    /experiments/A02/masks/r000002: cannot be opened" in done.stdout, f"check: flipped metadata byte: {done.stdout}")
shutil.copy("s.h5", "flipped.h5")
flip("flipped.h5", 30)
expect("superblock is damaged" in cyto5("check", "flipped.h5", status=3).stdout, "check: flipped superblock")

# ---- files that are no containers, or not ours to write
open("empty.h5", "w").close()
open("text.h5", "w").write("plate,well\n" * 100)
with h5py.File("foreign.h5", "w") as f:
    f["x"] = numpy.arange(10)
shutil.copy("s.h5", "newer.h5")
with h5py.File("newer.h5", "r+") as f:
    f.attrs["schema_version"] = numpy.bytes_("2.0.0")
shutil.copy("s.h5", "minor.h5")
with h5py.File("minor.h5", "r+") as f:
    f.attrs["schema_version"] = numpy.bytes_("1.9.0")
    f["experiments/A01/later"] = 5
with open("s.h5", "rb") as f, open("short.h5", "wb") as g:
    g.write(f.read()[:20000])
for command in ("show", "log", "check", "digest", "recover", "compact", "migrate", "schema"):
    for path in ("empty.h5", "text.h5", "foreign.h5", "short.h5", "none.h5", "."):
        before = os.path.exists(path) and os.path.isfile(path) and open(path, "rb").read()
        done = cyto5(command, path, status=3)
        expect(path in done.stderr or path in done.stdout, f"{command} {path}: not named: {done.stderr}")
        if before is not False:
            expect(open(path, "rb").read() == before, f"{command} {path}: changed it")
    done = cyto5(command, "newer.h5", status=3)
    expect("2.0.0" in done.stderr + done.stdout, f"{command}: a newer major version is not named: {done.stderr}")
cyto5("diff", "s.h5", "foreign.h5", status=3)
cyto5("show", "minor.h5")
expect("clean" in cyto5("check", "minor.h5").stdout, "check: a newer minor version")
expect(not [name for name in os.listdir(".") if name.endswith((".lock", ".journal", ".part"))], f"litter: {os.listdir('.')}")
shutil.copy("s.h5", "locked.h5")
os.chmod("locked.h5", 0o444)
if os.access("locked.h5", os.W_OK):
    print("running as root: read-only files are not tried")
else:
    cyto5("compact", "locked.h5", status=1)
    cyto5("recover", "locked.h5", status=1)
for words in (("show", "locked.h5"), ("check", "locked.h5"), ("log", "locked.h5"), ("recover", "locked.h5", "--check"),
              ("compact", "locked.h5", "--dry-run")):
    cyto5(*words)

# ---- diff and digest
expect(cyto5("diff", "s.h5", "twin.h5").stdout == "", "diff: twins differ")
expect(cyto5("digest", "s.h5").stdout == cyto5("digest", "twin.h5").stdout, "digest: twins differ")
with h5py.File("twin.h5", "r+") as f:
    d = f["experiments/A02/masks/r000002"]
    frame = d[2]
    frame[5, 6] += 1
    d[2] = frame
    f["experiments/A01"].attrs["dose"] = "5 uM"
done = cyto5("diff", "s.h5", "twin.h5", status=1)
expect("/experiments/A02/masks/r000002: 1 of 3840 values differ; [2, 5, 6]: 1 in the first, 2 in the second\n" in done.stdout, f"diff: {done.stdout}")
expect("/experiments/A01: attribute dose is only in the second\n" in done.stdout and done.stdout.count("\n") == 2, f"diff: {done.stdout}")
cyto5("diff", "s.h5", "twin.h5", "--experiments", "A02", status=1)
expect(len(json.loads(cyto5("diff", "s.h5", "twin.h5", "--json", status=1).stdout)) == 2, "diff --json")
changed = set(cyto5("digest", "s.h5").stdout.splitlines()) ^ set(cyto5("digest", "twin.h5").stdout.splitlines())
expect(len(changed) == 2 and all(line.endswith("  /experiments/A02/masks/r000002") for line in changed), f"digest: {changed}")

# ---- recover
expect("in order; nothing to recover" in cyto5("recover", "s.h5").stdout, "recover: nothing")
shutil.copy("s.h5", "tail.h5")
with open("tail.h5", "ab") as f:
    f.write(b"x" * 5000)
open("tail.h5.lock", "w").write("host gone, pid 1, run\n")
out = cyto5("recover", "tail.h5", "--check").stdout
expect("found a transaction that was never committed" in out and "found the lock of a writer that is gone" in out and "nothing was changed" in out,
       f"recover --check: {out}")
expect(os.path.getsize("tail.h5") == os.path.getsize("s.h5") + 5000, "recover --check changed the file")
out = cyto5("recover", "tail.h5").stdout
expect("cut off a transaction" in out and "removed the lock" in out and "gave back 4.88 KiB" in out, f"recover: {out}")
expect(os.path.getsize("tail.h5") == os.path.getsize("s.h5") and not os.path.exists("tail.h5.lock"), "recover: tail and lock")
cyto5("diff", "s.h5", "tail.h5")
for point in ("journal-synced", "apply-part"):
    shutil.copy("u.h5", "torn.h5")
    died = subprocess.run([CYTO5, "recover", "torn.h5", "--abandon"], capture_output=True, env=dict(os.environ, C5_CRASH_AT=point))
    expect(died.returncode == -signal.SIGKILL and os.path.exists("torn.h5.journal"), f"recover: did not die at {point}: {died}")
    expect("failed" in cyto5("log", "torn.h5").stdout, "a reader does not see what the journal holds")
    out = cyto5("recover", "torn.h5").stdout
    expect("completed a commit that was cut short" in out, f"recover: {out}")
    expect(not os.path.exists("torn.h5.journal") and "failed" in cyto5("log", "torn.h5").stdout, "recover: journal")
    cyto5("check", "torn.h5")

# ---- compact
shutil.copy("torn.h5", "c.h5")
out = cyto5("compact", "c.h5", "--dry-run").stdout
expect(out.count("would go  /experiments/A01/") == 4, f"compact --dry-run: {out}")
out = cyto5("compact", "c.h5").stdout
expect("c.h5: 4 revisions dropped, " in out and out.count("dropped  /") == 4, f"compact: {out}")
cyto5("check", "c.h5")
cyto5("diff", "s.h5", "c.h5", "--experiments", "*")
with open("s.h5.lock", "w") as lock:
    import fcntl
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.write("host here, pid 1, run r000009\n")
    lock.flush()
    expect("pid 1, run r000009" in cyto5("compact", "s.h5", status=1).stderr, "compact: the holder is not named")
    cyto5("recover", "s.h5", status=1)
    expect("is being written now" in cyto5("recover", "s.h5", "--check").stdout, "recover --check of a held file")
    cyto5("show", "s.h5")
os.unlink("s.h5.lock")

# ---- migrate, schema
expect("nothing to do" in cyto5("migrate", "s.h5").stdout, "migrate: same version")
expect("nothing to do" in cyto5("migrate", "s.h5", "--to", "1.0.0").stdout, "migrate --to the same version")
expect("2.0.0 is not known" in cyto5("migrate", "s.h5", "--to", "2.0.0", status=2).stderr, "migrate --to a newer version")
cyto5("migrate", "s.h5", "--to", "new", status=2)
expect(cyto5("schema").stdout == cyto5("schema", "s.h5").stdout, "schema of the program and of the file")

# ---- stock h5py
for path in ("s.h5", "c.h5"):
    with h5py.File(path) as f:
        for name in ("A01", "A02"):
            g = f["experiments"][name]
            raw, masks, objects = g["raw/phase"], g["masks/latest"], g["objects/latest"][:]
            expect(raw.shape == (5, 24, 32) and raw.dtype == numpy.uint16 and raw[:].min() >= 1000, f"{path}: raw")
            expect([raw.dims[i][0].name.rsplit("/")[-1] for i in range(3)] == ["time", "y", "x"], f"{path}: dimension scales")
            expect(list(raw.dims[0][0][:]) == [0, 600, 1200, 1800, 2400] and raw.dims[0][0].attrs["units"] in (b"s", "s"), f"{path}: time scale")
            expect(objects.dtype.names == ("frame", "label", "centroid_y", "centroid_x", "area") and len(objects) == 10, f"{path}: objects")
            for row in objects:
                found = numpy.argwhere(masks[int(row["frame"])] == row["label"])
                expect(len(found) == row["area"] and numpy.allclose(found.mean(0), [row["centroid_y"], row["centroid_x"]]), f"{path}: object {row}")
            sources = g["sources/phase"][:]
            expect(list(sources["ifd"]) == list(range(5)) and sources["file"][0] == b"movie.tif", f"{path}: sources")
            expect(g["crops/latest/images"].shape == (10, 1, 8, 8), f"{path}: crops")
            nx = g["raw"].attrs
            expect(nx["NX_class"] in (b"NXdata", "NXdata") and [a if isinstance(a, str) else a.decode() for a in nx["axes"]] == ["time", "y", "x"],
                   f"{path}: NXdata")
        expect(f["schema"][()].startswith(b"# container.yml"), f"{path}: schema text")
        expect(f["runs/r000002"].attrs["sequence_index"] == 2, f"{path}: run")

os.chdir("/")
shutil.rmtree(work)
print(f"show of ten thousand experiments: {glance:.3f} s; {len(failed)} failures")
sys.exit(bool(failed))
