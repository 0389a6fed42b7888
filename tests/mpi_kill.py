"""mpi_kill.py – SIGKILL to a rank at any moment, and death at every numbered crash point, lose nothing that was committed.

    mpi_kill.py [--times N] [--points K] [--seed N] [--ranks N] [--folder F]

A run on three ranks that commits all the time loses one of them (never mpirun). Afterwards stock h5py opens the container, all that `latest`
leads to reads back as before the run, `cyto5 check` finds nothing, and --resume ends with the content of a run that nobody disturbed. Every
second container is an old one, with two runs in it whose revisions must survive the third. Then some crash points at their first time, or all at each
of their first K times."""
import argparse
import json
import re

from support import *

args = argparse.ArgumentParser()
args.add_argument("--times", type=int, default=5 if sanitized() else 25)
args.add_argument("--points", type=int, default=0)
args.add_argument("--seed", type=int, default=1)
args.add_argument("--ranks", type=int, default=3)
args.add_argument("--folder")
args = args.parse_args()
often = ("--commit-every", 0.05)
newer = "steps:\n  - ingest: {channel: phase}\n  - segment: {min-area: 20}\n  - objects\n  - crop: {size: 24}\n"


class Case:
    """What is run on what, and how it ends undisturbed."""

    def __init__(self, name, pipeline, inputs, base=None):
        self.name, self.base, self.made = name, base, 0
        self.command = ("run", write(f"{name}.yml", pipeline), "{}", *inputs, *often)
        self.old = latest(base) if base else {}
        path = self.fresh()
        began = time.time()
        process = self.start(path)
        while not os.path.exists(path + ".lock") and process.poll() is None:
            time.sleep(0.001)
        self.before = time.time() - began
        last = began
        while process.poll() is None:  # a new container is locked twice: to be made, and to be worked on
            if os.path.exists(path + ".lock"):
                last = time.time()
            time.sleep(0.001)
        self.work = max(last - began - self.before, 0.1)  # on a busy machine it may be over before it was seen
        r = finish(process)
        check(r.code == 0, f"{name}: undisturbed: {r}")
        self.content = content(path)

    def fresh(self):
        self.made += 1
        path = f"{self.name}{self.made}.h5"
        if self.base:
            shutil.copy(self.base, path)
        return path

    def start(self, path, *more, env=None):
        return start(*[a if a != "{}" else path for a in self.command], *more, ranks=args.ranks, env=env)


def state_of(path, index):
    """The state of a run as cyto5 tells it, the journal taken into account."""
    runs = json.loads(works("log", path, "--json").out)
    return runs[index]["state"] if len(runs) > index else "nothing"


def survives(case, path, what):
    """The checks after a death. Returns how far the run had come: nothing, running, complete."""
    before = 2 if case.base else 0
    stage = "nothing"
    if os.path.exists(path):
        try:
            with h5py.File(path, "r") as f:
                states = [f["runs"][r].attrs["state"] for r in sorted(f["runs"])]
            stage = states[before].decode() if len(states) > before else "nothing"
            now = latest(path)
        except Exception as e:
            check(False, f"{what}: h5py cannot read it: {type(e).__name__}: {e}")
            return "unreadable"
        lost = {tuple(p.split("/")[2:4]) for p in case.old} - {tuple(p.split("/")[2:4]) for p in now}
        check(not lost, f"{what}: `latest` is gone from {sorted(lost)[:3]}")
        with h5py.File(path, "r") as f:
            for p, digest in case.old.items():
                check(tell(f, f[p]) == digest, f"{what}: {p} reads differently")
        strange = [p for p, digest in now.items() if case.content.get(p) != digest]
        check(not strange, f"{what}: `latest` leads to what an undisturbed run does not have: {strange[:3]}")
        clean(path)
    elif case.base:
        check(False, f"{what}: the container is gone")
    if case.made % 3 == 0 and os.path.exists(path) and has_command("recover"):
        r = run("recover", path)
        check(r.code == 0 and not leftovers(path), f"{what}: recover: {r}, leaves {leftovers(path)}")
        clean(path)
    if stage == "running" and state_of(path, before) == "complete":
        stage = "complete"  # killed between the journal of the last commit and the file: whoever opens it with the journal finds all done
    if stage != "complete":
        r = finish(case.start(path, "--resume"))
        check(r.code == 0, f"{what}: resumed from {stage}: {r}")
        check(not leftovers(path), f"{what}: resumed, leaves {leftovers(path)}")
    same(case.content, content(path), f"{what}: from {stage} on")
    clean(path)
    os.unlink(path)
    for p in leftovers(path):
        os.unlink(p)
    return stage


def gone(pids, what):
    for _ in range(300):
        pids = [p for p in pids if os.path.exists(f"/proc/{p}")]
        if not pids:
            return
        time.sleep(0.01)
    check(False, f"{what}: ranks live on after mpirun has ended: {pids}")


with Folder(args.folder):
    rng = random.Random(args.seed)
    print(f"seed {args.seed}, {args.times} kills on {args.ranks} ranks")
    inputs = [movie(f"in/e{i}", i, 1 + 3 * i) for i in range(4)]
    works("run", write("p.yml", PIPELINE), "base.h5", *inputs[:3])
    works("run", write("q.yml", PIPELINE.replace("- segment", "- segment: {min-area: 30}")), "base.h5", *inputs[:3])
    os.makedirs("in/real")
    for t in range(2):
        os.symlink(f"{T98G}/t00{t}.tif", f"in/real/t00{t}.tif")
    cases = [Case("new", PIPELINE, [*inputs, "in/real"]), Case("old", newer, [*inputs[:3], "in/real"], "base.h5")]
    print("; ".join(f"{c.name}: {c.before:.2f} s before the work, {c.work:.2f} s of work" for c in cases), flush=True)
    stages, victims = {}, {}
    for n in range(args.times):
        case = cases[n % 2]
        path = case.fresh()
        # Nearly always while there is work; sometimes while it starts.
        early = rng.random() < 0.1
        wait = rng.uniform(0, case.before if early else case.work)
        process = case.start(path)
        while not early and not os.path.exists(path + ".lock") and process.poll() is None:
            time.sleep(0.0005)
        time.sleep(wait)
        alive = ranks_of(process)
        victim = rng.choice(range(args.ranks))
        if victim in alive:
            os.kill(alive[victim], signal.SIGKILL)
        what = f"kill {n} of rank {victim}, {wait:.3f} s into the {'start' if early else 'work'} of {path}"
        r = finish(process, 60)
        gone(alive.values(), what)
        stage = survives(case, path, what)
        if stage == "complete":  # the kill came too late: the machine has become quicker
            case.work *= 0.85
        stages[stage] = stages.get(stage, 0) + 1
        if args.times > 50 and n % 20 == 19:
            print(n + 1, stages, flush=True)
    check(args.times < 20 or stages.get("running", 0) > args.times / 3, f"too few kills hit the work: {stages}")
    check("unreadable" not in stages, "containers that cannot be read")
    with open(f"{os.environ['C5_SOURCE']}/src/container/overlay.c") as f:
        points = re.findall(r'"([a-z-]+)"', re.search(r"c5_crash_points\[\] = \{(.*?)\}", f.read(), re.S).group(1))
    died = 0
    some = args.points == 0
    if some:
        points = rng.sample([p for p in points if not p.startswith("replay")], 3 if sanitized() else 7)
    for point in points:
        for k in range(1, 2 if some else args.points + 1):
            case = cases[rng.randrange(2)]
            if point.startswith("grow") and not case.base:
                case = cases[1]
            path = case.fresh()
            process = case.start(path, env={"C5_CRASH_AT": f"{point}:{k}"})
            r = finish(process, 60)
            if r.code == 0:  # never came there that often
                os.unlink(path)
                continue
            died += 1
            if point.startswith("replay"):
                check(False, f"{point}: nothing to replay in an undisturbed run")
            if point == "apply-part":  # the one moment between two writes that a stock reader cannot bridge: the journal has all
                works("recover", path)
            survives(case, path, f"death at {point}:{k} of {path}")
    check(died > len(points) / 2, f"only {died} of {len(points)} crash points were met")
done(f"{args.times} kills: " + ", ".join(f"{n} {s}" for s, n in sorted(stages.items())) + f"; {died} deaths at crash points")
