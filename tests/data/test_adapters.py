"""Whatever examples come in gives the same examples."""

import typing

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.errors import DataUnavailable, InvalidValue
from tfcompress.core.examples.nests import leaves, mapped
from tfcompress.core.examples.source import Stream, taken
from tfcompress.data.adapters import as_source

X, Y = np.arange(12, dtype="uint8").reshape(6, 2), np.arange(6) % 3


class Torchlike:
    def __len__(self):
        return 6

    def __getitem__(self, index):
        if index >= 6:
            raise IndexError
        return X[index], Y[index]


class TfdsLike(Torchlike):
    def __getitem__(self, index):
        return {"image": X[index], "label": Y[index], "id": index}


class Batches(keras.utils.Sequence):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[3 * index : 3 * index + 3], Y[3 * index : 3 * index + 3]


class Loader:
    """As a torch DataLoader: it gives batches, has a length, and takes no numbers."""

    class Tensor:
        def __init__(self, array):
            self.array = array

        def __array__(self, dtype=None, copy=None):
            return self.array

    def __len__(self):
        return 3

    def __iter__(self):
        return iter([[self.Tensor(x), self.Tensor(y)] for x, y in generator()])


class LoaderOfStream(Loader):
    def __len__(self):
        raise TypeError("IterableDataset has no len()")


def py_dataset(**settings):
    """A data set of Keras 3, which is another class than that of tf_keras."""
    import keras as keras_3

    class PyBatches(keras_3.utils.PyDataset):
        __len__, __getitem__ = Batches.__len__, Batches.__getitem__

    class Endless(PyBatches):
        num_batches = None

    return (Endless if settings else PyBatches)()


def generator():
    return ((X[i : i + 2], Y[i : i + 2]) for i in range(0, 6, 2))


def tensors():
    return ((tf.constant(x), tf.constant(y)) for x, y in generator())


KINDS = {
    "arrays": lambda: (X, Y),
    "a dict of arrays": lambda: {"x": X, "y": Y},
    "torch": Torchlike,
    "tfds": TfdsLike,
    "a list of examples": lambda: list(zip(X, Y, strict=True)),
    "Sequence": Batches,
    "PyDataset": py_dataset,
    "loader": Loader,
    "loader without a length": LoaderOfStream,
    "generator": lambda: generator,
    "generator of tensors": lambda: tensors,
    "generator of dicts": lambda: lambda: ({"x": x, "y": y} for x, y in generator()),
    "tf.data": lambda: tf.data.Dataset.from_tensor_slices((X, Y)).batch(4),
    "tf.data of dicts": lambda: tf.data.Dataset.from_tensor_slices({"image": X, "label": Y}).batch(4),
    "tf.data of a generator": lambda: tf.data.Dataset.from_generator(
        generator, output_signature=(tf.TensorSpec((None, 2), tf.uint8), tf.TensorSpec((None,), tf.int64))
    ),
}
NUM_BATCHES = {"Sequence": 2, "PyDataset": 2, "loader": 3, "tf.data": 2, "tf.data of dicts": 2}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_examples_and_keeps_their_dtype(kind):
    source = as_source(KINDS[kind](), "dataset.train")
    split = taken(source, 6, lambda count, most: np.arange(count))
    np.testing.assert_array_equal(split.inputs, X)
    np.testing.assert_array_equal(split.targets, Y)
    assert (split.inputs.dtype, split.targets.dtype) == ("uint8", "int64")
    if isinstance(source, Stream):  # again, from the beginning
        assert taken(source, 2, None).targets.tolist() == [0, 1]
        assert source.num_batches == NUM_BATCHES.get(kind)
    else:
        assert source.batch([4, 1])[1].tolist() == [1, 1]


@pytest.mark.parametrize("kind", ["arrays", "examples", "batches", "tf.data"])
def test_nests_tokens_and_weights_come_through(kind):
    inputs = {"tokens": np.arange(12, dtype="int32").reshape(6, 2), "image": np.zeros((6, 2, 2, 1), "uint8")}
    targets, weights = (np.arange(6.0), np.arange(6, dtype="int64")), np.linspace(0, 1, 6, dtype="float32")
    value = (inputs, targets, weights)
    examples = [mapped(lambda array: array[i], value) for i in range(6)]  # noqa: B023
    kinds = {
        "arrays": value,
        "examples": examples,
        "batches": lambda: iter([mapped(lambda array: array[:3], value), mapped(lambda array: array[3:], value)]),
        "tf.data": tf.data.Dataset.from_tensor_slices(value).batch(3),
    }
    found = taken(as_source(kinds[kind], "dataset.train"), 6, lambda count, most: np.arange(count))
    assert list(found.inputs) == ["tokens", "image"] or kind == "tf.data"
    for one, other in zip(
        leaves((found.inputs["tokens"], found.inputs["image"], found.targets, found.weights)),
        leaves((inputs["tokens"], inputs["image"], targets, weights)),
        strict=True,
    ):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_a_source_of_tensorflow_datasets(tmp_path):
    """A real one, of files in ArrayRecord: it is a collections.abc.Sequence, which Keras's is not."""
    import tensorflow_datasets as tfds

    with tfds.testing.mock_data(num_examples=5, policy=tfds.testing.MockPolicy.USE_CODE):
        train, test = tfds.data_source("mnist", split=["train", "test"], data_dir=tmp_path)
    data = tfc.dataset(train, test)
    images, labels = data.train.batch(range(5))
    assert (images.shape, images.dtype, labels.shape, len(data.test)) == ((5, 28, 28, 1), "uint8", (5,), 5)
    np.testing.assert_array_equal(images[3], train[3]["image"])
    labels_alone = tfc.dataset(train, test, keys=("label", "image"))
    assert labels_alone.train.batch([0])[0].shape == (1,)


class Pair(typing.NamedTuple):
    left: typing.Any
    right: typing.Any


def test_named_tuples_stay_named():
    data = as_source((Pair(X, Y), Y), "dataset.train")
    assert data.batch([1])[0].right.tolist() == [1]


def test_an_npz_file(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    assert as_source(tmp_path / "a.npz", "train").targets.tolist() == Y.tolist()
    (tmp_path / "b.npz").write_bytes(b"no archive")
    with pytest.raises(InvalidValue, match="must be an .npz file with x and y"):
        as_source(str(tmp_path / "b.npz"), "train")
    with pytest.raises(DataUnavailable, match="must be a file that is there"):
        as_source(tmp_path / "c.npz", "test")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (generator(), "which is read once. Give the function that makes it"),
        (tf.data.Dataset.from_tensor_slices((X, Y)), r"Add .batch\(64\)"),
        (tf.data.Dataset.from_tensor_slices((np.zeros((6, 8, 8, 3)), np.zeros((6, 4)))), r"Add .batch\(64\)"),
        (3, "dataset.train must be arrays"),
        (lambda: iter([{"a": 1}]), "dataset.keys must name inputs and targets among a"),
        (([0, 1], [1, 0]), "dataset.train must hold arrays, .* Received: one element of type int"),
        (lambda: iter([(X[0], 1)]), "dataset.train must hold arrays, .* of type int"),
        ([(np.zeros(2), 0), (np.zeros(3), 0)], r"examples of one shape. Received: one of \(2,\), and one of \(3,\)"),
    ],
    ids=["a generator", "no batches", "no batches of images", "a number", "keys", "lists", "examples", "shapes"],
)
def test_what_cannot_be_examples_is_told_in_one_line(value, words):
    with pytest.raises(InvalidValue, match=words):
        taken(as_source(value, "dataset.train"), 6, lambda count, most: np.arange(count))


def endless(kind):
    return py_dataset(endless=True) if kind == "PyDataset" else KINDS["tf.data"]().repeat()


@pytest.mark.parametrize("kind", ["tf.data", "PyDataset"])
def test_without_an_end_one_can_train_and_not_evaluate(kind):
    assert as_source(endless(kind), "dataset.train").num_batches is None
    with pytest.raises(
        InvalidValue, match="dataset.test must have an end. Received: a .*(repeats|num_batches is None)"
    ):
        tfc.dataset((X, Y), endless(kind))


def test_a_stream_to_test_on_is_read_once_to_disk():
    data = tfc.dataset((X, Y), generator, task=tfc.Classification())
    assert (len(data.test), data.num_train, data.test.targets.tolist()) == (6, 6, Y.tolist())
    assert data.task == tfc.Classification()


@pytest.mark.parametrize("test", [(X, Y), generator, Torchlike()], ids=["arrays", "generator", "torch"])
def test_only_the_first_examples_where_asked(test):
    data = tfc.dataset((X, Y), test, num_examples=3)
    assert (data.num_train, len(data.test), data.test.batch(range(3))[1].tolist()) == (3, 3, [0, 1, 2])


def test_the_first_examples_of_a_stream_are_so_many_batches():
    assert tfc.dataset(Batches(), (X, Y), num_examples=4).train.num_batches == 2
    assert tfc.dataset(Batches(), (X, Y), num_examples=3).train.num_batches == 1
    assert tfc.dataset(generator, (X, Y), num_examples=3).train.num_batches is None


def test_a_split_without_examples_is_refused():
    with pytest.raises(tfc.InvalidValue, match="dataset.test must have examples. Received: none"):
        tfc.dataset((np.zeros((2, 3)), np.zeros(2)), (np.zeros((0, 3)), np.zeros(0)))
