"""A file that is not its model's is refused before it has a name, whoever made it; what is honest passes."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.export import converting
from tfcompress.export.written import agreement

L = keras.layers


def of(*inputs):
    inputs = inputs[0] if len(inputs) == 1 else inputs
    count = len(inputs[0]) if isinstance(inputs, tuple) else len(inputs)
    return tfc.dataset((inputs, np.zeros(count)), (inputs, np.zeros(count)))


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def network(seed, name="net", activation=None):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6,), name="x")
    hidden = L.Dense(8, activation="relu", name="hidden")(inputs)
    return keras.Model(inputs, L.Dense(3, activation=activation, name="out")(hidden), name=name)


@pytest.fixture
def impostor(monkeypatch):
    """The converter gives the file of another model, whatever it is asked for."""

    def convert_instead(content):
        monkeypatch.setattr(converting, "converted", lambda *arguments: content)

    return convert_instead


@pytest.mark.parametrize(
    ("exporter", "least"), [(tfc.Float32(), 40), (tfc.Float16(), 40), (tfc.DynamicRange(), 6), (tfc.Int8(), 6)],
    ids=lambda value: getattr(value, "mode", ""),
)  # fmt: skip
@pytest.mark.parametrize("with_data", [True, False], ids=["data", "none"])
def test_another_models_file_is_refused(exporter, least, with_data, impostor, tmp_path):
    data = of(numbers(64, 6))
    impostor(exporter.convert(network(1), data, tmp_path / "other.tflite").path.read_bytes())
    given = data if with_data or exporter.mode == "int8" else None
    with pytest.raises(tfc.ConversionFailed, match=rf"output 'out' has an SQNR of -?\d+\.\d dB.*at least {least} are"):
        exporter.convert(network(2), given, tmp_path / "model.tflite")
    assert [path.name for path in tmp_path.iterdir()] == ["other.tflite"]


def test_ranges_that_fit_only_the_examples_they_were_taken_from_are_found(tmp_path):
    inputs = numbers(100, 6)
    inputs[np.random.default_rng(0).permutation(100)[50:]] *= 20  # of the rest, ten times and more beyond the ranges
    with pytest.raises(tfc.ConversionFailed, match="at least 6 are"):
        tfc.Int8(num_representative=50).convert(network(1), of(inputs), tmp_path / "model.tflite")


def test_the_line_names_the_layer_and_what_was_right_before_it(impostor, tmp_path):
    other = network(2)
    other.get_layer("hidden").set_weights(network(1).get_layer("hidden").get_weights())
    impostor(tfc.Float32().convert(network(1), None, tmp_path / "other.tflite").path.read_bytes())
    with pytest.raises(
        tfc.ConversionFailed, match=r"the first to depart is layer 'out' \(FULLY_CONNECTED\), .* after 'hidden'"
    ):
        tfc.Float32().convert(other, None, tmp_path / "model.tflite")


def test_each_output_is_compared(impostor, tmp_path):
    def two(seed):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((6,), name="x")
        right, wrong = L.Dense(3, name="right"), L.Dense(3, name="wrong")
        model = keras.Model(inputs, [right(inputs), wrong(inputs)])
        wrong.set_weights([numbers(6, 3, seed=seed), np.zeros(3)])
        return model

    impostor(tfc.Float32().convert(two(1), None, tmp_path / "other.tflite").path.read_bytes())
    with pytest.raises(tfc.ConversionFailed, match="output 'wrong' has"):
        tfc.Float32().convert(two(2), None, tmp_path / "model.tflite")


def test_no_number_is_refused(impostor, tmp_path):
    bad = network(1)
    bad.get_layer("out").set_weights([np.full((8, 3), np.nan), np.zeros(3)])
    impostor(tfc.Float32().convert(bad, None, tmp_path / "other.tflite").path.read_bytes())  # NaN as in its model
    with pytest.raises(tfc.ConversionFailed, match="output 'out' has NaN or infinite numbers where the model has none"):
        tfc.Float32().convert(network(1), None, tmp_path / "model.tflite")


def test_a_file_that_does_not_load_is_refused(tmp_path):
    content = tfc.Float32().convert(network(1), None, tmp_path / "other.tflite").path.read_bytes()
    with pytest.raises(tfc.ConversionFailed, match="The float32 file .* does not run on the CPU. Its reason"):
        agreement.require_agreement(content[: len(content) // 2], "float32", network(1), None)


@pytest.mark.parametrize("exporter", [tfc.Float32(), tfc.Int8()], ids=lambda value: value.mode)
def test_outputs_that_are_the_same_for_each_example_are_no_error(exporter, tmp_path, remarks):
    inputs = keras.Input((6,))
    model = keras.Model(inputs, L.Dense(3, kernel_initializer="zeros", bias_initializer="ones")(inputs))
    exporter.convert(model, of(numbers(64, 6)), tmp_path / "model.tflite")
    assert remarks == []


def test_a_model_that_gives_other_outputs_at_each_call_is_said_to_be(tmp_path, remarks):
    inputs = keras.Input((6,))
    model = keras.Model(inputs, inputs + tf.random.normal(tf.shape(inputs)))
    tfc.Float32().convert(model, None, tmp_path / "model.tflite")
    assert remarks == ["The float32 file was not compared with the model, which gives other outputs at each call."]


def test_a_rough_integer_file_is_remarked_with_its_layer(tmp_path, remarks):
    """A few inputs are far larger than what is compared, so that a step of int8 is large beside the others."""
    inputs = numbers(256, 6)
    compared = np.random.default_rng(0).permutation(256)[:32]
    rare = np.setdiff1d(np.arange(256), compared)[:3]

    def with_rare(largest):
        inputs[rare] = largest
        return of(inputs.copy())

    model = network(3)
    tfc.Int8().convert(model, with_rare(3), tmp_path / "fine.tflite")
    assert remarks == []
    tfc.Int8().convert(model, with_rare(100), tmp_path / "rough.tflite")
    assert len(remarks) == 1 and remarks[0].startswith("The int8 file is rough: output 'out' has an SQNR of ")
    assert "the first to depart is layer 'hidden' (FULLY_CONNECTED)" in remarks[0]
    with pytest.raises(tfc.ConversionFailed, match="output 'out'.* layer 'hidden'"):
        tfc.Int8().convert(model, with_rare(1000), tmp_path / "noise.tflite")


def test_states_of_a_stateful_model_stay_as_they_were(tmp_path):
    inputs = keras.Input(batch_shape=(2, 5, 3))
    layer = L.LSTM(4, stateful=True)
    model = keras.Model(inputs, layer(inputs))
    model(numbers(2, 5, 3))
    before = [state.numpy() for state in layer.states]
    tfc.Float32().convert(model, None, tmp_path / "model.tflite")
    for state, then in zip(layer.states, before, strict=True):
        np.testing.assert_array_equal(state.numpy(), then)


def test_whole_numbers_must_mostly_be_the_same(impostor, tmp_path):
    def argmax(seed):
        return keras.Model((inner := network(seed)).inputs, tf.argmax(inner.outputs[0], -1))

    tfc.Float32().convert(argmax(2), None, tmp_path / "model.tflite")
    impostor(tfc.Float32().convert(argmax(1), None, tmp_path / "other.tflite").path.read_bytes())
    with pytest.raises(tfc.ConversionFailed, match="% of the numbers of output '.*' are the same"):
        tfc.Float32().convert(argmax(2), None, tmp_path / "model.tflite")


def test_token_numbers_are_drawn_from_the_rows_of_the_table(tmp_path, remarks):
    inputs = keras.Input((4,), dtype="int32")
    model = keras.Model(inputs, L.Flatten()(L.Embedding(5, 3)(inputs)))
    tfc.Float32().convert(model, None, tmp_path / "model.tflite")
    assert remarks == []


def test_it_is_cheap(trained, digits, export):
    import time

    artifact, _ = export(trained, tfc.Int8(num_representative=16))
    content = artifact.path.read_bytes()
    begin = time.process_time()
    agreement.require_agreement(content, "int8", trained, digits)
    assert time.process_time() - begin < 0.3
