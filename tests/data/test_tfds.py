"""Data sets of tensorflow-datasets: of a prepared folder, in both of its formats, and CIFAR-10's own files."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import requests

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import DataCorrupt, DataUnavailable, InvalidValue
from tfcompress.core.identity import fingerprint
from tfcompress.data import kept_rows
from tfcompress.data.prepared import resized

NUM_TRAIN, NUM_TEST = 24, 6
FORMATS = ("tfrecord", "array_record")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A small data set prepared by tensorflow-datasets itself, a folder for each format of its files.

    Image `i` is of value `i` and height 4 or 5; it is of class i % 3, and its text says "word i".
    """
    import tensorflow_datasets as tfds

    class TinyShapes(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")
        BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in ("usual", "no_keys", "only_train")]

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(None, None, 3)),
                "label": tfds.features.ClassLabel(names=["a", "b", "c"]),
                "text": tfds.features.Text(),
                "place": tfds.features.Tensor(shape=(2,), dtype=np.float32),
            }
            keys = None if self.builder_config.name == "no_keys" else ("image", "label")
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features), supervised_keys=keys
            )

        def _split_generators(self, manager):
            splits = {"train": self._generate_examples(0, NUM_TRAIN)}
            test = {"test": self._generate_examples(NUM_TRAIN, NUM_TEST)}
            return splits if self.builder_config.name == "only_train" else {**splits, **test}

        def _generate_examples(self, begin, count):
            for i in range(begin, begin + count):
                image = np.full((4 + i % 2, 5, 3), i, "uint8")
                yield i, {"image": image, "label": i % 3, "text": f"word {i}", "place": np.float32([i, -i])}

    tfds.disable_progress_bar()
    found = {}
    for name in FORMATS:
        found[name] = tmp_path_factory.mktemp(name)
        for config in ("usual", "no_keys", "only_train") if name == "tfrecord" else ("usual",):
            TinyShapes(data_dir=found[name], config=config).download_and_prepare(file_format=name)
    return found


@pytest.fixture
def tiny(folders):
    """Makes `Tfds` of the small data set, its images of one size."""

    def make(config="usual", file_format="tfrecord", **settings):
        given = {"image_size": (4, 5), **settings}
        return tfc.Tfds(f"tiny_shapes/{config}", data_dir=folders[file_format], **given)

    return make


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise requests.ConnectionError("unreachable")

    monkeypatch.setattr(requests, "head", refuse)


@pytest.mark.parametrize("file_format", FORMATS)
def test_examples_are_those_of_the_files(tiny, file_format):
    data = tiny(file_format=file_format)
    assert (data.num_train, len(data.train), len(data.test)) == (NUM_TRAIN, NUM_TRAIN, NUM_TEST)
    assert (data.num_classes, data.class_names, data.input_shape) == (3, ("a", "b", "c"), (4, 5, 3))
    assert data.task == tfc.Classification()
    images, labels = data.train.batch(range(NUM_TRAIN))
    assert (images.dtype, labels.dtype) == ("uint8", "int64")
    numbers = images[:, 0, 0, 0]
    assert sorted(numbers.tolist()) == list(range(NUM_TRAIN))
    np.testing.assert_array_equal(images, np.broadcast_to(numbers[:, None, None, None], (NUM_TRAIN, 4, 5, 3)))
    np.testing.assert_array_equal(labels, numbers % 3)
    some, _ = data.train.batch(np.array([5, 0, 5]))
    np.testing.assert_array_equal(some, images[[5, 0, 5]])
    assert sorted(data.test.batch(range(NUM_TEST))[0][:, 0, 0, 0].tolist()) == list(range(24, 30))


def test_both_formats_are_in_one_order(tiny):
    one, other = (tiny(file_format=name).train.batch(range(NUM_TRAIN))[1].tolist() for name in FORMATS)
    assert one == other


def test_examples_are_decoded_once_and_of_array_record_when_they_are_asked_for(tiny, monkeypatch):
    decoded = []
    made = lambda inputs, targets: (decoded.append(int(inputs[0])) or inputs, targets)  # noqa: E731
    data = tiny(file_format="array_record", inputs="place", transform=made)
    assert len(data.train) == NUM_TRAIN and decoded == []
    data.train.batch([3, 7])
    data.train.batch([7, 3])
    assert len(set(decoded)) == 3 >= len(decoded) - 1  # 3 and 7, and the first one for its form
    decoded.clear()
    data = tiny(inputs="place", transform=made)  # TFRecord has no order but its own
    data.train.batch([3])
    data.train.batch([7])
    assert sorted(decoded) == list(range(NUM_TRAIN))


def test_inputs_and_targets_by_name(tiny):
    data = tiny(inputs={"left": "place", "right": "label"}, targets=("place",), num_examples=5)
    assert not hasattr(data, "num_classes") and data.task is None
    inputs, (places,) = data.train.batch(range(5))
    np.testing.assert_array_equal(inputs["left"], places)
    np.testing.assert_array_equal(inputs["right"], places[:, 0] % 3)
    assert (data.num_train, len(data.test), places.dtype) == (5, 5, "float32")


def test_without_targets_where_the_data_set_has_no_supervised_keys(tiny):
    batch = tiny("no_keys", inputs="image").train.batch([0])
    assert batch[0].shape == (1, 4, 5, 3) and batch[1] is None


def test_text_becomes_numbers_by_a_function_of_ones_own(tiny):
    def tokens(text, label):
        return np.int32([len(text), int(text.split()[1])]), label

    data = tiny(inputs="text", transform=tokens)
    found, labels = data.train.batch(range(NUM_TRAIN))
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found[:, 1] % 3, labels)
    with pytest.raises(InvalidValue, match="must be numbers. Received: .*, as of text. Turn it into numbers with tra"):
        tiny(inputs="text").train.batch([0])


def test_the_error_of_a_function_of_ones_own_stays_what_it_is(tiny):
    with pytest.raises(ZeroDivisionError):
        tiny(transform=lambda image, label: (1 // 0, label)).train.batch([0])


@pytest.mark.parametrize("file_format", FORMATS)
def test_images_of_several_sizes_ask_for_one(tiny, file_format):
    data = tiny(file_format=file_format, image_size=None)
    with pytest.raises(InvalidValue, match=r"of one shape .* Received: .*\(., 5, 3\).* Use image_size=\(height, width"):
        data.train.batch(range(NUM_TRAIN))


def test_class_masks_are_resized_by_the_nearest_pixel(tiny):
    data = tiny(targets="image", image_size=(7, 9))
    images, masks = data.train.batch(range(NUM_TRAIN))
    assert images.shape == masks.shape == (NUM_TRAIN, 7, 9, 3)
    mask = np.array([[0, 9], [9, 0]], "uint8")[..., None]
    assert set(np.unique(resized(mask, (6, 6), nearest=True))) == {0, 9} < set(np.unique(resized(mask, (6, 6))))


def test_memory_holds_no_split(tiny, monkeypatch):
    written = []
    monkeypatch.setattr(kept_rows.os, "pwrite", lambda file, content, place: written.append(place) or len(content))
    tiny().train.batch([0])
    assert len(written) == NUM_TRAIN  # all are on their way to disk, and a row at a time


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"test_split": "val"}, InvalidValue, "Tfds.test_split must be a split of .*, train, test, .* Received: 'val'"),
        ({"config": "only_train"}, InvalidValue, r"only_train, train, .*: 'test'. Use train\[:80%\] to train on and"),
        ({"train_split": "train[:0]"}, InvalidValue, "Tfds.train_split must have examples"),
        ({"config": "no_keys"}, InvalidValue, "has no supervised keys. Received: None. .*: image, label, text, place"),
        ({"inputs": "picture"}, InvalidValue, "Tfds.inputs must name features of .* Received: 'picture'"),
        ({"targets": {"y": "kind"}}, InvalidValue, "Tfds.targets must name features of .* Received: 'kind'"),
        ({"image_size": (4,)}, InvalidValue, r"Tfds.image_size must be \(height, width\), or None"),
        ({"num_examples": 0}, InvalidValue, "Tfds.num_examples must be at least 1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_is_wrong_is_one_line(tiny, settings, error, words):
    with pytest.raises(error, match=words):
        tiny(**settings).require()


def test_parts_of_a_split_serve_where_there_is_one(tiny):
    data = tiny("only_train", train_split="train[:75%]", test_split="train[75%:]")
    labels = [split.batch(range(len(split)))[0][:, 0, 0, 0].tolist() for split in (data.train, data.test)]
    assert [len(each) for each in labels] == [18, 6] and sorted(sum(labels, [])) == list(range(NUM_TRAIN))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mnistt", "Received: 'mnistt'. Near it: .*mnist"),
        ("mnist:9.9.9", "Received: 'mnist:9.9.9', of which tensorflow-datasets says: .*only: 3"),
    ],
)
def test_a_name_that_is_no_data_set(name, words, tmp_path):
    with pytest.raises(InvalidValue, match=words):
        tfc.Tfds(name, data_dir=tmp_path).require()


def test_a_missing_data_set_without_network_is_told_at_once(no_network, tmp_path):
    for use in (lambda data: data.require(), lambda data: data.train, lambda data: data.num_train):
        with pytest.raises(
            DataUnavailable, match=rf"^mnist is not in {tmp_path} and could .* \(ConnectionError\). Give"
        ):
            use(tfc.Tfds("mnist", data_dir=tmp_path))
    assert tfc.Tfds("mnist", data_dir=tmp_path).identity() is None and not list(tmp_path.iterdir())


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_damaged_file_is_told(folders, file_format, tmp_path):
    shutil.copytree(folders[file_format], tmp_path / "copy")
    for path in (tmp_path / "copy").rglob("tiny_shapes-train*"):
        content = bytearray(path.read_bytes())
        content[200:-200] = bytes(len(content) - 400)
        path.write_bytes(content)
    data = tfc.Tfds("tiny_shapes/usual", data_dir=tmp_path / "copy", image_size=(4, 5))
    with pytest.raises(DataCorrupt, match="train of .*/copy/tiny_shapes/usual/1.0.0 cannot be read: .* made anew.$"):
        data.train.batch(range(NUM_TRAIN))


def test_it_is_told_by_its_files_and_settings(tiny, folders, tmp_path):
    assert fingerprint(tiny()) == fingerprint(tiny())
    assert fingerprint(tiny().train) == fingerprint(tiny().train) != fingerprint(tiny().test)
    for other in ({"image_size": (5, 5)}, {"inputs": "place"}, {"file_format": "array_record"}, {"scale": 0.5}):
        assert fingerprint(tiny(**other)) != fingerprint(tiny())
    functions = [lambda image, label: (image, label), lambda image, label: (image / 2, label)]
    assert len({fingerprint(tiny(transform=function)) for function in functions}) == 2


def test_a_model_is_trained_and_evaluated_on_it(tiny):
    data = tiny(transform=lambda image, label: (2 * np.eye(3, dtype="uint8")[label], label), scale=0.5)
    assert (data.train.batch([0])[0].max(), data.input_shape) == (2, (3,))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, kernel_initializer="zeros")])
    with pytest.raises(tfc.NoBetterThanChance, match="on 6 examples. Look at the preprocessing.*: a, b, c"):
        tfc.EvaluateOnly().apply(model, data)
    tfc.KerasFit(data, epochs=2, batch_size=8, learning_rate=0.5)(model)
    tfc.EvaluateOnly().apply(model, data)


def test_cifar10_as_it_was_prepared():
    folder = Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    if not any((folder / "cifar10").glob("*/dataset_info.json")):
        pytest.skip(f"no prepared CIFAR-10 in {folder}; name another folder in TFDS_DATA_DIR")
    data, whole = tfc.Tfds("cifar10", num_examples=20), tfc.Cifar10(num_examples=20)
    assert (tfc.Tfds("cifar10:3.0.2").num_train, data.num_train, data.num_classes) == (50_000, 20, 10)
    for ours, theirs in ((data.train, whole.train), (data.test, whole.test)):
        images, labels = ours.batch(range(20))
        np.testing.assert_array_equal(images, theirs.inputs)
        np.testing.assert_array_equal(labels, theirs.targets)


def test_texts_are_numbers_of_words_by_a_vocabulary_of_the_training_texts(folders):
    given = {"text": "text", "label": "label", "data_dir": folders["tfrecord"], "length": 3, "min_count": 1}
    data = tfc.TfdsTexts("tiny_shapes/usual", **given)
    data.require()
    assert (data.num_train, len(data.test), data.class_names) == (NUM_TRAIN, NUM_TEST, ("a", "b", "c"))
    assert data.vocabulary.words[0] == "word" and len(data.vocabulary) == 2 + 1 + NUM_TRAIN
    texts, labels = data.test.batch([0])  # "word 24", which no training text has
    assert texts.tolist() == [[2, 1, 0]] and labels.tolist() == [NUM_TRAIN % 3]
    assert len(tfc.TfdsTexts("tiny_shapes/usual", **given, num_examples=5).train) == 5
    assert fingerprint(data) == fingerprint(tfc.TfdsTexts("tiny_shapes/usual", **given))
    with pytest.raises(InvalidValue, match="TfdsTexts.text must be a text. Received: 'place'"):
        tfc.TfdsTexts("tiny_shapes/usual", **{**given, "text": "place"}).require()


def test_texts_of_known_data_sets_are_counted_without_them(tmp_path):
    assert tfc.TfdsTexts(data_dir=str(tmp_path)).num_train == 120_000
    assert tfc.TfdsTexts("imdb_reviews", data_dir=str(tmp_path), num_examples=9).num_train == 9


def test_a_spectrogram_is_a_transform_of_recordings(tiny):
    form, given = tfc.LogMel(8000, seconds=0.25), {"inputs": "place", "targets": "label", "image_size": None}
    samples, labels = tiny(**given).train.batch([3, 4])  # two samples each, i and -i
    clips = np.zeros((2, 2000), "float32")
    clips[:, 999:1001] = samples
    spectrograms, same = tiny(**given, transform=form).train.batch([3, 4])
    np.testing.assert_array_equal(same, labels)
    np.testing.assert_allclose(spectrograms, form.features(clips), atol=1e-5)
    np.testing.assert_array_equal(tiny(**given, transform=form.sound).train.batch([3, 4])[0], clips)
