"""cli_search.py – cyto5 search: what it finds and keeps, objectives that fail, stop or report, resumption after signals and kills, and what it
refuses."""
import csv
import glob
import json
import os
import random
import re
import signal
import sys
import time
import xml.dom.minidom

from support import *

# The objective: a bowl of two numbers, a whole one and a choice; notes its begin and end, so that runs can be counted.
OBJECTIVE = """
import math, os, sys, time
x, rate, n, w = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
def note(word):
    with open("runs.txt", "a") as f:
        f.write(f"{word} {os.environ['C5_TRIAL']} {x!r} {rate!r} {n} {w}\\n")
note("begin")
time.sleep(float(os.environ.get("SLEEP", "0")))
print("so much for that")
print((x - 0.5) ** 2 + 0.3 * (math.log10(rate) + 2) ** 2 + 0.02 * (n - 6) ** 2 + (0 if w == "b c" else 0.4), flush=True)
note("end")
os._exit(0)
"""
SPACE = """
space:
  x: {type: continuous, min: -2, max: 2}
  rate: {type: log, min: 1e-4, max: 1}
  n: {type: integer, min: 1, max: 9}
  w: {type: choice, values: [a, "b c", "it's"]}
"""
BOWL = "objective:\n  command: /usr/bin/python3 objective.py {x} {rate} {n} {w}\n"


def table(path, name, run="latest"):
    with h5py.File(path, "r") as f:
        return f[f"searches/{name}/{run}/trials"][:]


def runs_noted():
    lines = open("runs.txt").read().split("\n")[:-1] if os.path.exists("runs.txt") else []
    return [s[6:] for s in lines if s.startswith("begin ")], [s[4:] for s in lines if s.startswith("end ")]


def point(row):
    return tuple(row[n].item() if not isinstance(row[n], bytes) else row[n].decode() for n in row.dtype.names if n.startswith("param_"))


def finds():
    write("bowl.yml", "trials: 26\nseed: 2\n" + SPACE + BOWL + "start:\n  - {x: 1, w: a}\n  - {rate: 0.5}\n")
    r = works("search", "bowl.yml", "out.h5", "--best-config", "best.yml", "--csv", "trials.csv", "--plots", "pictures")
    check("26 trials" in r.out and "what matters" in r.out, f"summary: {r.out}")
    t = table("out.h5", "bowl")
    check(len(t) == 26 and list(t["trial"]) == list(range(1, 27)) and set(t["state"]) == {b"complete"}, f"26 complete trials expected: {t}")
    check(list(t["origin"][:3]) == [b"start", b"start", b"even"] and t["origin"][-1] == b"model", f"origins {t['origin']}")
    check(point(t[0]) == (1.0, 0.01, 5, "a") and t["param_rate"][1] == 0.5, f"fixed points come first: {point(t[0])}")
    check(len({point(row) for row in t}) == 26, "a point was tried twice")
    check(t["value"].min() < 0.05, f"best {t['value'].min()}")
    best = t[t["value"].argmin()]
    with h5py.File("out.h5", "r") as f:
        g = f["searches/bowl/latest"]
        check(g.attrs["state"] == b"complete" or g.attrs["state"] == "complete", "state")
        check(g.attrs["best_trial"] == best["trial"] and g.attrs["best_value"] == best["value"], f"best {dict(g.attrs)}")
        check(g["importance"].shape == (4,) and abs(float(g["importance"]["total"].max())) <= 1, "importance")
        record = f["runs/r000001"]
        check(record.attrs["command"] in (b"search", "search") and record.attrs["state"] in (b"complete", "complete"), "run record")
        text = g["best"][()].decode() if isinstance(g["best"][()], bytes) else g["best"][()]
    check(text == open("best.yml").read() and f"w: \"{best['param_w'].decode()}\"" in text.replace("w: a", 'w: "a"')
        and f"n: {best['param_n']}" in text, f"best.yml: {text}")
    rows = list(csv.DictReader(open("trials.csv")))
    check(len(rows) == 26 and all(float(a["value"]) == b["value"] and a["param_w"] == b["param_w"].decode() for a, b in zip(rows, t)),
        "the CSV is the table")
    check(sorted(os.listdir("pictures")) == ["history.svg", "importance.svg", "parallel.svg", "slices.svg"], f"pictures: {os.listdir('pictures')}")
    for name in os.listdir("pictures"):
        xml.dom.minidom.parse(f"pictures/{name}")
    begun, ended = runs_noted()
    check(len(begun) == 26 and begun == ended, f"{len(begun)} runs")
    told = json.loads(works("search", "show", "bowl", "out.h5", "--json").out)
    check(told["best_trial"] == best["trial"] and len(told["trials"]) == 26 and told["trials"][0]["parameters"]["w"] == "a", "show --json")
    check(run("search", "show", "bawl", "out.h5").code == 3, "an unknown search is not refused")
    # The same search gives the same trials.
    works("search", "bowl.yml", "again.h5", "--quiet")
    check([point(a) for a in table("again.h5", "bowl")] == [point(a) for a in t], "a second search of the same seed differs")
    # Another search in the same container stays apart.
    works("search", "bowl.yml", "out.h5", "--name", "other", "--algorithm", "random", "--trials", "4", "--seed", "9", "--quiet")
    check(len(table("out.h5", "other")) == 4 and len(table("out.h5", "bowl")) == 26, "two searches mix")
    works("check", "out.h5")


def goes_on():
    write("on.yml", "trials: 14\nseed: 4\nstartup: 5\n" + SPACE + BOWL)
    works("search", "on.yml", "whole.h5", "--quiet")
    whole = table("whole.h5", "on")
    if os.path.exists("runs.txt"):
        os.unlink("runs.txt")
    p = start("search", "on.yml", "part.h5", env={"SLEEP": "0.15"})
    while len(runs_noted()[1]) < 5 and p.poll() is None:
        time.sleep(0.01)
    p.send_signal(signal.SIGTERM)
    r = finish(p)
    check(r.code == 75 and "--resume" in r.err, f"stopped: {r}")
    first = table("part.h5", "on", "r000001")
    check(4 <= len(first) <= 7, f"{len(first)} trials after the signal")
    states = works("log", "part.h5", "--json").out
    check(json.loads(states)[0]["state"] == "interrupted", f"log: {states}")
    # With another space, it is refused.
    write("on.yml", "trials: 14\nseed: 4\nstartup: 5\n" + SPACE.replace("max: 9", "max: 8") + BOWL)
    r = run("search", "on.yml", "part.h5", "--resume")
    check(r.code == 2 and len(r.errors) == 1 and "another space" in r.err, f"resumed with another space: {r}")
    write("on.yml", "trials: 14\nseed: 4\nstartup: 5\n" + SPACE + BOWL)
    works("search", "on.yml", "part.h5", "--resume", "--quiet")
    part = table("part.h5", "on")
    check([point(a) for a in part] == [point(a) for a in whole] and list(part["value"]) == list(whole["value"]),
        "a resumed search differs from an undisturbed one")
    begun, ended = runs_noted()
    check(len(set(ended)) == 14 and len(ended) <= 15,
        f"{len(ended)} runs came to an end for 14 trials")  # the signal may come between an end and its commit
    # More trials for a finished search: a new run that begins with the old trials.
    works("search", "on.yml", "part.h5", "--resume", "--trials", "17", "--quiet")
    more = table("part.h5", "on")
    check(len(more) == 17 and list(more["value"][:14]) == list(part["value"]) and len(set(runs_noted()[1])) == 17, "more trials")
    r = run("search", "on.yml", "part.h5", "--resume", "--trials", "17")
    check(r.code == 2 and "complete with 17 trials" in r.err, f"nothing left to do: {r}")
    works("check", "part.h5")


def survives_kills():
    times = int(os.environ.get("C5_KILLS", "3"))
    wanted = 25 + 5 * times
    write("kill.yml", f"trials: {wanted}\nseed: 5\nstartup: 6\nalgorithm: {'gp' if times < 6 else 'sobol'}\n" + SPACE + BOWL)
    rng = random.Random(1)
    os.makedirs("scratch", exist_ok=True)
    scratch = os.path.abspath("scratch")
    if os.path.exists("runs.txt"):
        os.unlink("runs.txt")
    known, kills, committed = {}, 0, []
    for n in range(times + 1):
        if len(known) == wanted:  # the machine is quicker than the kills
            break
        p = start("search", "kill.yml", "kill.h5", "--resume", env={"SLEEP": "0.02", "TMPDIR": scratch})
        if n < times:
            enough = len(known) + rng.randrange(1, 6)
            while len(runs_noted()[1]) < enough and p.poll() is None:
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.1))
            p.send_signal(signal.SIGKILL)
            p.communicate()
            kills += 1
        else:
            r = finish(p)
            check(r.code == 0, f"the last resumption fails: {r}")
        if not os.path.exists("kill.h5"):
            continue
        with h5py.File("kill.h5", "r") as f:
            now = {int(row["trial"]): row.tobytes() for row in (f["searches/kill/r000001/trials"][:] if "searches/kill/r000001" in f else [])}
        check(all(now.get(k) == v for k, v in known.items()), f"kill {n}: a finished trial was lost or changed")
        known = now
        committed.append((len(runs_noted()[0]), {str(k) for k in known}))  # what was begun until this kill, what was kept then
    t = table("kill.h5", "kill")
    check(len(t) == wanted and sorted(t["trial"]) == list(range(1, wanted + 1)), f"{len(t)} trials after {kills} kills")
    check(kills > times / 2, f"{kills} kills of {times}")
    begun, ended = runs_noted()
    twice, again = len(ended) - len(set(ended)), sum(s.split()[0] in kept for at, kept in committed for s in begun[at:])
    check(again == 0, f"{again} trials that were kept already were run again")
    check(twice == 0, f"{twice} runs that had ended were made again in {kills} kills")
    check(not os.listdir("scratch"), f"folders of runs stay behind: {os.listdir('scratch')}")
    check(not [n for n in os.listdir(".") if n.startswith("kill.h5.")], f"left behind: {os.listdir('.')}")
    print(f"kills: {kills}, trials kept: {len(t)}, lost: 0, kept and run again: {again}, ended and run again: {twice}")
    works("check", "kill.h5")


def alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def leaves_nothing():
    """Killed while it cannot look: a run that ends meanwhile is kept, one that goes on is ended with all that it started."""
    write("deaf.py", "import os, sys, time\nopen('pids.txt', 'a').write(f'{os.getpid()}\\n')\n"
          "if os.environ['C5_TRIAL'] == '2' and sys.argv[2] == 'stays' and not os.path.exists('stayed'):\n    open('stayed', 'w')\n    "
          "time.sleep(60)\n"
          "open('ended.txt', 'a').write(os.environ['C5_TRIAL'] + ' ')\n"
          "print('report 1 7', flush=True)\nif sys.argv[2] == 'fails': sys.exit('no such luck')\nprint(sys.argv[1])\n")
    os.makedirs("scratch", exist_ok=True)
    for word, repeats in (("ends", 1), ("fails", 1), ("ends", 2), ("stays", 1)):
        name = f"{word}{repeats}"
        write(f"{name}.yml", f"trials: 4\nalgorithm: sobol\nrepeats: {repeats}\nspace:\n  x: {{type: continuous, min: 0, max: 1}}\n"
              f"objective:\n  command: sleep 0.2; /usr/bin/python3 deaf.py {{x}} {word}\n")
        for left in ("pids.txt", "ended.txt"):
            if os.path.exists(left):
                os.unlink(left)
        words = ["search", f"{name}.yml", f"{name}.h5", "--quiet"]
        at, env = (2 if word == "stays" else repeats), {"TMPDIR": os.path.abspath("scratch")}
        p = start(*words, env=env)
        if word != "stays":  # deaf from before the end of the first trial's last run
            while not (glob.glob(f"scratch/cyto5-trial1-{repeats - 1}-*") and os.path.exists(f"{name}.h5.r000001.trial1")) and p.poll() is None:
                time.sleep(0.002)
            p.send_signal(signal.SIGSTOP)
        while (open("pids.txt").read().count("\n") if os.path.exists("pids.txt") else 0) < at and p.poll() is None:
            time.sleep(0.005)
        time.sleep(0.3)
        p.send_signal(signal.SIGKILL)
        p.communicate()
        r = run(*words, "--resume", env=env)
        check(r.code == (3 if word == "fails" else 0), f"{name}: resumed: {r}")
        t = table(f"{name}.h5", name, "r000001")
        ended = open("ended.txt").read().split()
        check(sorted(ended) == sorted(str(k) for k in range(1, 5) for _ in range(repeats)), f"{name}: runs that came to their end: {ended}")
        check(list(t["trial"]) == [1, 2, 3, 4], f"{name}: trials {t}")
        if word == "fails":
            check(set(t["state"]) == {b"failed"} and set(t["note"]) == {b"exit status 1: no such luck"}, f"{name}: {t}")
        else:
            check(set(t["state"]) == {b"complete"} and np.allclose(t["value"], t["param_x"]) and set(t["repeats"]) == {repeats}, f"{name}: {t}")
        with h5py.File(f"{name}.h5", "r") as f:
            reports = f[f"searches/{name}/r000001/reports"][:]
        check(sorted(reports["trial"]) == [1, 2, 3, 4] and set(reports["value"]) == {7}, f"{name}: reports {reports}")
        check(set(t["origin"]) == {b"even"}, f"{name}: origins {t['origin']}")
        check(not any(alive(pid) for pid in open("pids.txt").read().split()), f"{name}: runs outlive the search")
        check(not os.listdir("scratch") and not glob.glob(f"{name}.h5.*"),
              f"{name}: left behind: {os.listdir('scratch')} {glob.glob(name + '.h5.*')}")


def fails():
    some = BOWL.replace("objective.py", "moody.py")
    write("moody.py", "import sys\nx = float(sys.argv[1])\nif x < -1: sys.exit('x is\\ttoo small')\nif x > 1.5: print('nan')\nelse: "
                      "exec(open('objective.py').read())\n")
    write("moody.yml", "trials: 24\nseed: 1\n" + SPACE + some)
    works("search", "moody.yml", "moody.h5", "--quiet", "--plots", "moody")
    t = table("moody.h5", "moody")
    bad = (t["param_x"] < -1) | (t["param_x"] > 1.5)
    check(len(t) == 24 and all((t["state"] == b"failed") == bad) and bad.any(), f"failures: {t['state']}")
    check(set(t["note"][t["param_x"] < -1]) <= {b"exit status 1: x is too small"} and set(t["note"][t["param_x"] > 1.5]) <= {b"the value is nan"},
        f"notes {t['note']}")
    check(bad[12:].sum() <= 3, f"failures are not gone round: {bad}")
    never = {"printed nothing": "true", "exit status 3: no such luck": "echo no such luck >&2; exit 3",
        "its last line is 'abc', expected a number": "echo abc",
             "killed by signal 9": "kill -9 $$", "took longer than 0.2 s": "sleep 5", "the value is infinite": "echo inf"}
    for why, command in never.items():
        write("never.yml", f"give-up: 3\nseed: 1\n{SPACE}objective:\n  command: {json.dumps(command)}\n  limit: {0.2 if 'longer' in why else 0}\n")
        r = run("search", "never.yml", "never.h5", "--quiet")
        check(r.code == 3 and len(r.errors) == 1 and "none of 3 trials gave a value" in r.err and why in r.err, f"{why}: {r}")
    with h5py.File("never.h5", "r") as f:
        check(all(f["runs"][n].attrs["state"] in (b"failed", "failed") for n in f["runs"]) and "latest" not in f["searches/never"], "failed runs")
    works("check", "never.h5")


def stops_early():
    write("epochs.py", "import sys, time\nx = float(sys.argv[1])\nopen('epochs.txt', 'a').write('.')\nfor k in range(1, 31):\n"
          "    print('report', k, (x - 0.3) ** 2 + 1 / k, flush=True) if sys.argv[2] == 'line' else print('{\"epoch\": %d, \"loss\": %g, \"more\": "
          "null}' % (k, (x - 0.3) ** 2 + 1 / k), flush=True)\n"
          "    open('epochs.txt', 'a').write('.')\n    time.sleep(0.01)\nprint((x - 0.3) ** 2)\n")
    whole = 12 * 31
    for method, form in (("median", "line"), ("halving", "json")):
        extra = "" if form == "line" else "  report-step: epoch\n  report-value: loss\n"
        write("early.yml", f"trials: 12\nseed: 2\nalgorithm: sobol\nspace:\n  x: {{type: continuous, min: -2, max: 2}}\n"
              f"objective:\n  command: /usr/bin/python3 epochs.py {{x}} {form}\n{extra}early-stop: {{method: {method}, after: 3}}\n")
        if os.path.exists("epochs.txt"):
            os.unlink("epochs.txt")
        works("search", "early.yml", "early.h5", "--quiet", "--plots", "early")
        t = table("early.h5", "early")
        with h5py.File("early.h5", "r") as f:
            reports = f["searches/early/latest/reports"][:]
        pruned = t["state"] == b"pruned"
        check(3 <= pruned.sum() <= 9 and t["value"][~pruned].min() == ((t["param_x"] - 0.3) ** 2).min(), f"{method}: {t['state']}")
        check(all(n.startswith(b"stopped at step") and n.endswith(method.encode()) for n in t["note"][pruned]), f"{method}: notes {t['note']}")
        for row in t:
            mine = reports[reports["trial"] == row["trial"]]
            check(len(mine) == 30 or row["state"] == b"pruned", f"{method}: trial {row['trial']} has {len(mine)} reports")
            check(len(mine) and np.allclose(mine["value"], (row["param_x"] - 0.3) ** 2 + 1 / mine["step"], rtol=1e-4),
                f"{method}: reports of trial {row['trial']}")
        check(os.path.getsize("epochs.txt") < 0.85 * whole, f"{method}: {os.path.getsize('epochs.txt')} of {whole} steps were made")
        check(os.path.exists("early/reports.svg"), "no picture of reports")


def repeats():
    write("noisy.yml", "trials: 5\nrepeats: 4\nseed: 7\nalgorithm: random\nspace:\n  x: {type: continuous, min: 0, max: 1}\n"
          "objective:\n  command: echo $(({seed} % 10)){x} | sed 's/0\\./ /' | awk '{{print $1}}'\n")
    works("search", "noisy.yml", "noisy.h5", "--quiet", "--jobs", "2")
    t = table("noisy.h5", "noisy")
    check(len(t) == 5 and set(t["repeats"]) == {4} and np.allclose(t["value"], 8.5 - 2.5, atol=2.6), f"repeats: {t}")
    check(np.allclose(t["spread"], np.std([7, 8, 9, 0], ddof=1)) and np.allclose(t["value"], 6),
        f"mean and spread of seeds 7, 8, 9, 10: {t['value']} {t['spread']}")


def tunes_cyto5():
    r = run("simulate", "sim.h5", "--frames", "2", "--height", "96", "--width", "96", "--cells", "6")
    check(r.code == 0, f"simulate: {r}")
    write("segment.yml", "goal: maximise\ntrials: 5\nseed: 1\nalgorithm: sobol\nspace:\n  sigma: {type: continuous, min: 0.5, max: 3}\n  min-area: "
                         "{type: integer, min: 5, max: 200, scale: log}\n"
          "  method: {type: choice, values: [otsu, deviation]}\nobjective:\n  work: sim.h5\n  steps:\n    - segment {work} --method {method} "
          "{parameters} --quiet\n"
          "  measure: segmentation {work} --gt r000001 --res latest\n  key: SEG\n")
    r = works("search", "segment.yml", "sim.h5", "--dry-run")
    check("segment DIR/work.h5 --method" in r.out and "--sigma=" in r.out and "--min-area=" in r.out and "measure segmentation DIR/work.h5" in r.out,
        f"dry run: {r.out}")
    before = set(h5py.File("sim.h5", "r")["runs"])
    os.makedirs("scratch", exist_ok=True)
    works("search", "segment.yml", "sim.h5", "--quiet", env={"TMPDIR": os.path.abspath("scratch")})
    t = table("sim.h5", "segment")
    check(len(t) == 5 and set(t["state"]) == {b"complete"} and all(0 <= v <= 1 for v in t["value"]), f"segment: {t}")
    check(len(set(h5py.File("sim.h5", "r")["runs"]) - before) == 1, "trials left runs of their own in the container")
    check(not os.listdir("scratch"), f"folders of trials stay behind: {os.listdir('scratch')}")


def example(name, container, trials, **changed):
    """An example of jobs/search as it is, but for the work and less of it."""
    text = open(os.path.join(os.environ["C5_SOURCE"], "jobs", "search", f"{name}.yml")).read().replace("cells.h5", container)
    for old, new in changed.items():
        check(old in text, f"{name}.yml: no {old}")
        text = text.replace(old, new)
    write(f"{name}.yml", text)
    works("search", f"{name}.yml", "found.h5", "--quiet", "--trials", trials, "--best-config", f"{name}-best.yml", "--algorithm", "sobol")
    t = table("found.h5", name)
    check(len(t) == trials and set(t["state"]) <= {b"complete", b"pruned"}, f"{name}.yml: {t['state']} {t['note']}")
    return t, open(f"{name}-best.yml").read()


def examples():
    """Every kind of objective, by the examples that ship."""
    works("simulate", "cells.h5", "--frames", "3", "--height", "96", "--width", "96", "--cells", "6", "--quiet")
    t, best = example("segment", "cells.h5", 3)
    check(all(0 <= v <= 1 for v in t["value"]) and max(t["value"]) > 0.2 and "method: " in best and "quiet" not in best and "steps" not in best,
        f"segment: {t['value']} {best}")
    works("segment", "cells.h5", "--config", "segment-best.yml", "--quiet")
    works("objects", "cells.h5", "--quiet")
    t, best = example("track", "cells.h5", 3)
    check(all(0.5 < v <= 1 for v in t["value"]) and ("divisions: true\n" in best) == ("division-cost: " in best), f"track: {t['value']} {best}")
    t, best = example("command", "cells.h5", 3)
    check(t["value"].min() > 0.39 and re.fullmatch("#.*\nx: .*\ny: .*\n", best), f"command: {t['value']} {best}")

    colony = os.path.join(os.environ["C5_SOURCE"], "tests", "data", "ecoli-phase-lineage")
    works("ingest", "colony.h5", f"{colony}/01", "--experiment", "ecoli", "--channel", "phase", "--modality", "phase", "--quiet")
    works("import", "colony.h5", "ecoli", f"{colony}/01_GT/TRA", "--quiet")
    t, best = example("colony", "colony.h5", 2)
    check(t["value"][0] < 0.1 and t["value"][1] > 0.3, f"colony: {t['value']}")
    t, best = example("lineage", "colony.h5", 2)
    check(t["value"][0] < 0.7 and t["value"][1] > t["value"][0], f"lineage: {t['value']}")

    works("simulate", "crops.h5", "--fields", "3", "--frames", "1", "--height", "128", "--width", "128", "--cells", "8", "--cycle", "0",
        "--conditions", "control=0,senescent=1", "--quiet")
    works("objects", "crops.h5", "--quiet")
    works("crop", "crops.h5", "--size", "32", "--quiet")
    t, best = example("train", "crops.h5", 3, **{"epochs 12": "epochs 3"})
    with h5py.File("found.h5", "r") as f:
        reports = f["searches/train/latest/reports"][:]
    check(all(0 <= v <= 1 for v in t["value"]) and {1, 2} <= set(reports["step"]) <= {1, 2, 3}, f"train: {t['value']} {reports}")
    for row in t[t["state"] == b"complete"]:
        check(row["value"] == reports["value"][reports["trial"] == row["trial"]].max(), f"train: the value {row['value']} is not the best epoch's")
    check("model: lenet\n" in best and "epochs: 3\n" in best and "rate: " in best and "json" not in best, f"train: {best}")
    works("train", "crops.h5", "--config", "train-best.yml", "--epochs", "1", "--quiet")

    works("simulate", "stain.h5", "--fields", "4", "--frames", "1", "--height", "96", "--width", "96", "--cells", "14", "--radius", "9", "--channels",
        "phase,marker", "--patch", "40",
          "--efficiency-from", "0.2", "--efficiency-to", "0.8", "--differentiation", "1", "--quiet")
    t, best = example("stain", "stain.h5", 2, **{"epochs 9": "epochs 2", "per-epoch 1500": "per-epoch 100"})
    check(all(0 <= v <= 1 for v in t["value"]) and "context: " in best and "watch: auc\n" in best, f"stain: {t['value']} {best}")
    works("stain", "train", "stain.h5", "--config", "stain-best.yml", "--epochs", "1", "--name", "best", "--quiet")
    with h5py.File("stain.h5", "r") as f:
        last = f["runs"][sorted(k for k in f["runs"] if k.startswith("r"))[-1]]
        used = dict(line.split(" #")[0].split(": ", 1) for line in last["configuration"][()].decode().splitlines())
    wanted = dict(line.split(": ", 1) for line in best.splitlines()[1:])
    check(used["epochs"] == "1" and used["name"] == "best" and len(wanted) > 8, f"the command line goes before the file: {used}")
    for key in set(wanted) - {"epochs"}:
        same = wanted[key] == used[key] if not re.match(r"[-\d.]", wanted[key]) else float(wanted[key]) == float(used[key])
        check(same, f"stain: {key} is {used[key]}, {wanted[key]} was found")
    # What is no setting is refused.
    write("again.yml", open("stain-best.yml").read() + "epoch: 3\n")
    r = run("stain", "train", "stain.h5", "--config", "again.yml")
    check(r.code == 2 and len(r.errors) == 1 and "epoch: unknown key; did you mean epochs?" in r.err and "again.yml:" in r.err,
          f"a bad configuration: {r}")

    # Several steps with parameters: the best is a pipeline.
    write("both.yml", "goal: maximise\ntrials: 2\nalgorithm: sobol\nspace:\n  sigma: {type: continuous, min: 0.5, max: 2}\n  far: {type: "
                      "continuous, min: 5, max: 30}\n"
          "objective:\n  work: cells.h5\n  steps: [\"segment {work} --sigma {sigma} --no-fill-holes --quiet\", \"objects {work} --quiet\", \"track "
          "{work} --max-distance={far} --quiet\"]\n"
          "  measure: tracking {work} --gt r000001 --res latest\n  key: TRA\n")
    works("search", "both.yml", "found.h5", "--quiet", "--best-config", "both-best.yml")
    best = open("both-best.yml").read()
    check(re.fullmatch("#.*\nsteps:\n  - segment:\n      sigma: .*\n      fill-holes: false\n  - objects\n  - track:\n      max-distance: .*\n",
        best), f"both: {best}")
    works("run", "both-best.yml", "cells.h5", "--quiet")
    works("check", "found.h5")


def shares_a_container():
    write("share.yml", "trials: 8\nseed: 1\nalgorithm: random\n" + SPACE + BOWL)
    both = [start("search", "share.yml", "share.h5", "--name", name, "--seed", str(k), env={"SLEEP": "0.05"}) for k,
        name in enumerate(("one", "two"))]
    ends = [finish(p) for p in both]
    check(all(r.code == 0 for r in ends), f"two searches at the same time on one container: {ends}")
    one, two = table("share.h5", "one"), table("share.h5", "two")
    check(len(one) == len(two) == 8 and not {point(a) for a in one} & {point(a) for a in two}, "they mix")
    # One run of a search has one process.
    p = start("search", "share.yml", "share.h5", "--name", "long", "--trials", "30", env={"SLEEP": "0.2"})
    while not (os.path.exists("share.h5") and "long" in h5py.File("share.h5", "r")["searches"]) and p.poll() is None:
        time.sleep(0.05)
    time.sleep(0.3)
    r = run("search", "share.yml", "share.h5", "--name", "long", "--trials", "30", "--resume")
    check(r.code == 1 and len(r.errors) == 1 and "goes on in another process" in r.err, f"resumed while it runs: {r}")
    check("running" in run("log", "share.h5").out, "a running search is not told as such")
    p.send_signal(signal.SIGTERM)
    check(finish(p).code == 75, "stopped")
    check(not [n for n in os.listdir(".") if n.startswith("share.h5.")], f"left behind: {os.listdir('.')}")
    works("check", "share.h5")


def refuses():
    good = SPACE + BOWL
    bad = {
        "x: the range is empty: min 2 is above max -2": good.replace("min: -2, max: 2", "min: 2, max: -2"),
        "continous: unknown type; did you mean continuous?": good.replace("type: continuous", "type: continous"),
        "unknown parameter in a condition": good.replace("max: 9}", "max: 9, when: {z: 1}}"),
        "trails: unknown key; did you mean trials?": "trails: 4\n" + good,
        "comand: unknown key; did you mean command?": good.replace("command:", "comand:"),
        "algorithm GN_CRS_LM: unknown; did you mean GN_CRS2_LM?": "algorithm: GN_CRS_LM\n" + good,
        "objective: is missing": SPACE,
        "space: is missing": BOWL,
        "{z}: no parameter of the space": good.replace("{n}", "{z}"),
        "an objective is a command, or steps and a measure; found neither": SPACE + "objective: {key: SEG}\n",
        "a measure wants a key": SPACE + "objective: {steps: [\"segment a.h5 {parameters}\"], measure: segmentation a.h5}\n",
        "parameter x goes nowhere": SPACE + "objective: {steps: [segment a.h5], measure: segmentation a.h5, key: SEG}\n",
        "{work}: there is no container to be copied": SPACE + "objective: {steps: [\"segment {work} {parameters}\"], measure: segmentation a.h5, "
                "key: SEG}\n",
        "start: a map PARAMETER: VALUE is expected": good + "start: [3]\n",
        "n: cannot be 77; the space has 1 to 9, whole": good + "start: [{n: 77}]\n",
        "trials: 0 is out of range": "trials: 0\n" + good,
    }
    for says, text in bad.items():
        write("bad.yml", text)
        r = run("search", "bad.yml", "bad.h5")
        check(r.code == 2 and len(r.errors) == 1 and says in r.err and not os.path.exists("bad.h5"), f"{says}: {r}")
    for says, text in {"no/such.h5: No such file or directory: the container that is copied": SPACE +
                       "objective: {work: no/such.h5, steps: [\"segment {work} {parameters}\"], measure: \"segmentation {work}\", key: "
                       "SEG}\n"}.items():
        write("bad.yml", text)
        r = run("search", "bad.yml", "bad.h5")
        check(r.code == 3 and len(r.errors) == 1 and says in r.err and not os.path.exists("bad.h5"), f"{says}: {r}")
    # Told, but not refused: there is nothing to stop early by. What is said of a failure is not the folder it was in.
    write("quiet.yml", "trials: 3\nalgorithm: random\n" + SPACE + "objective: {command: \"echo {x}\"}\nearly-stop: {method: median}\n")
    r = works("search", "quiet.yml", "quiet.h5")
    check("early-stop: no trial reported anything" in r.err, f"no reports: {r}")
    write("said.yml", "give-up: 2\n" + SPACE + "objective: {command: \"echo {dir}/a.h5: is no good >&2; exit 3\"}\n")
    r = run("search", "said.yml", "said.h5", "--quiet")
    check(r.code == 3 and "the last one: exit status 3: a.h5: is no good" in r.err, f"folder in a note: {r}")
    write("bad.yml", good)
    for words, code, says in ((["search", "bad.yml"], 2, "a search file and a container"), (["search", "none.yml", "bad.h5"], 3, "none.yml"),
                              (["search", "show", "x"], 2, "usage: cyto5 search show"), (["search", "bad.yml", "bad.h5", "--trials", "x"], 2,
                                  "trials"),
                              (["search", "bad.yml", "bad.h5", "--ranks-per-trial", "4"], 2, "one trial takes 4 ranks"),
                              (["search", "bad.yml", "no/such/folder/bad.h5"], 1, "no/such/folder/bad.h5")):
        r = run(*words)
        check(r.code == code and len(r.errors) == 1 and says in r.err, f"{words}: {r}")


with Folder():
    write("objective.py", OBJECTIVE)
    for part in (finds, goes_on, survives_kills, leaves_nothing, fails, stops_early, repeats, tunes_cyto5, examples, shares_a_container, refuses):
        if len(sys.argv) < 2 or part.__name__ in sys.argv[1:]:
            part()
done()
