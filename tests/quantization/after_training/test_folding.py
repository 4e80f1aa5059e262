import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.quantization.after_training.folding import fold

layers = keras.layers
RANDOM = np.random.default_rng(0)


def unsettled(model):
    """`model` with numbers in its BatchNormalization layers that are not those it was made with."""
    random = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            shapes = [weight.shape for weight in layer.get_weights()]
            layer.set_weights([random.uniform(0.5, 2.0, shape) for shape in shapes])
        elif getattr(layer, "use_bias", False):
            layer.bias.assign(random.normal(size=layer.bias.shape))
    return model


def chain(*parts, shape=(8, 8, 3)):
    x = inputs = keras.Input(shape)
    for part in parts:
        x = part(x)
    return unsettled(keras.Model(inputs, x))


def largest_difference(model, other):
    inputs = np.random.default_rng(2).normal(size=(16, *model.input_shape[1:])).astype("float32")
    return np.abs(model(inputs).numpy() - other(inputs).numpy()).max()


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def test_a_convolution_worked_by_hand():
    model = chain(layers.Conv2D(2, 1, name="conv"), layers.BatchNormalization(epsilon=0.0), shape=(1, 1, 1))
    model.layers[1].set_weights([np.array([[[[2.0, -1.0]]]]), np.array([1.0, 3.0])])
    # gamma, beta, mean, variance: gains 3 / sqrt(4) = 1.5 and 1 / sqrt(0.25) = 2
    model.layers[2].set_weights(
        [np.array([3.0, 1.0]), np.array([0.5, -1.0]), np.array([2.0, 1.0]), np.array([4, 0.25])]
    )
    kernel, bias = tfc.FoldBatchNorm().apply(model).get_layer("conv").get_weights()
    assert kernel.ravel().tolist() == [3.0, -2.0]
    assert bias.tolist() == [0.5 + (1 - 2) * 1.5, -1.0 + (3 - 1) * 2]


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(4, 3, use_bias=False),
        layers.Conv2D(4, 3, strides=2, padding="same"),
        layers.Conv2D(6, 3, groups=3),
        layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False),
        layers.DepthwiseConv2D(3),
        layers.Conv2DTranspose(5, 3, use_bias=False),
        layers.Dense(7),
    ],
    ids=lambda layer: type(layer).__name__,
)
@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}], ids=str)
def test_answers_stay(layer, options):
    model = chain(type(layer).from_config(layer.get_config()), layers.BatchNormalization(**options), layers.ReLU())
    folded = tfc.FoldBatchNorm().apply(model)
    assert kinds(folded) == ["InputLayer", type(layer).__name__, "ReLU"]
    assert largest_difference(model, folded) < 1e-5


def test_one_dimension_too():
    model = chain(layers.Conv1D(4, 3, padding="causal"), layers.BatchNormalization(), shape=(9, 3))
    assert largest_difference(model, tfc.FoldBatchNorm().apply(model)) < 1e-5


@pytest.mark.parametrize("build", [lambda: tfc.mobile_cnn((8, 8, 1), width=4), lambda: tfc.resnet(8, (8, 8, 3))])
def test_whole_models(build):
    model = unsettled(build())
    before = model.get_weights()
    folded = tfc.FoldBatchNorm().apply(model)
    assert "BatchNormalization" not in kinds(folded)
    answers = np.abs(model(np.ones((1, *model.input_shape[1:]), "f4")).numpy()).max()
    assert largest_difference(model, folded) < 1e-5 * max(1, answers)
    assert folded.output_names == model.output_names
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_sequential_model_and_a_normalization_that_is_the_output():
    model = unsettled(
        keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(2),
                          layers.BatchNormalization()])
    )  # fmt: skip
    folded = tfc.FoldBatchNorm().apply(model)
    assert kinds(folded) == ["InputLayer", "Dense", "Dense"]
    assert largest_difference(model, folded) < 1e-5


def test_operations_with_several_inputs_read_what_is_left():
    inputs = keras.Input((8, 8, 3))
    a = layers.BatchNormalization()(layers.Conv2D(4, 1)(inputs))
    b = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(inputs))
    model = unsettled(keras.Model(inputs, {"sum": a + 2.0 * b}))
    folded = fold(model, "x").model
    picture = RANDOM.normal(size=(4, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(folded(picture)["sum"], model(picture)["sum"], atol=1e-5)


def test_what_cannot_be_folded_stays_and_is_named(remarks):
    inputs = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 1, name="shared")
    x = layers.BatchNormalization(name="after_shared")(shared(shared(inputs)))
    x = layers.BatchNormalization(name="after_norm")(x)
    x = layers.Conv2D(3, 1, activation="relu", name="bent")(x)
    x = layers.BatchNormalization(name="after_relu")(x)
    branched = layers.Conv2D(3, 1, name="branched")(x)
    x = layers.Add()([branched, layers.BatchNormalization(name="after_branch")(branched)])
    x = layers.BatchNormalization(axis=1, name="across")(layers.Conv2D(3, 1, name="c")(x))
    x = layers.BatchNormalization(name="good")(layers.Conv2D(3, 1, name="d")(x))
    nested = keras.Sequential([keras.Input((8, 8, 3)), layers.BatchNormalization(name="inner_norm")], name="inner")
    model = unsettled(keras.Model(inputs, nested(x)))
    folded = tfc.FoldBatchNorm().apply(model)
    assert largest_difference(model, folded) < 1e-4
    told = " ".join(remarks)
    assert "1 BatchNormalization layers are folded" in told
    assert "after_shared comes after" not in told and "after_shared is not the only one that reads 'shared'" in told
    assert "after_norm comes after 'after_shared'" in told
    assert "after_relu comes after the activation of 'bent'" in told
    assert "after_branch is not the only one" in told
    assert "across has its channels along another axis" in told
    assert "inner_norm is in the nested model 'inner'" in told


def test_nothing_to_fold_is_told(trained):
    with pytest.raises(tfc.NothingHappened, match="Received: none at all"):
        tfc.FoldBatchNorm().apply(trained)


def test_a_quantization_aware_model_is_refused(aware):
    with pytest.raises(tfc.UnsupportedModel, match="^FoldBatchNorm expects a float model"):
        tfc.FoldBatchNorm().apply(aware)
