"""mpi_parity.py – the same content from 1, 2, 3 and 4 ranks, from 1 and 2 threads, and from a program that runs without mpirun at all:
real recordings of different length, every value and attribute compared. Tracks too: nodes, tracks, lineages, links and candidates of real
recordings and of a long movie, which ranks link in blocks of time."""
import os
import re

from support import *


def recordings():
    """Three recordings: long, middle, a single frame; of different size and pixel type."""
    for name, source, numbers in (("colony", ECOLI, range(24, 30)), ("cells", T98G, range(3)), ("single", ECOLI, (27,))):
        os.makedirs(f"in/{name}")
        for n in numbers:
            os.symlink(f"{source}/t{n:03}.tif", f"in/{name}/t{n:03}.tif")
    return ["in/colony", "in/cells", "in/single"]


FOLLOWED = "seed: 1\nsteps:\n  - ingest: {channel: phase}\n  - segment: {method: rods}\n  - objects\n  - track\n"


def tracks_of(path, name):
    with h5py.File(path, "r") as f:
        group = f[f"experiments/{name}/tracks/latest"]
        check(sorted(group) == ["candidates", "links", "nodes", "tracks"], f"{path}: tracks hold {sorted(group)}")
        return {k: group[k][()] for k in group}


def lineages_hold(t, name):
    """What nodes, tracks, links and candidates say of each other."""
    nodes, tracks, links, candidates = t["nodes"], t["tracks"], t["links"], t["candidates"]
    divisions = links[links["kind"] == 3]
    check((np.diff(links["to"].astype(int)) > 0).all() and (nodes["frame"][links["from"]] < nodes["frame"][links["to"]]).all(),
          f"{name}: links are out of order")
    check((tracks["parent"][nodes["track"][divisions["to"]] - 1] == nodes["track"][divisions["from"]]).all(),
          f"{name}: parents are not those of the links")
    check(len(links) + len(tracks) == len(nodes) + len(divisions),
          f"{name}: {len(links)} links, {len(tracks)} tracks, {len(nodes)} nodes, {len(divisions)} daughters")
    taken = {(a, b): k for a, b, k in zip(links["from"], links["to"], links["kind"])}
    check(all(c["kind"] == taken.get((c["from"], c["to"]), 0) for c in candidates), f"{name}: candidates are told taken that are not, or otherwise")


def same_tracks(make, ranks, what):
    """make(path, ranks) for each number of ranks, and all compared with the first."""
    told = set()
    for n in ranks:
        path = f"{what}{n}.h5"
        make(path, n)
        check(not leftovers(path), f"{path}: leaves {leftovers(path)}")
        told.add(run("digest", path).out.replace(path, ""))
        if n == ranks[0]:
            continue
        same(content(f"{what}{ranks[0]}.h5"), content(path), f"{what} on {ranks[0]} and {n} ranks")
        r = run("diff", f"{what}{ranks[0]}.h5", path)
        check(r.code == 0, f"diff of {what} on {ranks[0]} and {n} ranks: {r} {r.out}")
    check(len(told) == 1, f"{what}: digest tells {len(told)} different contents: {told}")
    clean(path)


def long_movie():
    """Some 600 frames of small cells that divide, die and are missed at times: its frames are linked in dozens of blocks."""
    works("simulate", "sim.h5", "--frames", 600, "--cells", 16, "--height", 96, "--width", 96, "--radius", 5, "--cycle", 60, "--death", 0.008,
          "--missed", 37, "--channels", "phase")
    works("objects", "sim.h5")

    def make(path, ranks):
        shutil.copy("sim.h5", path)
        r = works("track", path, "--commit-every", 0.1, ranks=ranks)
        blocks = re.search(r"track: 1 experiment in (\d+) parts?", r.err)
        check(blocks and int(blocks[1]) > 40, f"{path}: linked in many blocks: {r}")

    same_tracks(make, (0, 1, 2, 3, 4), "movie")
    t = tracks_of("movie4.h5", "control_001")
    lineages_hold(t, "long movie")
    kinds = np.bincount(t["links"]["kind"], minlength=4)
    check(len(t["nodes"]) > 2000 and kinds[2] >= 10 and kinds[3] >= 10, f"the long movie has {len(t['nodes'])} objects, {kinds} links by kind")
    check((t["candidates"]["kind"] == 0).any() and t["candidates"]["probability"].min() >= 0.01, "alternatives are told")


def real_lineages():
    def make(path, ranks):
        works("run", write("follow.yml", FOLLOWED), path, "in/colony", "in/single", "--commit-every", 0.05, ranks=ranks)

    same_tracks(make, (0, 2, 4) if sanitized() else (0, 1, 2, 3, 4), "real")
    t = tracks_of("real0.h5", "colony")
    lineages_hold(t, "colony")
    check((t["links"]["kind"] == 3).sum() >= 10, f"the colony divides {(t['links']['kind'] == 3).sum() // 2} times")


with Folder():
    recordings()
    real_lineages()
    long_movie()
with Folder():
    inputs = recordings()
    write("p.yml", PIPELINE)
    cases = [(0, 1), (0, 2), (1, 1), (2, 1), (3, 2), (4, 1)] + ([] if sanitized() else [(2, 2), (3, 1), (4, 2)])
    first = None
    for ranks, threads in cases:
        out = f"n{ranks}t{threads}.h5"
        works("run", "p.yml", out, *inputs, "--threads", threads, "--commit-every", 0.05, ranks=ranks)
        check(not leftovers(out), f"{out}: leaves {leftovers(out)}")
        with h5py.File(out, "r") as f:
            check(f["runs/r000001"].attrs["ranks"] == max(ranks, 1), f"{out}: records {f['runs/r000001'].attrs['ranks']} ranks")
            check(f["runs/r000001"].attrs["state"] == b"complete", f"{out}: records {f['runs/r000001'].attrs['state']}")
        now = content(out)
        if first is None:
            first, first_out = now, out
            with h5py.File(out, "r") as f:
                for name, frames in (("colony", 6), ("cells", 3), ("single", 1)):
                    check(f[f"experiments/{name}/raw/phase"].shape[0] == frames, f"{name}: {frames} frames expected")
                check(len(f["experiments/cells/objects/latest"]) > 50, "cells: more than 50 objects expected")
            continue
        same(first, now, f"{first_out} and {out}")
        clean(out)
        if has_command("diff"):
            r = run("diff", first_out, out)
            check(r.code == 0, f"diff {first_out} {out}: {r} {r.out}")
    if has_command("digest"):
        digests = {run("digest", f"n{r}t{t}.h5").out.replace(f"n{r}t{t}.h5", "") for r, t in cases}
        check(len(digests) == 1, f"digest tells {len(digests)} different contents: {digests}")
    # A second revision, by single steps on other numbers of ranks, and a further recording taken in.
    for ranks, out in ((0, "n0t1.h5"), (3, "n3t2.h5"), (2, "n2t1.h5")):
        os.makedirs("more/later", exist_ok=True)
        for t in range(2):
            if not os.path.exists(f"more/later/t{t:03}.tif"):
                os.symlink(f"{T98G}/t00{t + 2}.tif", f"more/later/t{t:03}.tif")
        works("ingest", out, "more/later", "--channel", "phase", ranks=ranks)
        works("segment", out, "--method", "otsu", ranks=ranks)
        works("objects", out, ranks=ranks)
        works("crop", out, "--size", 24, "--masked", ranks=ranks)
        clean(out)
    same(content("n0t1.h5"), content("n3t2.h5"), "single steps alone and on 3 ranks")
    same(content("n0t1.h5"), content("n2t1.h5"), "single steps alone and on 2 ranks")
done(f"{len(cases)} runs of one content")
