"""mpi_search.py – cyto5 search on ranks: the same trials for any number of them where the algorithm does not look at values, work shared without
idling, groups of ranks with MPI programs as objectives, signals, and kills of single ranks."""
import os
import random
import signal
import sys
import time

from support import *

OBJECTIVE = """
import os, sys, time
x, y = float(sys.argv[1]), float(sys.argv[2])
def note(word):
    with open("runs.txt", "a") as f:
        f.write(f"{word} {os.environ['C5_TRIAL']} {x!r} {y!r}\\n")
note("begin")
time.sleep(float(os.environ.get("SLEEP", "0")))
print((x - 0.4) ** 2 + (y + 0.2) ** 2, flush=True)
note("end")
os._exit(0)
"""
SPACE = "seed: 3\nspace:\n  x: {type: continuous, min: -1, max: 1}\n  y: {type: continuous, min: -1, max: 1}\n"
BOWL = "objective:\n  command: /usr/bin/python3 objective.py {x} {y}\n"



def trials(path, name, run="latest"):
    with h5py.File(path, "r") as f:
        t = f[f"searches/{name}/{run}/trials"][:]
    return t[np.argsort(t["trial"])]


def noted(word):
    return [s for s in open("runs.txt").read().split("\n")[:-1] if s.startswith(word)] if os.path.exists("runs.txt") else []


def begun():
    return noted("begin ")


def ended():
    return noted("end ")


def same_points():
    write("even.yml", "trials: 10\nalgorithm: sobol\n" + SPACE + BOWL)
    works("search", "even.yml", "one.h5", "--quiet")
    one = trials("one.h5", "even")
    for ranks in (2, 3):
        works("search", "even.yml", f"r{ranks}.h5", "--quiet", ranks=ranks)
        t = trials(f"r{ranks}.h5", "even")
        check(all(list(t[n]) == list(one[n]) for n in ("trial", "value", "param_x", "param_y", "state")), f"{ranks} ranks try other points")
        check(set(t["group"]) == set(range(ranks)), f"{ranks} ranks, but groups {set(t['group'])}")


def shares():
    """Trials of different length: nobody waits for the longest."""
    write("mixed.yml", "trials: 18\nstartup: 5\n" + SPACE + "objective:\n  command: sleep $(/usr/bin/python3 -c \"print([0.1, 0.9][{trial} % 3 == "
                                                            "0])\"); /usr/bin/python3 objective.py {x} {y}\n")
    works("search", "mixed.yml", "mixed.h5", "--quiet", ranks=3)
    t = trials("mixed.h5", "mixed")
    busy, span = t["seconds"].sum(), (t["begun_s"] + t["seconds"]).max()
    check(len(t) == 18 and busy > 2.1 * span, f"3 ranks worked {busy:.2f} s in {span:.2f} s")
    check(len({(a, b) for a, b in zip(t["param_x"], t["param_y"])}) == 18 and t["value"].min() < 0.05, f"best {t['value'].min()}")


def nests():
    """Objectives that start ranks of their own, as commands and as steps."""
    write("ranks.yml", f"trials: 4\nalgorithm: sobol\n{SPACE}objective:\n  command: mpirun --oversubscribe -n {{ranks}} sh -c 'echo rank "
                       f"$OMPI_COMM_WORLD_RANK; "
          "echo {x}'\n")
    works("search", "ranks.yml", "ranks.h5", "--quiet", "--ranks-per-trial", "2", ranks=4)
    t = trials("ranks.h5", "ranks")
    check(set(t["state"]) == {b"complete"} and np.allclose(t["value"], t["param_x"]) and set(t["group"]) == {0, 1}, f"nested mpirun: {t}")
    works("simulate", "sim.h5", "--frames", "2", "--height", "64", "--width", "64", "--cells", "4")
    write("steps.yml", "trials: 3\nalgorithm: sobol\ngoal: maximise\nseed: 1\nspace:\n  sigma: {type: continuous, min: 0.5, max: 3}\nobjective:\n  "
                       "work: sim.h5\n"
          "  steps: [\"segment {work} {parameters} --quiet\"]\n  measure: segmentation {work} --gt r000001 --res latest\n  key: SEG\n"
          "  launch: mpirun --oversubscribe -n {ranks} {hosts}\n")
    works("search", "steps.yml", "steps.h5", "--quiet", "--ranks-per-trial", "2", ranks=2)
    t = trials("steps.h5", "steps")
    check(set(t["state"]) == {b"complete"} and all(0 <= v <= 1 for v in t["value"]), f"steps on two ranks: {t}")
    r = run("search", "steps.yml", "none.h5", "--ranks-per-trial", "3", ranks=2)
    check(r.code == 2 and "one trial takes 3 ranks (--ranks-per-trial), found 2" in r.err and r.err.count("cyto5 search:") == 1
        and not os.path.exists("none.h5"),
          f"fewer ranks than one trial needs: {r}")


def stops():
    write("long.yml", "trials: 60\n" + SPACE + BOWL)
    if os.path.exists("runs.txt"):
        os.unlink("runs.txt")
    p = start("search", "long.yml", "long.h5", ranks=3, env={"SLEEP": "0.1"})
    while len(ended()) < 8 and p.poll() is None:
        time.sleep(0.01)
    os.kill(ranks_of(p)[1], signal.SIGTERM)
    r = finish(p)
    check(r.code == 75 and "--resume" in r.err, f"SIGTERM to rank 1: {r}")
    n = len(trials("long.h5", "long", "r000001"))
    check(n >= 7, f"{n} trials")
    works("search", "long.yml", "long.h5", "--resume", "--trials", str(n + 3), "--quiet", ranks=2)
    check(len(trials("long.h5", "long")) == n + 3, "resumed on other ranks")


def survives_kills():
    times = int(os.environ.get("C5_KILLS", "3"))
    wanted = 24 + (4 if times < 6 else 12) * times
    write("kill.yml", f"trials: {wanted}\nstartup: 6\nalgorithm: {'gp' if times < 6 else 'sobol'}\n" + SPACE + BOWL)
    rng = random.Random(2)
    if os.path.exists("runs.txt"):
        os.unlink("runs.txt")
    known, committed, hits = {}, [], 0
    for n in range(times):
        if len(known) == wanted:  # the machine is quicker than the kills
            break
        p = start("search", "kill.yml", "kill.h5", "--resume", ranks=3, env={"SLEEP": "0.05"})
        enough = len(ended()) + rng.randrange(1, 4)
        while len(ended()) < enough and p.poll() is None:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.1))
        alive = ranks_of(p)
        victim = rng.choice(sorted(alive)) if alive else None
        if victim is not None:
            os.kill(alive[victim], signal.SIGKILL)
            hits += 1
        finish(p, 60)
        with h5py.File("kill.h5", "r") as f:
            now = {int(row["trial"]): row.tobytes() for row in (f["searches/kill/r000001/trials"][:] if "searches/kill/r000001" in f else [])}
        check(all(now.get(k) == v for k, v in known.items()), f"kill {n} of rank {victim}: a finished trial was lost or changed")
        known = now
        committed.append((len(begun()), {str(k) for k in known}))
    check(hits > times / 2, f"{hits} kills of {times} hit the search")
    if len(known) < wanted:
        works("search", "kill.yml", "kill.h5", "--resume", "--quiet", ranks=2)
    t = trials("kill.h5", "kill")
    check(list(t["trial"]) == list(range(1, wanted + 1)) and set(t["state"]) == {b"complete"}, f"{len(t)} trials")
    twice, again = len(ended()) - len(set(ended())), sum(s.split()[1] in kept for at, kept in committed for s in begun()[at:])
    check(again == 0, f"{again} trials that were kept already were run again")
    check(twice == 0, f"{len(ended())} runs, {len(set(ended()))} of them different")
    print(f"kills: {times}, trials kept: {len(t)}, lost: 0, kept and run again: {again}, ended and run again: {twice}")
    works("check", "kill.h5")


def far_ends_are_kept():
    """Rank 0 is deaf and then killed, while trials end on other ranks: they are not run again."""
    write("far.yml", "trials: 9\nalgorithm: sobol\n" + SPACE + BOWL)
    if os.path.exists("runs.txt"):
        os.unlink("runs.txt")
    p = start("search", "far.yml", "far.h5", ranks=3, env={"SLEEP": "0.5"})
    while len(begun()) < 3 and p.poll() is None:
        time.sleep(0.005)
    first = ranks_of(p)[0]
    os.kill(first, signal.SIGSTOP)
    while len(ended()) < 3 and p.poll() is None:
        time.sleep(0.005)
    time.sleep(0.3)
    os.kill(first, signal.SIGKILL)
    finish(p, 60)
    works("search", "far.yml", "far.h5", "--resume", "--quiet", ranks=2)
    t = trials("far.h5", "far", "r000001")
    check(list(t["trial"]) == list(range(1, 10)) and set(t["state"]) == {b"complete"}, f"{t}")
    check(len(ended()) == len(set(ended())) == 9, f"runs that had ended were made again: {ended()}")
    check(set(t["group"][:3]) == {0, 1, 2}, f"groups {t['group']}")
    check(not [n for n in os.listdir(".") if n.startswith("far.h5.")], f"left behind: {os.listdir('.')}")


with Folder():
    write("objective.py", OBJECTIVE)
    for part in (same_points, shares, nests, stops, survives_kills, far_ends_are_kept):
        if len(sys.argv) < 2 or part.__name__ in sys.argv[1:]:
            part()
done()
