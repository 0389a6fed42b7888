"""mpi_parity.py – the same content from 1, 2, 3 and 4 ranks, from 1 and 2 threads, and from a program that runs without mpirun at all:
real recordings of different length, every value and attribute compared."""
import os

from support import *


def recordings():
    """Three recordings: long, middle, a single frame; of different size and pixel type."""
    for name, source, numbers in (("colony", ECOLI, range(24, 30)), ("cells", T98G, range(3)), ("single", ECOLI, (27,))):
        os.makedirs(f"in/{name}")
        for n in numbers:
            os.symlink(f"{source}/t{n:03}.tif", f"in/{name}/t{n:03}.tif")
    return ["in/colony", "in/cells", "in/single"]


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
