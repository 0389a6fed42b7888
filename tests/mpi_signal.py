"""mpi_signal.py – SIGTERM and SIGUSR1 to one rank, to all, and to mpirun: the run commits what is done and ends with status 75 and one line that
says so; --resume ends with the content of a run that nobody stopped."""
from support import *


def to_rank(k, number):
    return lambda process, ranks: os.kill(ranks[k], number)


def to_all(number):
    return lambda process, ranks: [os.kill(p, number) for p in ranks.values()]


def to_mpirun(number):
    return lambda process, ranks: os.kill(process.pid, number)


# What is done to a run on how many ranks, and the exit status a user sees.
CASES = [
    ("SIGTERM to rank 1", 3, to_rank(1, signal.SIGTERM), 75),
    ("SIGUSR1 to rank 0", 3, to_rank(0, signal.SIGUSR1), 75),
    ("SIGTERM to all ranks", 3, to_all(signal.SIGTERM), 75),
    ("SIGUSR1 to mpirun, which hands it on", 3, to_mpirun(signal.SIGUSR1), 75),
    ("SIGTERM to mpirun, which then kills", 3, to_mpirun(signal.SIGTERM), None),  # Open MPI ends with a status of its own
    ("SIGTERM without mpirun", 0, to_mpirun(signal.SIGTERM), 75),
    ("SIGUSR1 without mpirun", 0, to_mpirun(signal.SIGUSR1), 75),
    ("SIGINT without mpirun", 0, to_mpirun(signal.SIGINT), 75),
]

with Folder():
    pipeline = write("p.yml", PIPELINE)
    inputs = [movie(f"in/e{i}", i, 16, height=400, width=400, n=25) for i in range(4)]
    lengths = {}
    for ranks in (0, 3):
        began = time.time()
        works("run", pipeline, f"whole{ranks}.h5", *inputs, "--commit-every", 0.1, ranks=ranks)
        lengths[ranks] = time.time() - began
    whole = content("whole0.h5")
    same(whole, content("whole3.h5"), "undisturbed, alone and on 3 ranks")
    for number, (what, ranks, act, code) in enumerate(CASES):
        for attempt in range(6):  # a run may be done before the signal gets there: then once more, a little earlier
            path = f"run{number}_{attempt}.h5"
            p = start("run", pipeline, path, *inputs, "--commit-every", 0.1, ranks=ranks)
            until = time.time() + 60
            while not os.path.exists(path) and p.poll() is None and time.time() < until:
                time.sleep(0.001)
            time.sleep(0.1 / (1 + attempt))
            pids = ranks_of(p) if ranks else {0: p.pid}
            began = time.time()
            there = p.poll() is None and len(pids) == max(ranks, 1)
            if there:
                act(p, pids)
            r = finish(p)
            with h5py.File(path, "r") as f:
                state = f["runs/r000001"].attrs["state"] if "r000001" in f["runs"] else b"not begun"
            if there and state == b"running":
                break
        if code is None and state == b"complete":  # mpirun takes its time to kill: the run was quicker, and is whole
            same(whole, content(path), f"{what}: complete all the same")
            continue
        if not check(there and state == b"running", f"{what}: the signal never came in time"):
            continue
        took = time.time() - began
        check(took < 20, f"{what}: took {took:.0f} s to end")
        if code is None:
            check(r.code != 0, f"{what}: exit 0")
        else:
            check(r.code == code, f"{what}: exit {code} expected: {r}")
            check(len(r.errors) == 1 and "--resume" in r.errors[0], f"{what}: one line that names --resume expected: {r}")
            check(not leftovers(path), f"{what}: leaves {leftovers(path)}")
        strange = [q for q, digest in latest(path).items() if whole.get(q) != digest]
        check(not strange, f"{what}: committed, but not as undisturbed: {strange[:3]}")
        clean(path)
        r = run("run", pipeline, path, *inputs, "--resume", ranks=3 - ranks)  # on another number of ranks than before
        check(r.code == 0 and "resumed" in r.err, f"{what}: --resume: {r}")
        same(whole, content(path), f"{what}: resumed")
        check(not leftovers(path), f"{what}: resumed, leaves {leftovers(path)}")
        clean(path)
done(f"{len(CASES)} ways to be stopped")
