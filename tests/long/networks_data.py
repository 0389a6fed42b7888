"""networks_data.py – published networks with published answers: three MobileNets on the image stored with each, and a LeNet of Keras on patches of
HeLa cells. The data are not ours to ship: $C5_DATA names the folder that holds weights-imagenet-mobilenet/ and hela-dic-lenet/ (skipped without).

    C5_DATA=... CYTO5=build/release/cyto5 python3 tests/long/networks_data.py [--device cuda]"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from support import Folder, check, done, h5py, np, works  # noqa: E402

DATA = os.environ.get("C5_DATA", "")
MOBILE, LENET = os.path.join(DATA, "weights-imagenet-mobilenet"), os.path.join(DATA, "hela-dic-lenet")
HOW = ["--device", sys.argv[sys.argv.index("--device") + 1]] if "--device" in sys.argv else []
if not (os.path.isdir(MOBILE) and os.path.isdir(LENET)):
    print("skipped: $C5_DATA does not name the folder with weights-imagenet-mobilenet and hela-dic-lenet")
    sys.exit(77)


def apply(address, x, *how):
    np.save("x.npy", np.ascontiguousarray(x))
    works("model", "apply", address, "x.npy", "y.npy", "--force", *HOW, *how)
    return np.load("y.npy")


def mobilenets():
    for name in ("mobilenet_v1_0.25_128", "mobilenet_v1_0.5_160", "mobilenet_v2_1.0_224"):
        file = os.path.join(MOBILE, name + "_dequant.h5")
        works("model", "import", file, f"all.h5:{name}")
        with h5py.File(file, "r") as f:
            x, want = f["test/input"][:], f["test/softmax"][:]
        got = apply(f"all.h5:{name}", x[None], "--channels-last", "--batch", 1)[0]
        worst = np.abs(got - want).max()
        check(worst < 1e-3 and got.argmax() == want.argmax(), f"{name}: differs by {worst}, sees {got.argmax()}, expected {want.argmax()}")
        print(f"{name}: softmax within {worst:.1e}, class {got.argmax()}")


def lenet():
    works("model", "import", os.path.join(LENET, "lenet-model.h5"), "all.h5:lenet", "--names", "dic", "--divide", 255)
    patches, truth, late = [], [], []
    with h5py.File(os.path.join(LENET, "patches_20x20.h5"), "r") as f:
        for k in f:
            patches.append(f[k][:])
            truth += [int(f[k].attrs["class_index"])] * len(patches[-1])
            late += [i >= 1000 for i in range(len(patches[-1]))]
    x = np.pad(np.concatenate(patches), ((0, 0), (6, 6), (6, 6))).astype(np.float32)[:, None] / 255
    right = apply("all.h5:lenet", x, "--batch", 128).argmax(1) == np.array(truth)
    late = np.array(late)
    print(f"lenet: {right[late].sum()} of {late.sum()} ({right[late].mean():.4f}); of all {len(right)}: {right.mean():.4f}")
    check(right[late].sum() == 855 and late.sum() == 866 and round(float(right.mean()), 4) == 0.9966, "lenet: not the published answers")


with Folder():
    mobilenets()
    lenet()
done()
