"""Activations on few levels in a float model, and how near that is to a file of integer activations."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import InvalidValue, NothingHappened, UnsupportedModel
from tfcompress.graph.output_chain import is_rectifier
from tfcompress.measuring.measure import kernels
from tfcompress.models_io.copying import copy_model

ALL = 10_000  # more examples than there are: ranges are then those of all


def at(bits, **settings):
    return tfc.Affine(bits, symmetric=False, per_channel=False, **settings)


def rounded(model, digits, *arguments, num_examples=64, **settings):
    technique = tfc.QuantizeActivations(*arguments, num_examples=num_examples, **settings)
    return technique.apply(model, digits)


def outputs_of(model, name, inputs):
    return keras.Model(model.inputs, model.get_layer(name).output)(inputs).numpy()


def answers(model, digits, number=None):
    return model.predict(digits.model_inputs(digits.test.inputs[:number]), verbose=0)


def test_each_tensor_of_the_file_has_its_levels(trained, digits):
    after = rounded(trained, digits, at(3))
    names = [layer.name for layer in after.layers if layer.name.endswith("_rounded")]
    assert names == ["image_rounded", "conv1_rounded", "conv2_rounded", "dense1_rounded", "logits_rounded"]
    inputs = digits.model_inputs(digits.test.inputs[:100])
    for name in names:
        assert 4 <= len(np.unique(outputs_of(after, name, inputs))) <= 8, name


def test_levels_are_those_of_the_extremes_of_what_was_seen(trained, digits):
    whole = rounded(trained, digits, at(4), num_examples=ALL)
    seen = outputs_of(trained, "conv2", digits.model_inputs(digits.train.inputs))
    _, grid = at(4).quantize(seen, ())
    layer = whole.get_layer("conv2_rounded")
    assert layer.scale == pytest.approx(grid.scale[0]) and layer.zero_point == grid.zero_point[0]


def test_the_model_that_came_in_and_all_weights_are_as_they_were(trained, digits):
    before = trained.get_weights()
    after = rounded(trained, digits, at(2))
    for old, now, copied in zip(before, trained.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
        np.testing.assert_array_equal(old, copied)
    assert not any(layer.name.endswith("_rounded") for layer in trained.layers)


def test_fewer_bits_answer_worse_and_sixteen_as_well(trained, digits):
    whole = answers(trained, digits)
    errors = [
        np.abs(answers(rounded(trained, digits, at(bits), num_examples=ALL), digits) - whole).mean()
        for bits in (16, 8, 4, 2)
    ]
    assert errors == sorted(errors) and errors[0] < 1e-3 * np.abs(whole).mean() < errors[2]


def test_with_kernels_it_is_nearer_to_the_int8_file_than_the_float_model_is(trained, digits, tmp_path):
    simulated = rounded(tfc.QuantizeKernels().apply(trained), digits, num_examples=ALL)
    artifact = tfc.Int8(num_representative=ALL).convert(trained, digits, tmp_path / "model.tflite")
    (given,) = tfc.CpuXnnpack().run(artifact, digits, {}).outputs.values()
    away = {model: np.abs(given - answers(model, digits)).mean() for model in (simulated, trained)}
    assert away[simulated] < 0.8 * away[trained]


@pytest.mark.parametrize("range_by", ["percentile", "mse", "octav", "kl"])
def test_a_range_that_clips_is_no_wider(trained, digits, range_by):
    wide, narrow = (
        rounded(trained, digits, each).get_layer("conv1_rounded") for each in (at(4), at(4, range_by=range_by))
    )
    assert 0 < narrow.scale <= wide.scale * 1.001


def test_what_an_operation_has_built_in_is_not_rounded_between(digits):
    model = tfc.resnet(8, input_shape=digits.input_shape)
    after = rounded(model, digits)
    behind = {layer.name.removesuffix("_rounded") for layer in after.layers if layer.name.endswith("_rounded")}
    kinds = {type(model.get_layer(name)).__name__ for name in behind}
    assert "BatchNormalization" in kinds  # before an addition nothing rectifies
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            (reader,) = {node.layer.name for node in layer.outbound_nodes}
            assert (layer.name in behind) == (not is_rectifier(model.get_layer(reader)))
    assert not any(isinstance(model.get_layer(name), keras.layers.Conv2D) for name in behind)


def test_layers_have_their_own_quantizers_and_some_none(trained, digits):
    after = rounded(trained, digits, per_layer={"conv*": at(2), "logits": None})
    names = [layer.name for layer in after.layers]
    assert "logits_rounded" not in names
    assert after.get_layer("conv1_rounded").highest == 1 and after.get_layer("dense1_rounded").highest == 127


def test_copies_and_files_round_as_it_does(trained, digits, tmp_path):
    after = rounded(trained, digits, at(3))
    tfc.save_model(after, tmp_path / "model.keras")
    for same in (copy_model(after), tfc.load_model(tmp_path / "model.keras")):
        np.testing.assert_array_equal(answers(same, digits, 50), answers(after, digits, 50))


def test_nested_models_and_shared_layers(digits):
    layers = keras.layers
    inner_input = keras.Input((8, 8, 4))
    inner = keras.Model(inner_input, layers.Conv2D(4, 3, padding="same", name="inside")(inner_input), name="inner")
    shared = layers.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    inputs = keras.Input(digits.input_shape, name="picture")
    x = shared(inner(shared(layers.Conv2D(4, 1, name="first")(inputs))))
    model = keras.Model(inputs, layers.Dense(10, name="answer")(layers.Flatten()(x)))
    after = rounded(model, digits)
    names = {layer.name for layer in after.layers}
    assert {"picture_rounded", "first_rounded", "shared_rounded", "inside_rounded", "answer_rounded"} <= names
    np.testing.assert_allclose(answers(after, digits), answers(model, digits), atol=0.2)


def test_zeros_and_clusters_of_kernels_stay(sparse, digits):
    before, after = kernels(sparse), kernels(rounded(sparse, digits))
    assert before.keys() == after.keys()
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"quantizer": tfc.Affine(8)}, "quantizer must be an Affine of one scale"),
        ({"quantizer": at(8, rounding="stochastic")}, "rounds to the nearest"),
        ({"per_layer": {"conv1": tfc.Codebook(4)}}, "per_layer must hold an Affine of one scale"),
        ({"num_examples": 0}, "num_examples must be at least 1"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_a_bad_value_names_its_field(settings, words):
    with pytest.raises(InvalidValue, match=words):
        tfc.QuantizeActivations(**settings)


def test_what_cannot_be_done_is_told(trained, aware, digits):
    with pytest.raises(NothingHappened, match="leaves all of them in float"):
        rounded(trained, digits, per_layer={"*": None})
    with pytest.raises(InvalidValue, match="convX.*matches none"):
        rounded(trained, digits, per_layer={"convX": None})
    with pytest.raises(UnsupportedModel, match="QuantizeActivations expects a float model"):
        rounded(aware, digits)
    with pytest.raises(UnsupportedModel, match="are rounded already"):
        rounded(rounded(trained, digits), digits)
