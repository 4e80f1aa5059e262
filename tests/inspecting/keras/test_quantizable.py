"""What is said of quantization-aware training, against what tfmot does, and against the int8 file that comes of it."""

import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf, tfmot
from tfcompress.inspecting.keras.quantizable import qat_support
from tfcompress.inspecting.tflite.reading import read_tflite

layers = keras.layers
NO_BATCH_NORMALIZATION = "a BatchNormalization that does not directly follow"


def answers(model):
    support, whole = qat_support(model)
    return {name: found.status for name, found in support.items()}, whole.status


CASES = {
    "conv": lambda x: layers.Conv2D(4, 3, name="it")(x),
    "conv_bn": lambda x: layers.BatchNormalization(name="it")(layers.Conv2D(4, 3)(x)),
    "conv_relu_bn": lambda x: layers.BatchNormalization(name="it")(layers.Conv2D(4, 3, activation="relu")(x)),
    "bn": lambda x: layers.BatchNormalization(name="it")(x),
    "separable_bn": lambda x: layers.BatchNormalization(name="it")(layers.SeparableConv2D(4, 3)(x)),
    "dense_bn": lambda x: layers.BatchNormalization(name="it")(layers.Dense(4)(layers.Flatten()(x))),
    "elu_inside": lambda x: layers.Conv2D(4, 3, activation="elu", name="it")(x),
    "elu": lambda x: layers.ELU(name="it")(x),
    "prelu": lambda x: layers.PReLU(name="it")(x),
    "activation_elu": lambda x: layers.Activation("elu", name="it")(x),
    "activation_swish": lambda x: layers.Activation("swish", name="it")(layers.Conv2D(4, 3)(x)),
    "multiply": lambda x: layers.Multiply(name="it")([x, layers.Conv2D(3, 1)(x)]),
    "add": lambda x: layers.Add(name="it")([layers.Conv2D(3, 1)(x), layers.Conv2D(3, 1)(x)]),
    "rescaling": lambda x: layers.Rescaling(0.5, name="it")(x),
    "conv1d": lambda x: layers.Conv1D(4, 3, name="it")(layers.Reshape((8, 24))(x)),
    "lstm": lambda x: layers.LSTM(4, name="it")(layers.Reshape((8, 24))(x)),
    "layer_normalization": lambda x: layers.LayerNormalization(name="it")(x),
    "time_distributed": lambda x: layers.TimeDistributed(layers.Dense(4), name="it")(x),
    "operation": lambda x: layers.Flatten()(tf.square(layers.Conv2D(4, 3)(x), name="it")),
}


@pytest.mark.parametrize("case", CASES)
def test_the_answer_is_what_quantize_model_does(one_layer, case):
    model = one_layer(CASES[case])
    by_layer, whole = answers(model)
    try:
        tfmot.quantization.keras.quantize_model(model)
        takes = True
    except (ValueError, RuntimeError, TypeError):
        takes = False
    assert (whole != "no") == takes
    assert ("no" in by_layer.values()) != takes
    refused = [name for name, answer in by_layer.items() if answer == "no"]
    assert takes or len(refused) == 1  # each case has one culprit
    if case not in ("operation",):  # tf.square has a name of its own
        assert takes or refused == ["it"]


def test_an_embedding_and_its_input_are_refused(one_layer):
    model = one_layer(lambda x: layers.Dense(2, name="d")(layers.Embedding(9, 4, name="e")(x)), (5,), dtype="int32")
    by_layer, whole = answers(model)
    assert (by_layer["e"], by_layer["d"], whole) == ("no", "yes", "no")


def test_where_the_graph_as_a_whole_fails_the_cause_is_told_and_layers_are_unknown(one_layer):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = one_layer(CASES["conv"])
        support, whole = qat_support(model)
        with pytest.raises(TypeError):
            tfmot.quantization.keras.quantize_model(model)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert whole.status == "no"
    assert whole.reason.startswith("tfmot stops over the graph as a whole: TypeError: ")
    assert "float16" in whole.reason
    assert support["it"].status == "unknown"


def test_a_lambda_that_was_trusted_is_a_layer_like_any_other(one_layer):
    model = one_layer(lambda x: layers.Conv2D(2, 1, name="conv")(layers.Lambda(lambda y: y + 1.0, name="it")(x)))
    by_layer, whole = answers(model)
    assert (by_layer["it"], by_layer["conv"], whole) == ("no", "yes", "no")


def test_reasons_are_told(one_layer):
    support, whole = qat_support(one_layer(CASES["conv_relu_bn"]))
    assert support["it"].reason.startswith(NO_BATCH_NORMALIZATION)
    assert whole.reason == "quantize_model stops at 'it'"


def test_a_quantization_aware_model_has_nothing_to_do(aware):
    by_layer, whole = answers(aware)
    assert set(by_layer.values()) == {whole} == {"nothing to do"}


def test_the_model_is_left_as_it_was(trained):
    before = [weights.copy() for weights in trained.get_weights()]
    names = [layer.name for layer in trained.layers]
    qat_support(trained)
    assert names == [layer.name for layer in trained.layers]
    assert all((old == new).all() for old, new in zip(before, trained.get_weights(), strict=True))


FLOAT_CASES = {
    "dense_bn": (CASES["dense_bn"], True),
    "transposed_bn": (lambda x: layers.BatchNormalization()(layers.Conv2DTranspose(4, 3)(x)), True),
    "swish_inside": (lambda x: layers.Conv2D(4, 3, activation="swish")(x), True),
    "swish_dense": (lambda x: layers.Dense(4, activation="swish")(layers.Flatten()(x)), True),
    "swish_outside": (CASES["activation_swish"], False),
    "conv_bn": (CASES["conv_bn"], False),
    "sigmoid_inside": (lambda x: layers.Conv2D(4, 3, activation="sigmoid")(x), False),
    "gelu_inside": (lambda x: layers.Conv2D(4, 3, activation="gelu")(x), False),
    "dilated": (lambda x: layers.Conv2D(4, 3, dilation_rate=2, padding="same")(x), False),
    "upsampling": (lambda x: layers.UpSampling2D(interpolation="bilinear")(layers.Conv2D(4, 3)(x)), False),
    "separable_bn": (CASES["separable_bn"], False),
    "concatenated": (lambda x: layers.Concatenate()([layers.Conv2D(4, 3)(x), layers.Conv2D(4, 3)(x)]), False),
}


QUICK = ("dense_bn", "transposed_bn", "swish_inside", "conv_bn", "dilated")


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case in QUICK else pytest.mark.slow) for case in FLOAT_CASES]
)
def test_partly_is_what_leaves_float_operations_in_the_int8_file(one_layer, tmp_path, case):
    function, leaves_float = FLOAT_CASES[case]
    model = one_layer(function)
    quantized = tfmot.quantization.keras.quantize_model(model)
    tfc.Int8().convert(quantized, None, tmp_path / "x.tflite")
    assert bool(read_tflite(tmp_path / "x.tflite").totals["float_operators"]) == leaves_float
    assert (answers(model)[1] == "partly") == leaves_float
