"""mpi_readers.py – stock h5py opens and reads a container without pause while runs write it: many commits, new experiments, new revisions.

    mpi_readers.py [--reads N] [--ranks N] [--readers N] [--seed N] [--folder F]

Every reader must see a committed state: the file opens, every `latest` leads somewhere, what it leads to reads back the same as ever, nothing
that was there is gone, and no run that had ended before the file was opened is missing. Any exception counts. Of the reads, those count that begin or
end while a run has the container: 60, or N."""
import argparse
import multiprocessing as mp
import traceback

from support import *

args = argparse.ArgumentParser()
args.add_argument("--reads", type=int, default=20 if sanitized() else 60)
args.add_argument("--ranks", type=int, default=2)
args.add_argument("--readers", type=int, default=2)
args.add_argument("--seed", type=int, default=1)
args.add_argument("--folder")
args = args.parse_args()


def read(path, known, ended):
    """One reader's look at everything; known: digests so far, by path. Returns the newest revision of each product."""
    least = ended.value
    newest = {}
    with h5py.File(path, "r") as f:
        if f.attrs["format"] not in (b"cyto5", "cyto5"):
            raise ValueError("format is gone")
        runs = sorted(f["runs"])
        if len(runs) < least:
            raise ValueError(f"{least} runs had ended, {len(runs)} are seen")
        for name in runs:
            state = f["runs"][name].attrs["state"]
            if int(name[1:]) <= least and state != b"complete":
                raise ValueError(f"{name} had ended, seen as {state}")
        for name in f["experiments"]:
            experiment = f["experiments"][name]
            for product in experiment:
                group = experiment[product]
                link = group.get("latest", getlink=True)
                if link is None:
                    continue
                number = int(link.path[1:])
                newest[group.name] = number
                if number < least - 1:  # every second run is an ingest, which makes no revision
                    raise ValueError(f"{group.name}: latest is {link.path}, {least} runs had ended")
                # The newest, and one of those that were it once.
                older = [r for r in group if r[0] == "r" and r[1:].isdigit() and int(r[1:]) < number]
                for revision in [link.path] + (random.sample(older, 1) if older else []):
                    obj, digest = group[revision], {}
                    digest[obj.name] = tell(f, obj)
                    if isinstance(obj, h5py.Group):
                        walk(f, obj, digest)
                    for p, d in digest.items():
                        if known.setdefault(p, d) != d:
                            raise ValueError(f"{p}: reads differently than before")
            raw = experiment.get("raw")
            for channel in raw if raw is not None else ():
                if "sha256" in raw[channel].attrs:
                    d = tell(f, raw[channel])
                    if known.setdefault(raw[channel].name, d) != d:
                        raise ValueError(f"{raw[channel].name}: reads differently than before")
    return newest


def reader(path, reads, ended, stop, results):
    known, before, bad = {}, {}, []
    while not stop.value:
        size, started, written = os.stat(path).st_size, time.time(), os.path.exists(path + ".lock")
        try:
            now = read(path, known, ended)
            for p, n in before.items():
                if now.get(p, 0) < n:
                    raise ValueError(f"{p}: latest was r{n:06}, is {now.get(p)}")
            before = now
        except Exception as e:
            where = traceback.extract_tb(e.__traceback__)
            bad.append(f"{type(e).__name__}: {e} (line {[t.lineno for t in where if t.filename == __file__]}, {time.time() - started:.4f} s into "
                       f"it, size {size})")
        if written or os.path.exists(path + ".lock"):  # only what a writer might have disturbed is counted
            with reads.get_lock():
                reads.value += 1
    results.put((known, bad))


def plate(here, number, reads, enough):
    """One container's life of six rounds, each an ingest and a run, watched. Returns runs, commits and what failed."""
    path, events = f"{here}/plate{number}.h5", f"{here}/events{number}.json"
    seed = 1000 * args.seed + 100 * number
    for i in range(4):
        movie(f"in{number}/r0e{i}", seed + i, 2 + i, height=64, width=64)
    works("run", write("p.yml", PIPELINE), path, *[f"in{number}/r0e{i}" for i in range(4)], ranks=args.ranks)
    again = "steps:\n  - segment: {{min-area: {}}}\n  - objects\n  - crop: {{size: 32}}\n"  # other settings each time: the same ones make no revision
    ended, stop, results = mp.Value("i", 1), mp.Value("i", 0), mp.Queue()
    processes = [mp.Process(target=reader, args=(path, reads, ended, stop, results)) for _ in range(args.readers)]
    for p in processes:
        p.start()
    try:
        for k in range(1, 7):
            for i in range(2):
                movie(f"in{number}/r{k}e{i}", seed + 10 * k + i, 3, height=64, width=64)
            each = ("--commit-every", 0.002, "--json", events)
            works("ingest", path, f"in{number}/r{k}e0", f"in{number}/r{k}e1", "--channel", "phase", *each, ranks=args.ranks)
            ended.value += 1
            works("run", write("q.yml", again.format(10 + k)), path, *each, ranks=args.ranks)
            ended.value += 1
            if reads.value >= enough:
                break
    finally:
        stop.value = 1
        told = [results.get(timeout=LIMIT) for _ in processes]
        for p in processes:
            p.join()
    with open(events) as f:
        commits = sum('"event": "commit"' in line for line in f)
    final = {}
    with h5py.File(path, "r") as f:
        walk(f, f["experiments"], final)
    for known, _ in told:
        wrong = [p for p, d in known.items() if final.get(p) != d]
        check(not wrong, f"what readers saw differs from the end: {wrong[:5]}")
    clean(path)
    return ended.value, commits, [b for _, some in told for b in some]


with Folder(args.folder) as here:
    print(f"seed {args.seed}, {args.ranks} ranks, {args.readers} readers")
    runs, commits, bad, number, reads = 0, 0, [], 0, mp.Value("i", 0)
    while reads.value < args.reads:
        ran, made, failed = plate(here, number, reads, args.reads)
        runs, commits, bad, number = runs + ran, commits + made, bad + failed, number + 1
        if args.reads > 100:
            print(f"{reads.value} reads, {runs} runs, {commits} commits, {len(bad)} failed", flush=True)
    for b in bad[:12]:
        print(b)
    check(not bad, f"{len(bad)} of {reads.value} reads failed")
    check(commits > runs, f"only {commits} commits in {runs} runs")
done(f"{reads.value} reads during {runs} runs with {commits} commits, {len(bad)} failed")
