"""cli_image.py – what the image operations are for users: texture beside the objects, frames evened out before they are cut, drift found and used."""
from support import *

NAME = "/experiments/control_001"


def simulated(path, *more, frames=3):
    works("simulate", path, "--frames", frames, "--height", 160, "--width", 180, "--cells", 14, "--channels", "phase,fluorescence", *more)


# ---- texture ----

def cooccurrence(level, inside):
    """Means over four directions of contrast, homogeneity and entropy, pair by pair."""
    rows = []
    h, w = level.shape
    for dy, dx in ((0, 1), (1, 1), (1, 0), (1, -1)):
        pairs = {}
        for y in range(h - dy):
            for x in range(max(0, -dx), w - max(0, dx)):
                if inside[y, x] and inside[y + dy, x + dx]:
                    a, b = level[y, x], level[y + dy, x + dx]
                    pairs[a, b] = pairs.get((a, b), 0) + 1
                    pairs[b, a] = pairs.get((b, a), 0) + 1
        p = np.array(list(pairs.values())) / sum(pairs.values())
        apart = np.array([int(a) - int(b) for a, b in pairs])
        rows.append((np.sum(p * apart ** 2), np.sum(p / (1 + apart ** 2)), -np.sum(p * np.log2(p))))
    return np.mean(rows, axis=0)


def texture():
    simulated("t.h5")
    works("objects", "t.h5", "--texture", "--texture-levels", 16)
    with h5py.File("t.h5") as f:
        table, masks, raw = f[NAME + "/objects/latest"], f[NAME + "/masks/latest"][()], f[NAME + "/raw/phase"][()]
        names, rows = table.dtype.names, table[()]
        check("texture_entropy_phase: bit" in table.attrs["units"].decode(), "units of the texture")
    measures = ("contrast", "dissimilarity", "homogeneity", "second_moment", "energy", "correlation", "entropy")
    check(names[-14:] == tuple(f"texture_{m}_{c}" for c in ("fluorescence", "phase") for m in measures), f"columns {names[-14:]}")
    for row in rows[::5]:
        frame = raw[row["frame"]].astype(float)
        low, high = np.percentile(frame, (0.5, 99.5))
        level = np.clip(np.floor((frame - low) * (16 / (high - low))), 0, 15).astype(int)
        box = np.s_[row["bbox_y0"]:row["bbox_y1"], row["bbox_x0"]:row["bbox_x1"]]
        want = cooccurrence(level[box], masks[row["frame"]][box] == row["label"])
        got = [row[f"texture_{m}_phase"] for m in ("contrast", "homogeneity", "entropy")]
        check(np.allclose(got, want, rtol=1e-9), f"frame {row['frame']}, label {row['label']}: {got}, expected {want}")
    r = run("objects", "t.h5", "--texture-levels", 1)
    check(r.code == 2 and "texture-levels" in r.err, f"one grey level: {r}")


# ---- drift ----

def steps(nodes):
    """Pairs of objects (frame, label) that follow one another in a track."""
    found, last = set(), {}
    for row in nodes:
        here, track = (row["frame"], row["label"]), row["track"]
        if track in last:
            found.add((last[track], here))
        last[track] = here
    return found


def drift():
    # the sample leaps by more than a cell's length; the cells themselves hardly move; every seventh frame shows nothing
    works("simulate", "d.h5", "--frames", 15, "--height", 300, "--width", 320, "--cells", 40, "--speed", 0.1, "--drift", 30, "--missed", 7, "--cycle",
          0, "--seed", 3)
    works("objects", "d.h5")
    shutil.copy("d.h5", "e.h5")
    works("drift", "d.h5")
    works("drift", "e.h5", ranks=2)
    with h5py.File("d.h5") as f, h5py.File("e.h5") as g:
        truth, found = f[NAME + "/tracks/latest/drift"][()], f[NAME + "/drift/latest"][()]
        check(np.array_equal(found, g[NAME + "/drift/latest"][()]), "one rank and two find the same drift")
        true_steps = steps(f[NAME + "/tracks/latest/nodes"])
    clean("d.h5")
    worst = 0
    for row in found:
        t = row["frame"]
        if t == 0 or (t + 1) % 7 == 0:
            check(row["from"] == t and row["dy"] == 0 and row["dx"] == 0, f"frame {t} is compared with {row['from']}")
            continue
        check(row["from"] == t - (2 if t % 7 == 0 else 1), f"frame {t} is compared with {row['from']}")
        way = truth[row["from"] + 1:t + 1]
        worst = max(worst, abs(row["dy"] - way["dy"].sum()), abs(row["dx"] - way["dx"].sum()))
    check(worst < 0.2, f"drift is off by up to {worst} px")
    right = {}
    for how in ("--no-drift", "--drift"):
        works("track", "d.h5", how)
        with h5py.File("d.h5") as f:
            nodes = f[NAME + "/tracks/latest/nodes"]
            right[how] = len(steps(nodes) & true_steps) / len(true_steps)
            check(("drift" in nodes.attrs) == (how == "--drift"), f"{how}: what was taken off")
            masks = f[NAME + "/masks/latest"][3]
            inside = [masks[int(round(r["y"])), int(round(r["x"]))] == r["label"] for r in nodes[()] if r["frame"] == 3]
            check(np.mean(inside) > 0.95, f"{how}: nodes lie on their objects in the picture")
    check(right["--drift"] > 0.93 and right["--drift"] > right["--no-drift"] + 0.05, f"steps found: {right}")
    # tracks are made again when the drift is new, and only then
    pipeline = write("p.yml", "steps:\n  - track\n")
    for again, said in ((["run", pipeline, "e.h5"], ["1 experiment"]), (["run", pipeline, "e.h5"], ["track again: the drift was measured"])):
        r = works(*again)
        check(all(s in r.err for s in said), f"{again}: {r}")
        works("drift", "e.h5", "--blur", 2.5, "--recompute")
    r = run("drift", "d.h5", "--channel", "nothing")
    check(r.code != 0 and "nothing" in r.err, f"a channel that is not there: {r}")


with Folder():
    texture()
    drift()
done()
