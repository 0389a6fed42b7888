"""cli_bad.py – everything that can be wrong with inputs, containers, settings and places: the documented exit status, one clear line that names
the thing, nothing lost, no half container left behind, and never a hang. What ranks share is tried on three ranks too."""
import re
import resource

from support import *

SHOW = "-v" in sys.argv  # print every message, for the eye


def one_line(r, code, words_, what, ranks=0):
    """The exit status, and one line that says all of `words_`."""
    if SHOW:
        print(f"--- {what} ({ranks} ranks): exit {r.code}\n" + "\n".join(r.lines))
    check(r.code == code, f"{what}, {ranks} ranks: exit {code} expected: {r}")
    check(len(r.errors) == 1, f"{what}, {ranks} ranks: one line expected, found {len(r.errors)}: {r}")
    text = " ".join(r.errors)
    for word in words_ if isinstance(words_, (list, tuple)) else [words_]:
        check(word in text, f"{what}, {ranks} ranks: '{word}' is not in: {text}")
    if ranks == 0:
        other = [s for s in r.err.splitlines() if not s.startswith("cyto5")]
        check(not other, f"{what}: other text on stderr: {other[:3]}")
        check(not r.out or code == 0, f"{what}: text on stdout: {r.out[:200]}")


def refused(arguments, code, words_, what, ranks=(0,), **how):
    for n in ranks:
        one_line(run(*arguments, ranks=n, **how), code, words_, what, n)


def launched(line):
    """A launcher's line of its own, which starts the program by way of a shell."""
    return finish(subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, errors="replace",
                                   env=environment(ranks=2), start_new_session=True))


def unchanged(path, before, what):
    same(before, content(path), f"{what}: the container changed")
    check(not leftovers(path), f"{what}: leaves {leftovers(path)}")


# ---- inputs ----

def damaged_inputs():
    good = cells(1, 0)
    raw = good.tobytes()
    os.makedirs("bad")

    def made(name):
        os.makedirs(f"bad/{name}")
        return f"bad/{name}/t000.tif"

    tiff(made("cut"), good)
    with open("bad/cut/t000.tif", "r+b") as f:
        f.truncate(1000)
    tiff(made("pixels-cut"), good, t273=8 + len(raw) // 2)
    tiff(made("ifd-loop"), good, next_ifd="loop")
    tiff(made("absurd"), good, t256=4000000000, t257=4000000000)
    tiff(made("huge"), good, t256=100000, t257=100000)
    tiff(made("compression"), good, t259=34712)
    open(made("empty"), "w").close()
    write(made("text"), "this is no picture\n" * 50)
    os.makedirs(made("folder"))
    tiff(made("bits"), good, t258=13)
    tiff(made("sizes"), good)
    tiff("bad/sizes/t001.tif", cells(1, 1, height=64, width=80))
    tiff(made("types"), good)
    tiff("bad/types/t001.tif", good.astype("u1"))
    tiff(made("gap"), good)
    tiff("bad/gap/t002.tif", cells(1, 2))
    cases = {
        "cut": (3, "t000.tif"), "pixels-cut": (3, "t000.tif"), "ifd-loop": (3, "t000.tif"), "absurd": (3, "t000.tif"), "huge": (3, "t000.tif"),
        "compression": (3, ["t000.tif", "JPEG 2000"]), "empty": (3, "t000.tif"), "text": (3, "t000.tif"), "folder": (3, "folder"),
        "bits": (3, "t000.tif"), "sizes": (3, "t001.tif"), "types": (3, "t001.tif"), "gap": (3, "1"),
    }
    for name, (code, words_) in cases.items():
        refused(["ingest", "x.h5", f"bad/{name}"], code, words_, f"input {name}", ranks=(0, 3) if name in ("cut", "empty", "sizes") else (0,))
        check(not os.path.exists("x.h5") and not leftovers("x.h5"), f"input {name}: a container is left behind")
        for p in ["x.h5", *leftovers("x.h5")]:
            if os.path.exists(p):
                os.unlink(p)
    refused(["ingest", "x.h5", "bad/gap", "--pattern", "t{frame}.tif"], 3, "1", "frames missing in a pattern")
    works("ingest", "blank.h5", "bad/gap", "--pattern", "t{frame}.tif", "--missing", "blank")
    refused(["ingest", "x.h5", "nowhere"], 3, "nowhere", "input that is not there", ranks=(0, 3))
    os.makedirs("nothing")
    refused(["ingest", "x.h5", "nothing"], 3, "nothing", "empty folder", ranks=(0, 3))
    refused(["ingest", "x.h5", "bad/text/t000.tif"], 3, "t000.tif", "text called .tif")
    refused(["ingest", "x.h5"], 2, "", "no input named")
    check(not os.path.exists("x.h5"), "a container is left behind")


def some_bad():
    good = [movie(f"in/g{i}", i, 2) for i in range(3)]
    pipeline = write("p.yml", PIPELINE)
    for ranks in (0, 3):
        out = f"some{ranks}.h5"
        r = run("run", pipeline, out, *good, "bad/cut", ranks=ranks)
        one_line(r, 4, "1 of 4", "three good, one bad", ranks)
        check(len(r.warnings) == 1 and "cut" in r.warnings[0], f"the bad one is named once: {r.warnings}")
        with h5py.File(out, "r") as f:
            last = f["runs/r000001"]
            check(last.attrs["failed"] == 1 and b"cut" in last["failures"][()], f"{out}: the failure is not recorded")
            check(last.attrs["state"] == b"complete", f"{out}: state {last.attrs['state']}")
            for name in ("g0", "g1", "g2"):
                check("latest" in f[f"experiments/{name}/crops"], f"{out}: {name} is not done")
            check("cut" not in f["experiments"], f"{out}: something of the bad one is left")
        clean(out)
        refused(["run", pipeline, f"none{ranks}.h5", "bad/cut", "bad/empty"], 3, "t000.tif", "all bad", ranks=(ranks,))
        check(not os.path.exists(f"none{ranks}.h5") and not leftovers(f"none{ranks}.h5"), "all bad: a container is left behind")
    same(content("some0.h5"), content("some3.h5"), "three good and one bad, alone and on three ranks")
    # Bad only in a later step: a recording whose chunk is damaged, among good ones. What was there stays, what was begun goes.
    for ranks in (0, 3):
        path = f"later{ranks}.h5"
        works("ingest", path, *good, "--channel", "phase")
        with h5py.File(path, "r") as f:
            at = f["experiments/g1/raw/phase"].id.get_chunk_info(1)
        flip(path, at.byte_offset + at.size // 2)
        steps = write("steps.yml", "steps:\n  - segment\n  - objects\n  - crop: {size: 32}\n")
        r = run("run", steps, path, ranks=ranks)
        one_line(r, 4, "1 of 3", "a damaged chunk among good ones", ranks)
        check(len(r.warnings) == 1 and "/experiments/g1/raw/phase: chunk 1" in r.warnings[0], f"the damaged one is named once: {r.warnings}")
        with h5py.File(path, "r") as f:
            check(f["runs/r000002"].attrs["state"] == b"complete", f"{path}: state {f['runs/r000002'].attrs['state']}")
            check("latest" in f["experiments/g0/crops"] and "latest" in f["experiments/g2/crops"], f"{path}: the good ones are not done")
            for product in ("masks", "frames", "objects", "crops"):
                check(not [n for n in f.get(f"experiments/g1/{product}", ()) if n[0] == "r" and n != "raw"],
                      f"{path}: something of g1/{product} is left")
        flip(path, at.byte_offset + at.size // 2)
        clean(path)
        works("run", steps, path, ranks=ranks)
        clean(path)
    same({k: v for k, v in content("later0.h5").items() if k[:5] != "/runs"}, {k: v for k, v in content("later3.h5").items() if k[:5] != "/runs"},
         "a damaged chunk, then mended")


# ---- containers ----

def foreign_containers():
    works("ingest", "good.h5", movie("in/one", 1, 3), "--channel", "phase")
    works("segment", "good.h5")
    before = content("good.h5")
    with h5py.File("foreign.h5", "w") as f:
        f["x"] = np.arange(10)
    was = open("foreign.h5", "rb").read()
    refused(["ingest", "foreign.h5", "in/one"], 3, ["foreign.h5", "cyto5"], "HDF5 that is not ours", ranks=(0, 3))
    refused(["segment", "foreign.h5"], 3, "foreign.h5", "HDF5 that is not ours")
    check(open("foreign.h5", "rb").read() == was, "HDF5 that is not ours was changed")
    write("text.h5", "no HDF5 at all\n" * 100)
    refused(["segment", "text.h5"], 3, "text.h5", "text called .h5", ranks=(0, 3))
    open("empty.h5", "w").close()
    refused(["segment", "empty.h5"], 3, "empty.h5", "empty file called .h5")
    os.makedirs("folder.h5")
    refused(["ingest", "folder.h5", "in/one"], 3, "folder.h5", "folder called .h5")
    refused(["segment", "nowhere.h5"], 3, "nowhere.h5", "container that is not there", ranks=(0, 3))
    shutil.copy("good.h5", "newer.h5")
    with h5py.File("newer.h5", "a") as f:
        f.attrs["schema_version"] = "2.0.0"
    was = open("newer.h5", "rb").read()
    refused(["segment", "newer.h5"], 3, ["newer.h5", "2.0.0"], "newer major schema", ranks=(0, 3))
    check(open("newer.h5", "rb").read() == was, "newer major schema: was changed")
    # A flipped byte in a chunk of the recording: the experiment fails, by name.
    shutil.copy("good.h5", "chunk.h5")
    with h5py.File("chunk.h5", "r") as f:
        at = f["experiments/one/raw/phase"].id.get_chunk_info(1)
    flip("chunk.h5", at.byte_offset + at.size // 2)
    refused(["segment", "chunk.h5", "--method", "otsu"], 3, ["chunk.h5", "/experiments/one/raw/phase", "chunk 1"], "flipped byte in a chunk",
            ranks=(0, 3))
    with h5py.File("chunk.h5", "r") as f:
        check(f["experiments/one/masks"].get("latest", getlink=True).path == "r000002", "flipped byte in a chunk: `latest` moved")
    # In metadata: the root group's header, found by its signature.
    shutil.copy("good.h5", "meta.h5")
    blob = open("good.h5", "rb").read()
    flip("meta.h5", blob.index(b"OHDR") + 20)
    was = open("meta.h5", "rb").read()
    refused(["segment", "meta.h5"], 3, "meta.h5", "flipped byte in metadata", ranks=(0, 3),
            env={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"})  # HDF5 keeps what it had begun to load
    check(open("meta.h5", "rb").read() == was, "flipped byte in metadata: was changed")
    shutil.copy("good.h5", "super.h5")
    flip("super.h5", 20)
    refused(["segment", "super.h5"], 3, "super.h5", "flipped byte in the superblock")
    shutil.copy("good.h5", "short.h5")
    os.truncate("short.h5", len(blob) * 2 // 3)
    refused(["segment", "short.h5"], 3, ["short.h5", "truncated"], "truncated container", ranks=(0, 3))
    for p in ("foreign.h5", "newer.h5", "meta.h5", "short.h5"):
        check(not leftovers(p), f"leaves {leftovers(p)}")
    unchanged("good.h5", before, "copies of it were damaged")


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        b = f.read(1)
        f.seek(at)
        f.write(bytes([b[0] ^ 0x55]))


def other_shapes():
    """Datasets of another type, shape or size under our names, and claims of sizes that are not there: told, left out, never walked for ever."""
    works("ingest", "whole.h5", movie("in/two", 2, 3), "--channel", "phase", "--experiment", "one")
    works("run", write("p.yml", "steps:\n  - segment\n  - objects\n  - crop: {size: 16}\n  - track\n"), "whole.h5")
    masks, frames, nodes, raw, images = (f"experiments/one/{p}" for p in ("masks/r000002", "frames/r000002", "tracks/r000002/nodes",
                                                                         "raw/phase", "crops/r000002/images"))

    def put(f, path, values, **how):
        """As we store it, but of another kind."""
        attributes = dict(f[path].attrs)
        del f[path]
        d = f.create_dataset(path, data=values, **{"chunks": np.shape(values), "compression": 1, "shuffle": True, "fletcher32": True, **how})
        for k, v in attributes.items():
            if k not in ("DIMENSION_LIST", "REFERENCE_LIST"):
                d.attrs[k] = v

    def claim(f, path, rows):
        kept = f[path].dtype, f[path].chunks, f[path].shape
        del f[path]
        f.create_dataset(path, (rows, *kept[2][1:]), kept[0], chunks=kept[1], compression=1, shuffle=True, fletcher32=True)

    def many(f):
        rows = f[frames][()]
        rows["objects"][1] = 10 ** 9
        f[frames][...] = rows

    def small(f):
        put(f, masks, f[masks][()][:, :50], chunks=(1, 50, 96))

    def run_of_a_far_number(f):
        f["runs"].create_group("r4000000000")

    def in_the_way(f):
        del f["experiments/one/masks"]
        f["experiments/one/masks"] = 1

    cases = (
        (lambda f: put(f, masks, f[masks][()], chunks=(3, 96, 96)), ["objects", "--texture"], 3, [masks, "chunks of one frame"]),
        (lambda f: put(f, masks, f[masks][()].astype("f4"), chunks=(1, 96, 96)), ["crop", "--size", "8"], 0, []),
        (lambda f: put(f, masks, f[masks][()].astype("f4"), chunks=(1, 96, 96)), ["crop", "--masked"], 3, [masks, "uint16"]),
        (lambda f: put(f, masks, f[masks][()].astype("f8"), chunks=(1, 96, 96)), ["track", "--recompute"], 3, [masks, "uint16"]),
        (small, ["crop", "--masked"], 3, ["channel phase is of 96 x 96 pixels"]),
        (lambda f: put(f, raw, f[raw][()][..., None], chunks=(3, 96, 96, 1)), ["segment", "--recompute"], 3, [raw, "chunks of one frame"]),
        (lambda f: put(f, frames, np.stack([f[frames][()]] * 3, 1)), ["objects", "--recompute"], 3, [frames, "is no table"]),
        (lambda f: put(f, nodes, np.arange(40, dtype="<u4")), ["measure", "tracking", "--gt", "latest", "--res", "latest"],
         3, ["nodes: is no table"]),
        (lambda f: put(f, images, np.zeros(4, "u1")), ["preview", "--crops"], 3, ["crops (N, C, H, W) are expected"]),
        (many, ["objects", "--recompute"], 3, [frames, "1000000000 objects in frame 1"]),
        (lambda f: claim(f, nodes, 1 << 40), ["export", "--as", "napari", "--out", "n"], 3, [nodes, "0 of"]),
        (lambda f: claim(f, nodes, 1 << 40), ["check"], 3, ["errors? found"]),
        (lambda f: claim(f, nodes, 1 << 40), ["digest"], 3, [nodes, "claims"]),
        (run_of_a_far_number, ["segment", "--recompute"], 0, []),
        (in_the_way, ["segment", "--recompute"], 3, ["experiments/one/masks", "is no group"]),
    )
    for change, (command, *options), code, said in cases:
        shutil.copy("whole.h5", "x.h5")
        with h5py.File("x.h5", "a") as f:
            change(f)
        kind = options[:1] if command == "measure" else []
        r = run(command, *kind, "x.h5", *options[len(kind):], limit=60)
        check(r.code == code, f"{command} {options}: exit {code} expected: {r}")
        text = " ".join(r.lines)
        check(code == 0 or len(r.errors) == 1, f"{command} {options}: one line expected: {r}")
        for word in said:
            check(re.search(re.escape(word) if "?" not in word else word, text), f"{command} {options}: '{word}' is not in: {text}")
        check(not leftovers("x.h5"), f"{command} {options}: leaves {leftovers('x.h5')}")


# ---- places ----

def places():
    before = content("good.h5")
    refused(["ingest", "no/such/folder/x.h5", "in/one"], 1, "no/such/folder", "output folder missing", ranks=(0, 3))
    if os.geteuid() == 0:
        # Root may write anywhere; as nobody the program may not.
        def lower():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        shutil.copy("good.h5", "locked.h5")
        os.chmod("locked.h5", 0o444)
        os.makedirs("locked")
        os.chmod(".", 0o755)
        for arguments, word in ((["ingest", "locked/x.h5", "in/one"], "locked/x.h5"), (["segment", "locked.h5"], "locked.h5"),
                                (["ingest", "x.h5", "in/one"], "x.h5")):
            p = subprocess.run([CYTO5, *arguments], capture_output=True, text=True, preexec_fn=lower, env=environment(), timeout=LIMIT)
            one_line(Result(p.returncode, p.stdout, p.stderr), 1, [word, "ermission denied"], f"no permission: {' '.join(arguments)}")
        unchanged("locked.h5", before, "read-only file")
        p = subprocess.run([CYTO5, "show", "locked.h5"], capture_output=True, text=True, preexec_fn=lower, env=environment(), timeout=LIMIT)
        check(p.returncode in (0, 2), f"a read-only container cannot be shown: {p.stderr}")
    else:
        print("permissions: run as root to see them refused to nobody")
    # Nothing but a container takes a container's place.
    name = sorted(h5py.File("good.h5")["experiments"])[0]
    for arguments in (["preview", "good.h5", name, "--out", "good.h5"], ["segment", "good.h5", "--json", "good.h5"],
                      ["train", "good.h5", "--predictions", "good.h5"], ["export", "good.h5", "--as", "csv", "--out", "good.h5", "--force"]):
        refused(arguments, 2, ["good.h5", "HDF5", "name another file"], f"written over: {' '.join(arguments)}")
    unchanged("good.h5", before, "outputs called as the container")
    # A pipe that nobody writes into.
    os.mkfifo("pipe")
    for arguments in (["show", "pipe"], ["diff", "good.h5", "pipe"], ["model", "import", "pipe", "x.h5:a"]):
        refused(arguments, 3, "pipe: not a file", f"a pipe: {' '.join(arguments)}")
    # Two writers: the second is told who holds it, whatever the number of ranks.
    held = start("run", write("slow.yml", PIPELINE), "held.h5", "in/one", "long", env={"C5_TEST": "1"})
    wait_for(lambda: os.path.exists("held.h5.lock") and os.path.exists("held.h5"), held)
    os.kill(held.pid, signal.SIGSTOP)
    try:
        refused(["segment", "held.h5"], 1, ["held.h5", f"pid {held.pid}", "wait for it"], "second writer", ranks=(0, 3))
    finally:
        os.kill(held.pid, signal.SIGCONT)
    r = finish(held)
    check(r.code == 0, f"first writer: {r}")
    clean("held.h5")


def wait_for(what, process, limit=60):
    until = time.time() + limit
    while not what() and process.poll() is None and time.time() < until:
        time.sleep(0.001)
    return check(process.poll() is None, f"{' '.join(process.args)} ended too early")


def taken_away():
    """Deleted or replaced during a run: the run fails, and does not write into what took its place."""
    for ranks in (0, 3):
        for how in ("deleted", "replaced"):
            for attempt in range(5):  # a run may be done before anything is taken from it: then once more, a little earlier
                path = f"{how}{ranks}_{attempt}.h5"
                p = start("run", "slow.yml", path, "long", "--commit-every", 0.05, ranks=ranks)
                wait_for(lambda: os.path.exists(path) and os.path.exists(path + ".journal"), p)
                time.sleep(0.2 / (1 + attempt))  # all ranks have it open
                if how == "deleted":
                    os.unlink(path)
                else:
                    shutil.copy("good.h5", "other.h5")
                    os.rename("other.h5", path)
                r = finish(p)
                if r.code != 0:
                    break
            one_line(r, 1, [path, "deleted or replaced"], f"container {how} during a run", ranks)
            if how == "deleted":
                works("ingest", path, "in/one", "--channel", "phase")
                same(content("good.h5", "/experiments/one/raw"), content(path, "/experiments/one/raw"),
                     "taken in anew under the name of a deleted container")
                check(not leftovers(path), f"a deleted container leaves {leftovers(path)}")
            else:
                same(content("good.h5"), content(path), f"container {how}: what took its place changed")
                r = run("segment", path, "--method", "otsu")
                if r.code:  # a journal of the other file lies beside it: never applied
                    one_line(r, 3, ["journal", "another file"], "a journal of another file")


def disk_full():
    if os.geteuid() != 0:
        return print("disk full: skipped, a small disk can be mounted by root only")
    os.makedirs("small")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", "small"], capture_output=True).returncode != 0:
        return print("disk full: skipped, no small disk can be mounted here")
    try:
        for ranks in (0, 1, 3):
            for p in os.listdir("small"):
                os.unlink(f"small/{p}")
            works("ingest", "small/a.h5", "in/one", "--channel", "phase")
            works("segment", "small/a.h5")
            before = content("small/a.h5")
            one_line(run("run", "slow.yml", "small/a.h5", "long", "--commit-every", 0.05, ranks=ranks), 1, ["small/a.h5", "No space left"],
                     "disk full", ranks)
            now = content("small/a.h5")
            same(before, {k: v for k, v in now.items() if k in before and k not in ("/", "/experiments", "/runs")} | {k: before[k]
                    for k in ("/", "/experiments", "/runs")},
                 f"disk full, {ranks} ranks: earlier content")
            clean("small/a.h5")
            subprocess.run(["mount", "-o", "remount,size=200m", "small"], check=True)
            works("run", "slow.yml", "small/a.h5", "long", "--resume", ranks=ranks)
            clean("small/a.h5")
            with h5py.File("small/a.h5", "r") as f:
                check("latest" in f["experiments/long/crops"], "disk full: resumed, but not done")
            shutil.move("small/a.h5", f"full{ranks}.h5")
            subprocess.run(["mount", "-o", "remount,size=3m", "small"], check=True)
        one_line(run("ingest", "small/new.h5", "long"), 1, "No space left", "disk full, new container")
        subprocess.run(["mount", "-o", "remount,size=8k", "small"], capture_output=True)
    finally:
        subprocess.run(["umount", "-l", "small"], check=False)
    same(content("full0.h5"), content("full3.h5"), "disk full and resumed, alone and on 3 ranks")


def limited():
    """A limit on the size of files is told like a full disk, and what was committed stays."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
    r = subprocess.run([CYTO5, "run", "slow.yml", "limited.h5", "long", "--commit-every", "0.05"], capture_output=True, text=True, preexec_fn=limit)
    check(r.returncode == 1 and "File too large" in r.stderr and "limited.h5" in r.stderr, f"limit on files: {r}")
    works("run", "slow.yml", "limited.h5", "long", "--resume")
    clean("limited.h5")


# ---- settings ----

def settings():
    for text, words_ in (
        ("stepz:\n  - segment\n", ["p.yml:1:1", "stepz", "did you mean steps"]),
        ("steps:\n  - segmetn\n", ["p.yml:2:5", "segmetn", "did you mean segment"]),
        ("steps:\n  - segment: {sigmo: 2}\n", ["sigmo", "did you mean sigma"]),
        ("steps:\n  - segment: {sigma: much}\n", ["sigma", "much"]),
        ("steps:\n  - segment: {sigma: 1e9}\n", ["sigma"]),
        ("steps: [\n", ["p.yml"]),
        ("steps:\n  - objects\n  - segment\n", ["objects", "segment"]),
        ("", ["p.yml"]),
    ):
        refused(["run", write("p.yml", text), "y.h5", "in/one"], 2, words_, f"pipeline {text!r}", ranks=(0,))
    refused(["run", write("p.yml", "steps:\n  - segmetn\n"), "y.h5", "in/one"], 2, "segmetn", "pipeline with an unknown step", ranks=(3,))
    refused(["run", "nowhere.yml", "y.h5", "in/one"], 3, "nowhere.yml", "pipeline that is not there", ranks=(0, 3))
    refused(["segment", "good.h5", "--sigmo", "2"], 2, ["--sigmo", "did you mean --sigma"], "unknown option", ranks=(0, 3))
    # The rank that tells it comes last; and a rank that alone lacks the file tells it itself.
    late = [*words([], 3)[:-1], "sh", "-c", '[ $OMPI_COMM_WORLD_RANK != 0 ] || sleep 2; exec "$0" "$@"', CYTO5]
    one_line(launched(late + ["run", "p.yml", "y.h5", "in/one"]), 2, "segmetn", "pipeline with an unknown step, rank 0 late", 3)
    alone = [*words([], 2)[:-1], "sh", "-c", '[ $OMPI_COMM_WORLD_RANK = 0 ] || cd in; exec "$0" "$@"', CYTO5]
    r = launched(alone + ["run", "slow.yml", "y.h5", "in/one"])
    check(r.code == 3 and len(r.lines) == 1 and r.lines[0].startswith("cyto5 rank 1: run: slow.yml: "), f"pipeline that one rank lacks: {r}")
    r = run("segmetn", "good.h5")
    check(r.code == 2 and r.err.count("\n") == 1 and "did you mean segment" in r.err, f"unknown command: {r}")
    refused(["segment", "good.h5", "--channel", "nope"], 3, "nope", "channel that is not there")
    refused(["segment", "good.h5", "--experiments", "nope*"], 3, "nope*", "glob that matches nothing")
    refused(["crop", "fresh.h5"], 3, "fresh.h5", "no container")
    works("ingest", "fresh.h5", "in/one", "--channel", "phase")
    refused(["crop", "fresh.h5"], 3, ["objects"], "crop before objects", ranks=(0, 3))
    check(not os.path.exists("y.h5"), "a container is left behind")


# ---- again ----

def ingest_again():
    folder = movie("in/again", 4, 4)
    for ranks in (0, 3):
        path = f"again{ranks}.h5"
        works("ingest", path, folder, "--channel", "phase", ranks=ranks)
        before = content(path, "/experiments")
        r = works("ingest", path, folder, "--channel", "phase", ranks=ranks)
        check("already there, unchanged" in r.err, f"taken in again: {r}")
        same(before, content(path, "/experiments"), "taken in again")
        for t in range(4):
            os.utime(f"{folder}/t{t:03}.tif", (1, 1 + t + ranks))
        r = works("ingest", path, folder, "--channel", "phase", ranks=ranks)
        check("touched" in r.err, f"touched files: {r}")
        same(before, content(path, "/experiments"), "touched files taken in again")
        tiff(f"{folder}/t002.tif", cells(5, 2))
        one_line(run("ingest", path, folder, "--channel", "phase", ranks=ranks), 3, ["again/phase", "frame 2"], "changed pixels", ranks)
        same(before, content(path, "/experiments"), "changed pixels")
        tiff(f"{folder}/t002.tif", cells(4, 2))
        tiff(f"{folder}/t004.tif", cells(4, 4))
        one_line(run("ingest", path, folder, "--channel", "phase", ranks=ranks), 3, ["again/phase", "frame 4"], "a frame more", ranks)
        os.unlink(f"{folder}/t004.tif")
        same(before, content(path, "/experiments"), "a frame more")
        amended(path, folder, ranks)
        clean(path)


def amended(path, folder, ranks):
    """What nobody stated when it was taken in is filled in later, scales and all; what the files alone say does not undo it."""
    works("segment", path, "--method", "otsu", ranks=ranks)
    r = works("ingest", path, folder, "--channel", "phase", "--pixel-size", 0.5, "--interval", 60, ranks=ranks)
    check("again: now pixel_size_um 0.5; frame_interval_s 60" in r.err, f"a pixel size later: {r}")
    with open("later.csv", "w") as f:
        f.write(f"experiment,path,channel,condition\nagain,{folder},phase,drug\n")
    r = works("ingest", path, "--sheet", "later.csv", ranks=ranks)
    check("again: now condition drug" in r.err and "pixel_size" not in r.err, f"a condition later: {r}")
    r = works("ingest", path, folder, "--channel", "phase", ranks=ranks)
    check("now " not in r.err, f"nothing new: {r}")
    with open("later.csv", "w") as f:
        f.write(f"experiment,path,channel,condition,pixel_size_um\nagain,{folder},phase,control,0.25\n")
    r = works("ingest", path, "--sheet", "later.csv", ranks=ranks)
    check("now condition control, was drug; pixel_size_um 0.25, was 0.5" in r.err, f"put right: {r}")
    with h5py.File(path, "r") as f:
        e = f["experiments/again"]
        check(e.attrs["condition"] == b"control" and e.attrs["pixel_size_um"] == 0.25, f"attributes: {dict(e.attrs)}")
        for product in ("raw", "masks"):
            for axis, step, unit in (("x", 0.25, b"um"), ("y", 0.25, b"um"), ("time", 60, b"s")):
                d = e[product][axis]
                check(d[1] == step and d.attrs["units"] == unit, f"{product}/{axis}: {d[:2]} {d.attrs['units']}")


with Folder():
    movie("long", 7, 12, height=700, width=700)  # some work: seconds, not a blink
    for part in (damaged_inputs, some_bad, foreign_containers, other_shapes, places, taken_away, disk_full, limited, settings, ingest_again):
        began = time.time()
        part()
        if SHOW:
            print(f"=== {part.__name__}: {time.time() - began:.1f} s", flush=True)
done()
