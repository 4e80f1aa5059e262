"""Examples of any source on their way into a training, and what goes wrong with them."""

import traceback

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.errors import DataCorrupt, InvalidValue

NUM_EXAMPLES, BATCH_SIZE, NUM_CLASSES = 24, 4, 2
X, Y = np.eye(NUM_EXAMPLES, dtype="float32"), np.arange(NUM_EXAMPLES) % NUM_CLASSES
TEST = (X[:2], Y[:2])


def batches(num_weights=0):
    """All examples in order; those with a number from `num_weights` on count twice."""
    for begin in range(0, NUM_EXAMPLES, BATCH_SIZE):
        part = slice(begin, begin + BATCH_SIZE)
        weights = np.where(np.arange(NUM_EXAMPLES) < num_weights, 0, 1).astype("float32")
        yield (X[part], Y[part], weights[part]) if num_weights else (X[part], Y[part])


def linear():
    dense = keras.layers.Dense(NUM_CLASSES, use_bias=False, kernel_initializer="zeros")
    return keras.Sequential([keras.Input((NUM_EXAMPLES,)), dense])


def trained(train, **settings):
    """The kernel after two epochs; row i is what was learnt from example i."""
    model = linear()
    data = tfc.dataset(train, TEST, task=tfc.Classification())
    tfc.KerasFit(data, 2, BATCH_SIZE, learning_rate=0.5, momentum=0.0, **settings)(model)
    return model.get_weights()[0]


class Broken:
    """A source that cannot give its last example."""

    def __len__(self):
        return NUM_EXAMPLES

    def batch(self, indices):
        if NUM_EXAMPLES - 1 in np.asarray(indices):
            try:
                return {}["row"]
            except KeyError as error:
                raise DataCorrupt("row 23 is torn") from error
        return X[indices], Y[indices]


def broken_stream():
    yield from (Broken().batch(np.arange(begin, begin + BATCH_SIZE)) for begin in range(0, NUM_EXAMPLES, BATCH_SIZE))


@pytest.mark.parametrize("train", [Broken(), broken_stream], ids=["source", "stream"])
def test_the_error_of_a_source_is_shown_and_not_tensorflows_account_of_it(train):
    with pytest.raises(DataCorrupt, match="^row 23 is torn$") as raised:
        trained(train, stream_steps=6)
    assert isinstance(raised.value.__cause__, KeyError)
    shown = "".join(traceback.format_exception(raised.value))
    assert "InvalidArgumentError" not in shown and "UnknownError" not in shown and "in batch" in shown


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ((X[:4, :5], Y[:4]), r"one shape. Received: one of \(24,\), and then one of \(5,\). Pad"),
        ((X[:4], Y[:4], np.ones(4)), "one form. Received: one of 2 arrays, and then one of 3"),
    ],
    ids=["shape", "weights"],
)
def test_batches_of_another_form_are_refused(second, words):
    with pytest.raises(InvalidValue, match=words):
        trained(lambda: iter([(X[:4], Y[:4]), second]), stream_steps=2)


def test_a_stream_trains_as_keras_does_on_its_batches():
    by_keras = linear()
    by_keras.compile(keras.optimizers.SGD(0.5), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    by_keras.fit(X, Y, batch_size=BATCH_SIZE, epochs=2, shuffle=False, verbose=0)
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH_SIZE)
    for stream in (dataset, batches):
        found = trained(stream, stream_steps=None if stream is dataset else 6)
        np.testing.assert_allclose(found, by_keras.get_weights()[0], atol=1e-6)
    assert np.abs(found).min() > 0.01  # each example was seen


@pytest.mark.parametrize("way", ["arrays", "stream", "tf.data"])
def test_examples_of_weight_0_teach_nothing(way):
    whole = [np.concatenate(column) for column in zip(*batches(num_weights=10), strict=True)]
    ways = {
        "arrays": tuple(whole),
        "stream": lambda: batches(num_weights=10),
        "tf.data": tf.data.Dataset.from_tensor_slices(tuple(whole)).batch(BATCH_SIZE),
    }
    kernel = trained(ways[way], stream_steps=6)
    assert not kernel[:10].any() and np.abs(kernel[10:]).min() > 0.01


def test_a_stream_of_which_nobody_says_how_long_it_is():
    with pytest.raises(InvalidValue, match="KerasFit.stream_steps must say how many steps .* Use the number of its"):
        trained(batches)
    unknown = tf.data.Dataset.from_generator(batches, output_signature=(tf.TensorSpec((4, 24)), tf.TensorSpec((4,))))
    with pytest.raises(InvalidValue, match="KerasFit.stream_steps"):
        trained(unknown)


@pytest.mark.parametrize("settings", [{"augment": (tfc.Flip(),), "views": 2}, {"augment": (tfc.Mixup(0.2),)}])
def test_views_and_mixup_ask_for_examples_that_have_numbers(settings):
    with pytest.raises(InvalidValue, match="augment, views, Mixup .* Received: a stream of batches. Give arrays"):
        trained(batches, stream_steps=6, **settings)


def test_a_teachers_cache_asks_for_examples_that_have_numbers(tmp_path):
    data = tfc.dataset(batches, TEST, task=tfc.Classification())
    fit = tfc.distilled(tfc.KerasFit(data, 1, BATCH_SIZE, stream_steps=6), linear(), cache=tmp_path)
    with pytest.raises(InvalidValue, match="Received: train is a stream, whose examples have no numbers: give arrays"):
        fit(linear())


def test_a_stream_can_be_distilled_without_a_cache():
    data = tfc.dataset(batches, TEST, task=tfc.Classification())
    student = linear()
    tfc.distilled(tfc.KerasFit(data, 1, BATCH_SIZE, 0.5, stream_steps=6), linear(), student_loss_weight=1.0)(student)
    assert np.abs(student.get_weights()[0]).min() > 0.01
