#!/usr/bin/env python3
"""make_measure_tracking.py – writes measure_tracking.h beside itself: small random movies with imperfect results, and what py-ctcmetrics 1.3.3
says of them. Run in an environment with `pip install py-ctcmetrics==1.3.3`; the unit test only reads the header. Seeded: the same file again.

Objects are rectangles painted one after another, so a movie is a short list of numbers. The results miss, invent, shift, split and merge objects,
break tracks, swap identities, close gaps and take wrong parents, and still keep the rules of the format."""
import contextlib, io, os, tempfile
import numpy as np, tifffile
from ctc_metrics.scripts.evaluate import evaluate_sequence

H, W, T, CASES = 40, 56, 12, 10
here = os.path.dirname(os.path.abspath(__file__))


def truth(rng):
    """Lives {label: [begin, end, parent]} and rectangles per frame [(label, y0, y1, x0, x1)]."""
    lives, alive, rects, slots = {}, {}, [], [(y, x) for y in range(0, H - 7, 8) for x in range(0, W - 7, 8)]
    free, away, label = list(slots), [], 0
    rng.shuffle(free)
    free = [tuple(s) for s in free]

    def begin(slot, t, parent):
        nonlocal label
        label += 1
        lives[label] = [t, t, parent]
        alive[label] = (slot, int(rng.integers(0, 3)), int(rng.integers(0, 3)), int(rng.integers(4, 7)), int(rng.integers(4, 7)))

    for _ in range(int(rng.integers(4, 9))):
        begin(free.pop(), 0, 0)
    for t in range(T):
        if t:
            for k in list(alive):
                dice = rng.random()
                slot = alive[k][0]
                if dice < 0.10 and len(free) > 4:
                    del alive[k]
                    n = 3 if rng.random() < 0.1 else 2
                    begin(slot, t, k)
                    for _ in range(n - 1):
                        begin(free.pop(), t, k)
                elif dice < 0.14:
                    del alive[k]
                    away.append((t + int(rng.integers(1, 3)), slot, k))
                elif dice < 0.17:
                    del alive[k]
                    free.insert(0, slot)
            for item in list(away):
                if item[0] == t:
                    away.remove(item)
                    begin(item[1], t, item[2])
        for k in alive:
            lives[k][1] = t
        rects.append([(k, s[0] + dy, min(s[0] + dy + h, s[0] + 8), s[1] + dx, min(s[1] + dx + w, s[1] + 8))
                      for k, (s, dy, dx, h, w) in sorted(alive.items())])
    return lives, rects


def result(rng, lives, rects, trouble):
    """Objects of the result follow a source: the label of the truth they come from, or a number of their own."""
    frames, swaps = [], {}
    for t, frame in enumerate(rects):
        objects, skip = [], set()
        for i, (k, y0, y1, x0, x1) in enumerate(frame):
            if k in skip:
                continue
            dice = rng.random() / trouble
            if dice < 0.05:
                continue
            if dice < 0.09 and x1 - x0 > 3:
                m = (x0 + x1) // 2 + int(rng.integers(0, 2))
                objects += [(k, y0, y1, x0, m), (1000 + k, y0, y1, m, x1)]
            elif dice < 0.13 and i + 1 < len(frame):
                o = frame[i + 1]
                skip.add(o[0])
                objects.append((k, min(y0, o[1]), max(y1, o[2]), min(x0, o[3]), max(x1, o[4])))
            elif dice < 0.35:
                dy, dx = int(rng.integers(-2, 3)), int(rng.integers(-2, 3))
                objects.append((k, max(y0 + dy, 0), min(y1 + dy, H), max(x0 + dx, 0), min(x1 + dx, W)))
            else:
                objects.append((k, y0, y1, x0, x1))
        if rng.random() < 0.3 * trouble:
            y, x = int(rng.integers(0, H - 3)), int(rng.integers(0, W - 3))
            objects.append((5000 + t, y, y + 3, x, x + 3))
        if t and len(objects) > 1 and rng.random() < 0.25 * trouble:
            a, b = rng.choice(len(objects), 2, replace=False)
            swaps[objects[a][0]], swaps[objects[b][0]] = objects[b][0], objects[a][0]
        objects = [(swaps.get(o[0], o[0]),) + o[1:] for o in objects]
        seen, clean = set(), []
        for o in objects:
            if o[0] not in seen and o[2] > o[1] and o[4] > o[3]:
                seen.add(o[0])
                clean.append(o)
        image = np.zeros((H, W), int)
        for n, o in enumerate(clean):
            image[o[1]:o[2], o[3]:o[4]] = n + 1
        frames.append([o for n, o in enumerate(clean) if (image == n + 1).any()])
    # tracks: a source seen again in the next frame goes on, unless broken; after a pause it is a child of its last track, or nobody's
    label, current, last, out_lives, out = 0, {}, {}, {}, []
    for t, objects in enumerate(frames):
        new = {}
        row = []
        for (k, *r) in objects:
            if k in current and rng.random() > 0.03 * trouble:
                mine = current[k]
            else:
                label += 1
                mine = label
                parent = 0
                source = lives[k][2] if k in lives and lives[k][0] == t else None
                if source and source in last and rng.random() > 0.15 * trouble:
                    parent = last[source]
                elif k in last and rng.random() < 0.7:
                    parent = last[k]
                elif last and rng.random() < 0.3 * trouble:
                    parent = last[sorted(last)[int(rng.integers(0, len(last)))]]
                if parent and out_lives[parent][1] >= t:
                    parent = 0
                out_lives[mine] = [t, t, parent]
            out_lives[mine][1] = t
            new[k] = last[k] = mine
            row.append((mine, *r))
        current = new
        out.append(row)
    for k in out_lives.values():  # a parent may have lived on after it was chosen
        if k[2] and out_lives[k[2]][1] >= k[0]:
            k[2] = 0
    return out_lives, out


def paint(frame):
    image = np.zeros((H, W), np.uint16)
    for k, y0, y1, x0, x1 in frame:
        image[y0:y1, x0:x1] = k
    return image


def measure(gt_lives, gt, res_lives, res):
    with tempfile.TemporaryDirectory() as top, contextlib.redirect_stdout(io.StringIO()):
        for sub in ("GT/TRA", "GT/SEG", "RES"):
            os.makedirs(os.path.join(top, sub))
        for t in range(T):
            tifffile.imwrite(f"{top}/GT/TRA/man_track{t:03d}.tif", paint(gt[t]))
            tifffile.imwrite(f"{top}/GT/SEG/man_seg{t:03d}.tif", paint(gt[t]))
            tifffile.imwrite(f"{top}/RES/mask{t:03d}.tif", paint(res[t]))
        for path, lives in ((f"{top}/GT/TRA/man_track.txt", gt_lives), (f"{top}/RES/res_track.txt", res_lives)):
            with open(path, "w") as to:
                to.writelines(f"{k} {b} {e} {p}\n" for k, (b, e, p) in sorted(lives.items()))
        return evaluate_sequence(f"{top}/RES", f"{top}/GT", threads=1)


def numbers(to, kind, name, values):
    to.write(f"static const {kind} {name}[] = {{\n")
    line = "\t"
    for v in values:
        word = f"{v}, "
        if len(line) + len(word) > 148:
            to.write(line.rstrip() + "\n")
            line = "\t"
        line += word
    to.write(line.rstrip(", ") + "\n};\n")


SAME = {"SEG": "SEG", "DET": "DET", "TRA": "TRA", "LNK": "LNK", "AOGM": "AOGM", "AOGM_0": "AOGM_0", "AOGM_NS": "AOGM_NS", "AOGM_FN": "AOGM_FN",
        "AOGM_FP": "AOGM_FP", "AOGM_ED": "AOGM_ED", "AOGM_EA": "AOGM_EA", "AOGM_EC": "AOGM_EC", "OP_CSB": "OP_CSB", "OP_CTB": "OP_CTB", "CT": "CT",
        "TF": "TF", "CCA": "CCA", "MOTA": "MOTA", "HOTA": "HOTA", "CHOTA": "CHOTA", "IDF1": "IDF1", "IDP": "IDP", "IDR": "IDR", "TP": "MOT_TP",
        "FP": "MOT_FP", "FN": "MOT_FN", "IDSW": "MOT_switches", "MULTI-ASSIGNMENTS": "MOT_merges", "IDTP": "ID_TP", "IDFP": "ID_FP", "IDFN": "ID_FN",
        "gt_divisions": "divisions_true"}
SAME.update({f"{n}({i})": f"{n}({i})" for n in ("BC", "BIO", "OP_CLB") for i in range(4)})
SAME.update({f"tp_div({i})": f"divisions_correct({i})" for i in range(4)})

rng = np.random.default_rng(20261121)
cases = []
for case in range(CASES):
    gt_lives, gt = truth(rng)
    res_lives, res = result(rng, gt_lives, gt, (0.3, 1.0, 2.0)[case % 3])
    held = {k for f in res for k in np.unique(paint(f)) if k}
    assert held == set(res_lives), "an object was painted over"
    cases.append((gt_lives, gt, res_lives, res, measure(gt_lives, gt, res_lives, res)))

if __name__ == "__main__":
    with open(os.path.join(here, "measure_tracking.h"), "w") as to:
        to.write("/* measure_tracking.h – random movies with imperfect results, and what py-ctcmetrics 1.3.3 measures; written by "
                 "make_measure_tracking.py.\n"
                 " * lives: label, begin, end, parent. rects: frame, label, y0, y1, x0, x1, painted in order. */\n")
        to.write(f"enum {{ GOLDEN_HEIGHT = {H}, GOLDEN_WIDTH = {W}, GOLDEN_FRAMES = {T} }};\n")
        to.write("struct golden_value { const char *name; double value; };\n")
        for c, (gl, g, rl, r, values) in enumerate(cases):
            for side, lives, frames in (("gt", gl, g), ("res", rl, r)):
                numbers(to, "uint32_t", f"{side}_lives_{c}", [v for k, life in sorted(lives.items()) for v in (k, *life)])
                numbers(to, "uint32_t", f"{side}_rects_{c}", [v for t, f in enumerate(frames) for o in f for v in (t, *o)])
            to.write(f"static const struct golden_value values_{c}[] = {{\n")
            for theirs, ours in SAME.items():
                v = values[theirs]
                to.write(f'\t{{ "{ours}", {"NAN" if v is None else repr(float(v))} }},\n')
            to.write("};\n")
        n = "(sizeof {0} / sizeof *{0})"
        to.write("static const struct golden_case {\n\tconst uint32_t *gt_lives, *gt_rects, *res_lives, *res_rects;\n"
                 "\tsize_t n_gt_lives, n_gt_rects, n_res_lives, n_res_rects;\n\tconst struct golden_value *values;\n\tsize_t n_values;\n} "
                 "golden_cases[] = {\n")
        for c in range(len(cases)):
            names = [f"gt_lives_{c}", f"gt_rects_{c}", f"res_lives_{c}", f"res_rects_{c}"]
            to.write("\t{ " + ", ".join(names) + ",\n\t  " + ", ".join(n.format(x) + (" / 4" if "lives" in x else " / 6") for x in names) +
                     f",\n\t  values_{c}, {n.format(f'values_{c}')} }},\n")
        to.write("};\n")
