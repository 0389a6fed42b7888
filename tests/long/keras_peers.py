"""keras_peers.py – Keras itself against `cyto5 model`: networks of keras.applications with shaken weights, saved by Keras in each
of its layouts, read and put to work by cyto5; and the networks that ship, written by cyto5, loaded and put to work by Keras. Both must say the same.
Not part of the suite, as it needs PyPI:

    python3 -m venv V && V/bin/pip install tensorflow-cpu h5py            # Keras 3
    CYTO5=build/release/cyto5 V/bin/python tests/long/keras_peers.py
    V/bin/pip install tf_keras && CYTO5=... V/bin/python tests/long/keras_peers.py --tf-keras     # Keras 2
"""
import os
import sys

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="", TF_ENABLE_ONEDNN_OPTS="0")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
try:
    import numpy as np
    if "--tf-keras" in sys.argv:
        import tf_keras as keras
    else:
        import keras
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

from support import Folder, check, done, run, works  # noqa: E402

L = keras.layers
OLD = keras.__version__.startswith("2")
rng = np.random.default_rng(3)
LIMIT = 600


def shake(model):
    """Numbers that make every layer matter and let nothing grow beyond bounds."""
    for v in model.weights:
        name, a = v.name, np.asarray(v)
        if "variance" in name or "gamma" in name:
            v.assign(rng.uniform(0.7, 1.4, a.shape))
        elif a.ndim > 1:
            v.assign(rng.normal(0, np.sqrt(1.6 / np.prod(a.shape[:-1])), a.shape))
        else:
            v.assign(rng.normal(0, 0.1, a.shape))


def answers(model):
    """Images and what Keras says of them, its last layer turned down until it is sure of nothing: a net that is sure hides every difference."""
    x = rng.normal(size=(4,) + model.input_shape[1:]).astype(np.float32)
    for _ in range(40):
        want = model.predict(x, verbose=0)
        if want.ndim > 2 or np.ptp(want, axis=0).max() > 1e-3 and want.max(-1).max() < 0.95:
            return x, want
        last = [v for v in model.weights if np.asarray(v).ndim > 1][-1]
        last.assign(np.asarray(last) * (0.5 if want.max() > 0.9 else 1.5))
    check(False, f"{model.name}: no telling example found")
    return x, want


def same(got, want, what, bound=2e-5):
    worst = np.abs(got - want).max() / max(1e-3, np.abs(want).max())
    check(got.shape == want.shape and worst < bound, f"{what}: {got.shape} {want.shape}, differs by {worst}")
    print(f"{what:42s} {worst:.1e}", flush=True)


def apply(address, x):
    np.save("x.npy", x)
    works("model", "apply", address, "x.npy", "y.npy", "--channels-last", "--force", "--batch", 4, "--device", "cpu", limit=LIMIT)
    return np.load("y.npy")


def both_ways(name, model, files):
    shake(model)
    x, want = answers(model)
    model.save("model.h5")
    model.save_weights("alone.weights.h5")
    model.save("model.keras")
    for file in files:
        # a list of layers without architecture is read into the one just taken in
        how = ["--architecture", f"all.h5:{name}"] if file == "alone.weights.h5" else []
        works("model", "import", file, f"all.h5:{name}" if not how else f"all.h5:{name}.alone", *how, limit=LIMIT)
        same(apply(f"all.h5:{name}" if not how else f"all.h5:{name}.alone", x), want, f"{name} from {file}")
    works("model", "export", f"all.h5:{name}", "back.h5", "--force", limit=LIMIT)
    back = keras.models.load_model("back.h5", compile=False)
    same(back.predict(x, verbose=0), want, f"{name} back in Keras")
    if not OLD:
        shake(back)
        works("model", "export", f"all.h5:{name}", "back.weights.h5", "--force", limit=LIMIT)
        back.load_weights("back.weights.h5")
        same(back.predict(x, verbose=0), want, f"{name}, its weights alone back in Keras")


def small():
    m = keras.Sequential([L.Input((17, 14, 3)), L.Conv2D(8, (3, 2), strides=(2, 1), padding="same", activation="relu"),
                          L.AveragePooling2D(3, 2, "same"), L.BatchNormalization(scale=False), L.ELU(0.7), L.Flatten(),
                          L.BatchNormalization(center=False), L.Dense(5, activation="softmax")])
    both_ways("chain", m, ["model.h5", "model.keras"])
    i = L.Input((16, 20, 4))
    a = L.Conv2D(6, 3, dilation_rate=2, padding="same", groups=2 if not OLD else 1)(i)
    b = L.Conv2DTranspose(6, 3, strides=2, padding="same")(L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)(i))
    c = L.GroupNormalization(3)(L.Add()([a, b]))
    c = L.Concatenate()([L.UpSampling2D(2, interpolation="bilinear")(L.MaxPooling2D(2)(c)), L.UpSampling2D(2)(L.MaxPooling2D(2)(i))])
    c = L.LeakyReLU(0.2)(L.Conv2DTranspose(4, 2, strides=2)(c))
    both_ways("graph", keras.Model(i, L.Conv2D(2, 1, activation="sigmoid")(c)), ["model.h5", "model.keras", "alone.weights.h5"])
    i = L.Input((9, 5))
    m = keras.Model(i, L.Dense(3, activation="softmax")(L.LSTM(7)(L.LSTM(6, return_sequences=True)(i))))
    both_ways("steps", m, ["model.h5", "model.keras", "alone.weights.h5"])


def applications():
    a = keras.applications
    for name, make, size in (("MobileNet", a.MobileNet, 64), ("MobileNetV2", a.MobileNetV2, 64), ("ResNet50", a.ResNet50, 64),
                             ("DenseNet121", a.DenseNet121, 64), ("Xception", a.Xception, 96), ("InceptionV3", a.InceptionV3, 96)):
        keras.backend.clear_session()
        both_ways(name, make(weights=None, input_shape=(size, size, 3), classes=11), ["model.h5", "model.keras"])
    for make, text in ((a.EfficientNetB0, "(Rescaling): there is no such layer here"),
                       (a.ResNet50V2, "(MaxPooling2D): zeros put around an image before pooling")):
        keras.backend.clear_session()
        make(weights=None, input_shape=(64, 64, 3), classes=11).save("model.h5")
        r = run("model", "import", "model.h5", "all.h5:x")
        check(r.code == 3 and text in r.err, f"{text}: {r}")


def ours():
    for name, size, channels, classes, width in (("sesmo", "50x50", 3, 2, 1), ("lenet", "32x32", 1, 3, 1), ("resnet18", "64x96", 2, 5, 1),
                                                 ("resnet34", "64x64", 1, 4, 1), ("mobilenet_v1", "96x64", 3, 6, 0.5),
                                                 ("mobilenet_v2", "64x64", 3, 6, 0.75), ("unet", "48x64", 2, 3, 0.25)):
        keras.backend.clear_session()
        wide = ["--width", width] if width != 1 else []
        works("model", "new", name, f"ours.h5:{name}", "--size", size, "--channels", channels, "--classes", classes, *wide)
        works("model", "export", f"ours.h5:{name}", "ours_out.h5", "--force", limit=LIMIT)
        model = keras.models.load_model("ours_out.h5", compile=False)
        shake(model)
        x, want = answers(model)
        model.save("ours_back.h5")
        works("model", "import", "ours_back.h5", f"ours.h5:{name}.back", limit=LIMIT)
        same(apply(f"ours.h5:{name}.back", x), want, f"{name} in Keras")
        for file in ("alone.h5", "alone.weights.h5") if OLD else ("alone.weights.h5",):  # by order, into our own architecture
            model.save_weights(file)
            works("model", "import", file, f"ours.h5:{name}.alone", "--architecture", f"ours.h5:{name}", limit=LIMIT)
            same(apply(f"ours.h5:{name}.alone", x), want, f"{name}, {file}")


with Folder():
    print("Keras", keras.__version__)
    small()
    applications()
    ours()
done()
