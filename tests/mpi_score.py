"""mpi_score.py – scores are the same from a program alone and on 1, 2 and 4 ranks: every row, doubt, frame, track and screen, for one model and for
an ensemble in eight views."""
from support import *

SIM = ["--conditions", "control=0,senescent=1", "--fields", 3, "--plates", 2, "--frames", 4, "--cells", 10, "--height", 128, "--width", 128,
       "--radius", 8]

with Folder():
    works("simulate", "plate.h5", *SIM)
    works("objects", "plate.h5")
    works("crop", "plate.h5", "--size", 32)
    works("train", "plate.h5", "--label", "condition", "--model", "lenet", "--size", 32, "--epochs", 1, "--members", 2, "--name", "sen",
          "--validation", 0)
    cases = (("one", ["--model", "sen-1", "--batch", 8]), ("many", ["--model", "sen*", "--views", 8, "--batch", 4, "--threshold", 0.4]))
    for what, how in cases:
        told = set()
        for ranks in (0, 1, 2, 4):
            path = f"{what}{ranks}.h5"
            shutil.copy("plate.h5", path)
            r = works("score", path, *how, "--commit-every", 0.05, ranks=ranks)
            check(not leftovers(path), f"{path}: leaves {leftovers(path)}")
            told.add(run("digest", path).out.replace(path, ""))
            if ranks:
                same(content(f"{what}0.h5"), content(path), f"{what} alone and on {ranks} ranks")
        check(len(told) == 1, f"{what}: digest tells {len(told)} different contents")
        clean(path)
    with h5py.File("one4.h5", "r") as one, h5py.File("many4.h5", "r") as many:
        rows = sum(len(e["scores/latest"]) for e in one["experiments"].values())
        a, b = (f["experiments/senescent_001/scores/latest"][()] for f in (one, many))
        check(rows > 150 and (a["spread"] == 0).all() and (b["spread"] > 0).any() and (a["score"] != b["score"]).any(),
              f"{rows} rows, an ensemble tells its spread")
        check(len(one["screens/latest/wells"]) == 6, "the screen has all wells")
done("scores do not depend on ranks")
