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


with Folder():
    texture()
done()
