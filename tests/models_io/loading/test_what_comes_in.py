"""The kinds of models that come in, a row each."""

from pathlib import Path

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras as keras2
from tfcompress.backend.tensorflow import tfmot
from tfcompress.core.remarks import collecting
from tfcompress.layers.twins import keras3 as import_keras3

keras3 = import_keras3()
BOTH = {"Keras 2": keras2, "Keras 3": keras3}
INPUTS = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")


def stack(keras, *widths):
    return keras.Sequential([keras.layers.Dense(width, activation="relu") for width in widths])


def functional(keras):
    inputs = keras.Input((6,))
    return keras.Model(inputs, keras.layers.Dense(3)(inputs))


def sequential(keras):
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(5), keras.layers.Dense(3)])


def sequentials_in_a_sequential(keras):
    return keras.Sequential([keras.Input((6,)), stack(keras, 5, 4), stack(keras, 3)])


def subclassed(keras):
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.logits = keras.layers.Dense(5), keras.layers.Dense(3)

        def call(self, x):
            return self.logits(self.hidden(x))

    return Subclassed()


def sequentials_in_a_subclassed_one(keras):
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.body = keras.Sequential([stack(keras, 5, 4), keras.layers.Dense(4)])
            self.head = stack(keras, 3)

        def call(self, x):
            return self.head(self.body(x))

    return Subclassed()


def subclassed_block_in_a_functional_one(keras):
    class Block(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.wide, self.narrow = keras.layers.Dense(8, activation="relu"), keras.layers.Dense(6)

        def build(self, shape):
            self.wide.build(shape)
            self.narrow.build((*shape[:-1], 8))
            super().build(shape)

        def call(self, x):
            return x + self.narrow(self.wide(x))

        def get_config(self):
            return super().get_config()

    inputs = keras.Input((6,))
    return keras.Model(inputs, keras.layers.Dense(3)(Block(name="block")(inputs)))


def subclassed_model_in_a_functional_one(keras):
    inputs = keras.Input((6,))
    return keras.Model(inputs, keras.layers.Dense(2)(subclassed(keras)(inputs)))


def with_a_train_step(keras):
    class Trained(keras.Model):
        def train_step(self, data):
            return {}

    inputs = keras.Input((6,))
    return Trained(inputs, keras.layers.Dense(3)(inputs), name="trained")


ROWS = (
    *(functional, sequential, sequentials_in_a_sequential, subclassed, sequentials_in_a_subclassed_one),
    *(subclassed_block_in_a_functional_one, subclassed_model_in_a_functional_one, with_a_train_step),
)


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_it_comes_in_flat_and_equal(row, version):
    model = row(BOTH[version])
    expected = np.asarray(model(INPUTS))
    report = tfc.load_with_report(model)
    np.testing.assert_allclose(report.model(INPUTS), expected, atol=1e-5)
    assert type(report.model).__module__.startswith("tf_keras.")
    assert not any(isinstance(layer, keras2.Model) for layer in report.model.layers)


@pytest.mark.parametrize("version", BOTH)
def test_a_train_step_of_its_own_is_said_to_stay_behind(version):
    with collecting() as said:
        made = tfc.load_model(with_a_train_step(BOTH[version]))
    assert said[0].startswith("trained has a train_step of its own, which is not part of what is loaded")
    assert type(made).train_step is keras2.Model.train_step
    with collecting() as said:
        tfc.load_model(functional(BOTH[version]))
    assert not any("train_step" in sentence for sentence in said)


def wrapped_by(how):
    model = keras2.Sequential(
        [keras2.layers.Dense(8, input_shape=(6,), name="hidden"), keras2.layers.Dense(3, name="out")], name="net"
    )
    if how == "pruning":
        constant = tfmot.sparsity.keras.ConstantSparsity(0.5, 0, frequency=1)
        wrapped = tfmot.sparsity.keras.prune_low_magnitude(model, constant)
        callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]
    elif how == "clustering":
        start = tfmot.clustering.keras.CentroidInitialization.LINEAR
        wrapped = tfmot.clustering.keras.cluster_weights(model, 4, cluster_centroids_init=start)
        callbacks = []
    else:
        wrapped, callbacks = tfmot.quantization.keras.quantize_model(model), []
    wrapped.compile("sgd", "mse")
    wrapped.fit(INPUTS, np.zeros((4, 3)), verbose=0, callbacks=callbacks)
    return wrapped


@pytest.mark.parametrize(
    ("how", "is_kept"),
    [
        ("pruning", lambda kernel: np.mean(kernel == 0) == 0.5),
        ("clustering", lambda kernel: len(np.unique(kernel)) <= 4),
    ],
    ids=["pruning", "clustering"],
)
def test_tfmots_wrappers_come_off_and_what_they_made_stays(how, is_kept):
    wrapped = wrapped_by(how)
    with collecting() as said:
        report = tfc.load_with_report(wrapped)
    assert said == [sentence for sentence in said if f"wrappers for {how} were taken off" in sentence] and said
    assert [layer.name for layer in report.model.layers if layer.weights] == ["hidden", "out"]
    assert is_kept(report.model.get_layer("hidden").kernel.numpy())
    np.testing.assert_allclose(report.model(INPUTS), wrapped(INPUTS), atol=1e-5)
    assert len(wrapped.get_layer(index=1).weights) > 2  # the wrapped one is left as it was


def test_a_quantization_aware_model_stays_one():
    wrapped = wrapped_by("quantization")
    made = tfc.load_model(wrapped)
    np.testing.assert_array_equal(made(INPUTS), wrapped(INPUTS))
    assert [layer.name for layer in made.layers if layer.weights] == [
        each.name for each in wrapped.layers if each.weights
    ]


def test_a_model_that_is_annotated_and_not_quantized_is_told_what_to_do(message):
    model = keras2.Sequential([keras2.layers.Dense(3, input_shape=(6,))], name="net")
    marked = tfmot.quantization.keras.quantize_annotate_model(model)
    said = message(tfc.UnsupportedModel, lambda: tfc.load_model(marked))
    assert said.startswith("load_model: 'net' must be a whole model.") and "quantize_apply" in said


# Written by Keras 3.15.1 under JAX 0.10.2 and PyTorch 2.13.0; what it predicted of two images of numbers from 0 to 1.
OF_OTHER_BACKENDS = {
    "jax": [[0.150212, 0.086671, -0.293089], [0.160913, -0.03398, -0.224566]],
    "torch": [[0.115503, 1.242567, 0.32639], [0.408715, 2.204750, 0.497115]],
}


@pytest.mark.parametrize("backend", OF_OTHER_BACKENDS)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_that_keras_3_wrote_under_another_backend_comes_in(backend, suffix):
    images = np.linspace(0, 1, 2 * 64).reshape(2, 8, 8, 1).astype("float32")
    loaded = tfc.load_model(Path(__file__).parent / "files" / f"{backend}{suffix}")
    np.testing.assert_allclose(loaded(images), OF_OTHER_BACKENDS[backend], atol=1e-5)
