#!/usr/bin/python3
"""pipeline.py – a movie from TIFF to lineages: `cyto5 run` on 2 ranks (ingest, segment with the method `phase`, objects, track) against the same
steps in tifffile, h5py, scikit-image, SciPy and LapTrack, on tmpfs.

    bench/pipeline.py [FOLDER]         a folder with TIFF frames; else C5_DATA, else the frames of tests/data

The peer is the first Python named in C5_PEERS (colon-separated) that has them all; peers/requirements.txt tells which. Its rule for cells is the
same, its way of parting cells that touch is scikit-image's own. Checked in the same run: that both find nearly as many cells, that most cells
are the same, that most of those linked by the one are linked by the other (they differ in heaps, which each parts otherwise in every frame), and,
where masks with ids lie in FOLDER_SILVER_IDS, that links between cells found there are right. The bar is on the time inside one process of the
peer, its imports left out, against mpirun and all; a peer of two processes, and one's whole process, are told besides."""
import json
import os
import subprocess
import sys

import h5py
import numpy as np

import benchlib
from benchlib import CYTO5, HERE, REPS, Scratch, check, end, interleave, median, mpirun, real_frames, remove, run, tell

FOLDER = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else benchlib.DATA
STEPS = "seed: 1\nsteps:\n  - ingest: {channel: phase, experiment: movie}\n  - segment: {method: phase}\n  - objects\n  - track\n"
# Largest difference of all counts; least shares of cells, of links that agree, of links that are right.
COUNTS, MATCHED, LINKS, RIGHT = 0.2, 0.85, 0.8, 0.97


def has_peer(python):
    return subprocess.run([python, "-c", "import h5py, tifffile, skimage, laptrack"], capture_output=True, check=False).returncode == 0


def ours(path):
    """Masks, and {(t, label): (t before, label before)}."""
    with h5py.File(path, "r") as f:
        e = f["experiments/movie"]
        masks, nodes, links = e["masks/latest"][:], e["tracks/latest/nodes"][:], e["tracks/latest/links"][:]
    at = [(int(n["frame"]), int(n["label"])) for n in nodes]
    return masks, {at[link["to"]]: at[link["from"]] for link in links}


def theirs(path):
    with h5py.File(path, "r") as f:
        masks, rows = f["masks"][:], f["tracks"][:]
        splits = {int(s["child_track_id"]): int(s["parent_track_id"]) for s in f["splits"][:]} if "splits" in f else {}
    tracks, before = {}, {}
    for r in np.sort(rows, order=["frame", "label"]):
        tracks.setdefault(int(r["track_id"]), []).append((int(r["frame"]), int(r["label"])))
    for k, track in tracks.items():
        before.update(zip(track[1:], track))
        if k in splits:
            before[track[0]] = tracks[splits[k]][-1]
    return masks, before


def matches(a, b):
    """{(t, label of a): (t, label of b)} of cells that share more than half of their union."""
    found = {}
    for t in range(len(a)):
        pairs, shared = np.unique(np.stack([a[t].ravel(), b[t].ravel()]).astype(np.int64), axis=1, return_counts=True)
        size_a, size_b = np.bincount(a[t].ravel()), np.bincount(b[t].ravel())
        for (p, q), n in zip(pairs.T, shared):
            if p and q and 2 * n > size_a[p] + size_b[q] - n:
                found[t, int(p)] = t, int(q)
    return found


def agreement(path, peer):
    a, linked_a = ours(path)
    b, linked_b = theirs(peer)
    count_a, count_b = (sum(len(np.unique(m)) - 1 for m in masks) for masks in (a, b))
    same = matches(a, b)
    asked = [(same[to], same[start]) for to, start in linked_a.items() if to in same and start in same]
    good = sum(linked_b.get(to) == start for to, start in asked)
    return count_a, count_b, len(same) / count_a, good / max(1, len(asked)), len(asked)


def right(path, truth):
    """The share of links of the published ids, between cells that are found, that are in the result; and their number."""
    masks, linked = ours(path)
    ids = real_frames(scratch, truth)
    cells = {known: found for found, known in matches(masks, ids).items()}
    asked = [((t - 1, k), (t, k)) for t in range(1, len(ids)) for k in np.intersect1d(ids[t - 1], ids[t])[1:].tolist()]
    asked = [(cells[a], cells[b]) for a, b in asked if a in cells and b in cells]
    return sum(linked.get(b) == a for a, b in asked) / max(1, len(asked)), len(asked)


with Scratch("pipeline") as scratch:
    peers = [p for p in os.environ.get("C5_PEERS", "/usr/bin/python3").split(":") if has_peer(p)]
    if not peers:
        print("pipeline.py: no Python with scikit-image, laptrack, tifffile and h5py; see bench/README.md", file=sys.stderr)
        sys.exit(77)
    steps, out, peer_out = scratch("p.yml"), scratch("cyto5.h5"), scratch("peer.h5")
    with open(steps, "w", encoding="ascii") as f:
        f.write(STEPS)

    def cyto5(ranks):
        def call():
            remove(out)
            return run(mpirun(ranks, [CYTO5, "run", steps, out, FOLDER, "--quiet"]))
        return call

    def peer(processes):
        def call():
            remove(peer_out)
            wall, cpu, text = run([peers[0], os.path.join(HERE, "peers", "pipeline_skimage.py"), FOLDER, peer_out, processes])
            return wall, cpu, json.loads(text)
        return call

    results = interleave({"one": cyto5(1), "two": cyto5(2), "peer": peer(1), "peer2": peer(2)}, reps=min(REPS, 3))
    count_a, count_b, matched, links, asked = agreement(out, peer_out)
    print(f"# pipeline: {count_a} cells against {count_b}, {100 * matched:.1f} % of them the same, of {asked} links between those {100 * links:.1f} "
          f"% agree")
    check("pipeline", f"{count_a} cells, the peer finds {count_b}", abs(count_a - count_b) <= COUNTS * count_b)
    check("pipeline", f"{100 * matched:.1f} % of the cells are the peer's", matched >= MATCHED)
    check("pipeline", f"{100 * links:.1f} % of the links are the peer's", links >= LINKS and asked > count_a / 3)
    if os.path.isdir(FOLDER + "_SILVER_IDS"):
        share, known = right(out, FOLDER + "_SILVER_IDS")
        print(f"# pipeline: of {known} published links between cells that were found {100 * share:.1f} % are there")
        check("pipeline", f"{100 * share:.1f} % of the published links", share >= RIGHT)
    seconds = {k: median(r[0] for r in results[k]) for k in results}
    inside = {k: median(r[2]["seconds"] for r in results[k]) for k in ("peer", "peer2")}
    versions = subprocess.run([peers[0], "-c",
                               "import skimage, scipy, laptrack; print('scikit-image', skimage.__version__, 'SciPy', scipy.__version__, 'LapTrack', "
                               "laptrack.__version__)"],
                              capture_output=True, text=True, check=True).stdout.strip()
    figures = {"ranks": 2, "repetitions": min(REPS, 3), "peer": versions, "seconds": {k: round(v, 3) for k, v in seconds.items()},
               "inside_peer": {k: round(v, 3) for k, v in inside.items()},
               "steps_peer": {k: round(v, 3) for k, v in results["peer"][0][2]["steps"].items()}, "cells": [count_a, count_b],
               "cells_matched": matched, "links_agree": links}
    name = os.path.basename(os.path.dirname(FOLDER)) or FOLDER
    tell("pipeline", f"{name}, 2 ranks against one process of scikit-image and LapTrack", inside["peer"] / seconds["two"], 10, **figures)
    tell("pipeline", f"{name}, 2 ranks against two processes of the same", inside["peer2"] / seconds["two"], None, **figures)
    tell("pipeline", f"{name}, one process against one process, whole", seconds["peer"] / seconds["one"], None, **figures)
end()
