"""Ten tiny models with one planted fault each, their healthy twins, and what following the advisor makes of them.

They are untrained, or trained for a few steps: what is planted is known to be there, and nothing else is wrong.
"""

import dataclasses
import functools

import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed, tf

SIZE = 16
DB, MS, MS_BUILTIN, BYTES, ACCURACY = "dB", "ms", "ms, built-in kernels", "zipped bytes", "accuracy"


@dataclasses.dataclass(frozen=True)
class Case:
    """A model, its data and how it is exported; what is wrong with it, and the figure that shows it.

    `cause` is what the advisor should say first, "" of a healthy one; `named` must be in the first sentence.
    """

    name: str
    cause: str
    named: str
    figure: str
    model: object
    data: object
    exporter: object


def images(num, size=SIZE, channels=3, seed=0):
    """Smooth random images around zero: what one pixel says its neighbours say too."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(num, 4, 4, channels)).astype("float32")
    return np.asarray(tf.image.resize(coarse, (size, size)))


def split(inputs, targets=None, **settings):
    """A training and a test half."""
    targets = np.zeros(len(inputs), "int64") if targets is None else targets
    half = len(inputs) // 2
    return tfc.dataset((inputs[:half], targets[:half]), (inputs[half:], targets[half:]), **settings)


def network(body, channels=3, size=SIZE, classes=6):
    """`body` between an image and class scores."""
    set_seed(0)
    inputs = keras.Input((size, size, channels), name="image")
    x = body(inputs)
    return keras.Model(inputs, keras.layers.Dense(classes, name="scores")(keras.layers.Flatten(name="flat")(x)))


def conv(filters, name, size=3, activation="relu", **settings):
    return keras.layers.Conv2D(filters, size, padding="same", activation=activation, name=name, **settings)


def mean(name="mean"):
    return keras.layers.GlobalAveragePooling2D(name=name)


@functools.cache
def pictures():
    return split(images(192))


def outlier_channel(factor=40.0):
    """A channel of both signs, 40 times as large as the others, which the next layer takes back."""
    model = network(lambda x: mean()(conv(12, "second", strides=2)(conv(8, "first", activation="linear")(x))))
    first, second = model.get_layer("first"), model.get_layer("second")
    gain = np.ones(8, "float32")
    gain[3] = factor
    first.kernel.assign(first.kernel * gain)
    second.kernel.assign(second.kernel / gain[:, None])
    return model


def depthwise(factor=20.0):
    """A depthwise kernel that finds edges, large, beside ones that blur, small: their outputs are alike."""

    def body(x):
        x = conv(8, "first", 1, "linear")(x)
        x = keras.layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
        return mean()(conv(12, "pointwise", 1)(keras.layers.ReLU(name="rectified")(x)))

    model = network(body)
    edge = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], "float32") / 4
    kernel = np.random.default_rng(3).uniform(0, 0.2, (3, 3, 8, 1)).astype("float32")
    kernel[:, :, 0, 0] = factor * edge
    model.get_layer("depthwise").depthwise_kernel.assign(kernel)
    pointwise = model.get_layer("pointwise").kernel
    pointwise.assign(pointwise * np.where(np.arange(8) == 0, 0.25, 1.0)[:, None].astype("float32"))
    return model


def dim_and_bright():
    """Images of which most are dim."""
    brightness = np.exp(np.random.default_rng(1).normal(0, 0.5, (192, 1, 1, 1)).clip(-1, 0.6)).astype("float32")
    return split(images(192) * brightness)


def plain():
    return network(lambda x: mean()(conv(12, "second", strides=2)(conv(8, "first")(x))))


def activated(kind, size=1):
    """Three convolutions of 32x32 pixels with an activation between them."""

    def body(x):
        for number in range(3):
            x = conv(16, f"conv{number}", size, "linear")(x)
            x = keras.layers.Activation(kind, name=f"act{number}")(x)
        return mean()(x)

    return network(body, 8, 32)


def residual(bounded=False, factor=70.0):
    """A branch that fires rarely, and then strongly, added to what it comes from; what follows stops at 6."""

    def body(x):
        x = conv(8, "stem")(x)
        branch = conv(8, "branch", 1, "linear")(conv(8, "gate", 1, "relu6")(x))
        x = keras.layers.Add(name="sum")([x, branch])
        if bounded:
            x = keras.layers.ReLU(6.0, name="bounded")(x)
        return mean()(conv(12, "head", strides=2, activation="relu6")(x))

    model = network(body)
    one = np.eye(8, dtype="float32")[None, None]
    model.get_layer("gate").kernel.assign(30 * one)
    model.get_layer("gate").bias.assign(np.full(8, -57, "float32"))
    model.get_layer("branch").kernel.assign(factor * one)
    return model


def pooled(pool):
    """An average over the whole of an 8x8 image of features that are mostly zero."""
    model = network(lambda x: pool(conv(12, "second")(conv(8, "first", strides=2)(x))))
    model.get_layer("second").bias.assign(np.full(12, -0.6, "float32"))
    return model


def lookup(num_words=3000, width=32):
    set_seed(0)
    words = keras.Input((12,), dtype="int32", name="words")
    x = keras.layers.Embedding(num_words, width, name="table")(words)
    x = keras.layers.GlobalAveragePooling1D(name="mean")(x)
    return keras.Model(words, keras.layers.Dense(4, name="scores")(x))


def texts(num_words=3000):
    return split(np.random.default_rng(0).integers(0, num_words, (192, 12)).astype("int32"))


@functools.cache
def blobs(classes=6):
    """Images of pixels from 0 to 1 that show their class."""
    rng = np.random.default_rng(0)
    targets = np.arange(384) % classes
    patterns = images(classes, seed=5)
    x = 0.5 + 0.2 * (patterns[targets] + 0.7 * images(384, seed=6)).clip(-2.4, 2.4)
    order = rng.permutation(384)
    return x[order].astype("float32"), targets[order]


@functools.cache
def classifier():
    """Trained for a few steps on pixels from 0 to 1."""
    inputs, targets = blobs()

    def body(x):
        x = keras.layers.Rescaling(4.0, -2.0, name="centred")(x)
        return mean()(conv(12, "second", strides=2)(conv(8, "first", activation="tanh")(x)))

    model = network(body)
    data = split(inputs, targets, task=tfc.Classification())
    return tfc.Train().apply(model, tfc.KerasFit(data, epochs=12, optimizer="adam", learning_rate=0.02))


ORDER = np.array([2, 0, 3, 1, 5, 4])  # of class labels in another program's alphabet


def classified(change=None, order=None):
    inputs, targets = blobs()
    inputs = inputs if change is None else change(inputs).astype("float32")
    targets = targets if order is None else order[targets]
    return split(inputs, targets, task=tfc.Classification())


INT8 = tfc.Int8()


CASES = {
    "two-sided outlier channel": lambda: ("outlier channel", "first", DB, outlier_channel(), pictures(), INT8),
    "unequal depthwise ranges": lambda: (
        *("unequal kernel ranges", "depthwise", DB),
        *(depthwise(), pictures(), tfc.Int8(per_channel=False)),
    ),
    "saturated calibration": lambda: (
        *("calibration", "test examples", DB),
        *(plain(), dim_and_bright(), tfc.Int8(num_representative=6, seed=1)),
    ),
    "float island": lambda: ("float island", "ELU", MS_BUILTIN, activated("elu"), wide(), INT8),
    "swish": lambda: ("swish", "swish", MS, activated("swish"), wide(), INT8),
    "unbounded residual": lambda: ("unbounded residual", "sum", DB, residual(), pictures(), INT8),
    "8x8 pooling": lambda: ("pooling", "pool", DB, pooled(window()), pictures(), INT8),
    "huge embedding": lambda: ("large embedding", "table", BYTES, lookup(), texts(), INT8),
    "wrong input scale": lambda: (
        *("input scale", "divided by 255", ACCURACY),
        *(classifier(), classified(change=lambda x: 255 * x), INT8),
    ),
    "labels in another order": lambda: (
        *("label order", "another order", ACCURACY),
        *(classifier(), classified(order=ORDER), INT8),
    ),
}


def case(name):
    """The case of this name, made now."""
    return Case(name, *CASES[name]())


def window():
    return keras.layers.AveragePooling2D(8, name="pool")


@functools.cache
def wide():
    return split(images(96, 32, 8))


def followed(case):
    """The same case with its first advice followed."""
    changes = {
        "two-sided outlier channel": lambda: {"model": tfc.Equalize().apply(case.model)},
        "unequal depthwise ranges": lambda: {"exporter": tfc.Int8(per_channel=True)},
        "saturated calibration": lambda: {"exporter": tfc.Int8(num_representative=256)},
        "float island": lambda: {"model": activated("relu")},
        "swish": lambda: {"model": activated("relu6")},
        "unbounded residual": lambda: {"model": residual(bounded=True)},
        "8x8 pooling": lambda: {"model": pooled(mean("pool"))},
        "huge embedding": lambda: {"exporter": tfc.Int8(embedding_bits=4)},
        "wrong input scale": lambda: {"data": classified()},
        "labels in another order": lambda: {"data": classified(order=np.arange(6))},
    }
    return dataclasses.replace(case, cause="", **changes[case.name]())


# They look like the faulty ones, and have no fault: of these the advisor says nothing.
HEALTHY = {
    "plain": lambda: (plain(), pictures()),
    "a channel four times as large": lambda: (outlier_channel(4.0), pictures()),
    "unequal ranges, a scale each": lambda: (depthwise(), pictures()),
    "dim and bright, all seen": lambda: (plain(), dim_and_bright()),
    "swish beside many MACs": lambda: (activated("swish", 5), wide()),
    "a residual of its own size": lambda: (residual(factor=0.5), pictures()),
    "an average with its own scale": lambda: (pooled(mean("pool")), pictures()),
    "a small table": lambda: (lookup(60, 8), texts(60)),
    "the right scale and order": lambda: (classifier(), classified()),
}


def healthy(name):
    """The healthy model of this name, made now."""
    return Case(name, "", "", "", *HEALTHY[name](), INT8)
