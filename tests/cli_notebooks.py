"""cli_notebooks.py – the notebooks that cyto5 export writes run as they are on containers of every product, draw figures, tell what the container
holds, leave it as it was, and follow it when both are moved. The cells are run as Jupyter would, by Python and Debian's matplotlib."""
import glob
import io
import json
import re
from contextlib import redirect_stdout

from support import *

try:
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
except ImportError:
    print("skipped: needs Debian's python3-matplotlib")
    sys.exit(77)

SOURCE = os.path.join(DATA, "..", "..", "notebooks-export")
SMALL = ["--frames", 4, "--height", 96, "--width", 128, "--cells", 9, "--radius", 8, "--cycle", 16, "--channels", "phase,marker"]


def cells(path):
    book = json.load(open(path))
    check(book["nbformat"] == 4 and book["nbformat_minor"] == 5 and len({c["id"] for c in book["cells"]}) == len(book["cells"]),
          f"{path}: nbformat 4.5 expected")
    check(all(c["outputs"] == [] and c["execution_count"] is None for c in book["cells"] if c["cell_type"] == "code"), f"{path}: carries output")
    return [c for c in book["cells"] if c["cell_type"] == "code"]


def executed(path):
    """What its cells print, the figures they draw and the names they leave, run in its folder as Jupyter does."""
    space, drawn, said, back = {}, [], io.StringIO(), os.getcwd()

    def show():
        for number in plt.get_fignums():
            figure = plt.figure(number)
            figure.canvas.draw()
            drawn.append(sum(len(a.lines) + len(a.patches) + len(a.images) + len(a.collections) for a in figure.axes))
        plt.close("all")

    plt.show = show
    os.chdir(os.path.dirname(path))
    try:
        with redirect_stdout(said):
            for cell in cells(os.path.basename(path)):
                exec(compile("".join(cell["source"]), f"{path}:{cell['id']}", "exec"), space)
    except Exception as e:  # told as a failure of this notebook, the others go on
        check(False, f"{path}: {type(e).__name__}: {e}")
    finally:
        os.chdir(back)
        if "file" in space:
            space["file"].close()
    show()
    check(drawn and all(drawn), f"{path}: figures with {drawn} things in them")
    return said.getvalue(), len(drawn), space


def make(path):
    """Of every product something, as little as there can be."""
    works("simulate", path, *SMALL, "--conditions", "control=0,senescent=1", "--fields", 1, "--seed", 3)
    for step in (["segment"], ["objects"], ["crop", "--size", 32], ["track"]):
        works(step[0], path, *step[1:])
    works("train", path, "--model", "lenet", "--label", "condition", "--name", "sen", "--validation", 0, "--epochs", 2, "--batch", 16)
    works("score", path, "--model", "sen")
    works("explain", path, "--model", "sen", "--most", 4)
    works("stain", "train", path, "--marker", "marker", "--name", "m", "--block", 16, "--width", 0.25, "--epochs", 1, "--per-epoch", 64, "--frames",
          1)
    works("stain", "predict", path, "--model", "m")
    write("bowl.yml", "trials: 6\nseed: 2\nspace:\n  x: {type: continuous, min: -2, max: 2}\n  w: {type: choice, values: [a, b]}\n"
          "objective:\n  command: /bin/sh -c 'echo 0{x} | tr -d -- -' {w}\n")
    works("search", "bowl.yml", path, "--quiet")


def every_one(path):
    before = works("digest", path).out
    works("export", path, "--as", "notebooks", "--out", "deep/books/")
    names = sorted(os.path.basename(p) for p in glob.glob("deep/books/*.ipynb"))
    check(names == sorted(n for n in os.listdir(SOURCE) if n.endswith(".ipynb")), f"all notebooks expected, not {names}")
    said = {n[:-6]: executed(f"deep/books/{n}") for n in names}
    with h5py.File(path, "r") as f:
        masks, tracks = f["experiments/control_001/masks/latest"][()], f["experiments/control_001/tracks/latest/tracks"][()]
        scored = sum(len(e["scores/latest"]) for e in f["experiments"].values())
    check(re.search(r"2 experiments, \d+ runs", said["overview"][0]) and "control_001" in said["overview"][0], f"overview says {said['overview'][0]}")
    check(len(np.unique(said["overview"][2]["mask"])) == len(np.unique(masks[-1])), "overview shows the last frame's mask")
    check(f"{len(tracks)} tracks of " in said["tracks"][0], f"tracks says {said['tracks'][0]}")
    check(f"{scored} scored cells in 2 experiments; conditions: control, senescent" in said["scores"][0], f"scores says {said['scores'][0]}")
    check("markers: marker; label-free: phase" in said["stains"][0] and "sen: control, senescent" in said["training"][0], "stains, training")
    check("6 trials, 6 complete" in said["search"][0], f"search says {said['search'][0]}")
    check(works("digest", path).out == before, "a notebook changed the container")

    os.mkdir("sent")
    shutil.move("deep", "sent/deep")
    shutil.move(path, "sent/" + path)
    executed("sent/deep/books/tracks.ipynb")
    return "sent/" + path


def some(path):
    """Only what is there is written, for the experiment asked for, on the channel asked for."""
    works("export", path, "--as", "notebooks", "--out", "one", "--experiments", "senescent*", "--channel", "marker")
    for name, word in (("tracks", "senescent_001"), ("overview", None)):
        parameters = "".join(next(c for c in cells(f"one/{name}.ipynb") if c["id"] == "parameters")["source"])
        space = {}
        exec(parameters, space)
        check(space["EXPERIMENT"] == word and os.path.samefile(os.path.join("one", space["CONTAINER"]), path), f"{name}: {parameters}")
    check(space["CHANNEL"] == "marker", f"channel in {parameters}")
    executed("one/overview.ipynb")

    works("ingest", "frames.h5", f"{ECOLI}/t024.tif")
    works("export", "frames.h5", "--as", "notebooks", "--out", "few")
    check(sorted(os.listdir("few")) == ["cyto5-export.json", "overview.ipynb"], f"of frames alone: {os.listdir('few')}")
    executed("few/overview.ipynb")
    r = run("export", "frames.h5", "--as", "notebooks", "--out", "few/overview.ipynb")
    check(r.code == 2 and len(r.errors) == 1, f"a file in the way: {r}")


with Folder():
    make("all.h5")
    some(every_one("all.h5"))
done("every notebook ran")
