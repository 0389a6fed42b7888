"""mpi_train.py – training gives the same weights, bit for bit, on 1, 2, 3 and 4 ranks (with batch norm, dropout, mixup and weight averaging), members
of an ensemble side by side or one after another; and after SIGKILL or SIGTERM and --resume."""
import signal

from support import *

MODEL = """name: tiny
inputs: { image: [1, 24, 24] }
layers:
  - { name: c1, conv: { filters: 8, kernel: 3, bias: false } }
  - { name: n1, batch_norm: { activation: relu } }
  - { name: p1, max_pool: { size: 4 } }
  - { name: c2, conv: { filters: 8, kernel: 3, activation: relu } }
  - { name: d1, dropout: { rate: 0.3 } }
  - { name: flat, flatten: {} }
  - { name: logits, dense: { units: 2 } }
  - { name: prob, softmax: {} }
outputs: [prob]
"""
SETTINGS = """model: tiny.yml
label: condition
name: m
batch: 16
micro: 4
optimizer: sgd
momentum: 0.9
rate: 0.05
clip: 1
warm-up: 0.5
averaging: 0.9
augment: standard
mixup: 0.2
balance: sample
device: cpu
"""
SIM = """seed: 3
steps:
  - simulate: {fields: 3, frames: 1, height: 160, width: 160, cells: 10, cycle: 0, conditions: "control=0,senescent=1"}
  - objects
  - crop: {size: 24}
"""


def trained(path, *more, ranks=0, **how):
    shutil.copy("sim.h5", path)
    r = run("train", path, "--config", "train.yml", *more, ranks=ranks, **how)
    check(r.code == 0, f"train {path} {more} on {ranks} ranks: {r}")
    return content(path, "/models")


def watch(process, text):
    """Reads messages until one has the text; those read."""
    said = ""
    while text not in said:
        line = process.stderr.readline()
        if not line:
            return said
        said += line
    return said


with Folder():
    write("tiny.yml", MODEL)
    write("train.yml", SETTINGS)
    write("sim.yml", SIM)
    works("run", "sim.yml", "sim.h5")

    # ranks
    first = trained("n0.h5", "--epochs", 3)
    check(any("/weights/c1/" in p for p in first) and any(p.endswith("/history") for p in first), f"a model was expected: {sorted(first)[:5]}")
    with h5py.File("n0.h5") as f:
        history = f["models/m/latest/history"][:]
        check(len(history) == 3 and history["loss"][2] < history["loss"][0], f"loss does not fall: {history['loss']}")
        check("checkpoint" not in f["models/m/latest"], "the checkpoint is still there")
        weights = f["models/m/latest/weights/c1/weights"][:]
        check(np.isfinite(weights).all() and weights.std() > 0, "weights are no numbers")
    for ranks in (2, 3, 4):
        same(first, trained(f"n{ranks}.h5", "--epochs", 3, ranks=ranks), f"1 and {ranks} ranks")
    clean("n3.h5")
    other = trained("seed.h5", "--epochs", 3, "--seed", 2)
    check(other != first, "another seed trains the same weights")
    r = run("train", "n0.h5", "--config", "train.yml", ranks=5)
    check(r.code == 2 and "--micro" in r.err, f"5 ranks for 4 parts of a batch: {r}")

    # an ensemble: one after another, side by side, and in groups
    one = trained("e0.h5", "--epochs", 2, "--members", 3)
    with h5py.File("e0.h5") as f:
        names = sorted(f["models"])
        check(names == ["m-1", "m-2", "m-3"], f"members are called {names}")
        check((f["models/m-1/latest/weights/c1/weights"][:] != f["models/m-2/latest/weights/c1/weights"][:]).any(), "members are alike")
    for ranks in (2, 4):
        same(one, trained(f"e{ranks}.h5", "--epochs", 2, "--members", 3, ranks=ranks), f"3 members on 1 and {ranks} ranks")

    # killed, stopped, and gone on with
    whole = {epochs: trained(f"whole{epochs}.h5", "--epochs", epochs, "--save-every", 0.0001) for epochs in (16, 66)}
    for name, number, ranks, after, more, epochs in (("kill", signal.SIGKILL, 0, 0, 2, 66), ("term", signal.SIGTERM, 0, 75, 0, 16),
                                                     ("kill2", signal.SIGKILL, 2, None, 3, 16)):
        path = f"{name}.h5"
        command = ("train", path, "--config", "train.yml", "--epochs", epochs, "--save-every", 0.0001)
        shutil.copy("sim.h5", path)
        p = start(*command, ranks=ranks)
        watch(p, "epoch 3/")
        if p.poll() is None:
            victims = ranks_of(p) if ranks else {0: p.pid}
            os.kill(victims[max(victims)], number)
        r = finish(p)
        if "75" in str(after):
            check(r.code == 75 and "--resume" in r.err, f"{name}: exit 75 expected: {r}")
        with h5py.File(path) as f:
            state = f["runs/r000002"].attrs["state"]
            check(state in (b"running", b"complete"), f"{name}: the run is {state}")
            interrupted = state == b"running"
        check(interrupted, f"{name}: was over before it could be interrupted: {r}")
        q = works("train", path, "--config", "train.yml", "--epochs", epochs, "--save-every", 0.0001, "--resume", ranks=more)
        check("epoch 1/" not in q.err, f"{name}: began anew: {q}")
        same(whole[epochs], content(path, "/models"), f"{name} and undisturbed")
        clean(path)
    shutil.copy("sim.h5", "other.h5")
    r = run("train", "kill.h5", "--config", "train.yml", "--epochs", 2, "--resume")
    check(r.code == 0, f"--resume with nothing unfinished starts anew: {r}")
done("ranks, members and interruptions train the same weights")
