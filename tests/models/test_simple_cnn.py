import numpy as np
import pytest

import tfcompress as tfc


def test_the_layers_are_the_textbooks():
    model = tfc.simple_cnn()
    found = [(layer.name, type(layer).__name__) for layer in model.layers]
    assert found == [
        ("image", "InputLayer"),
        ("conv1", "Conv2D"),
        ("pool1", "MaxPooling2D"),
        ("conv2", "Conv2D"),
        ("pool2", "MaxPooling2D"),
        ("flatten", "Flatten"),
        ("dropout", "Dropout"),
        ("dense1", "Dense"),
        ("logits", "Dense"),
    ]
    assert [model.get_layer(name).kernel.shape[:2] for name in ("conv1", "conv2")] == [(3, 3), (3, 3)]
    assert {model.get_layer(name).padding for name in ("conv1", "conv2")} == {"same"}
    assert model.get_layer("dropout").rate == 0.5


@pytest.mark.parametrize(
    ("settings", "num_parameters", "num_macs"),
    [
        # conv1 3*3*3*16 + 16 = 448, conv2 3*3*16*32 + 32 = 4,640, dense1 8*8*32*64 + 64 = 131,136, logits 64*10 + 10
        # MACs: 32*32*432 + 16*16*4,608 + 131,072 + 640
        ({}, 448 + 4_640 + 131_136 + 650, 442_368 + 1_179_648 + 131_072 + 640),
        # conv1 9*1*4 + 4 = 40, conv2 9*4*8 + 8 = 296, dense1 2*2*8*16 + 16 = 528, logits 16*3 + 3 = 51
        # MACs: 64*36 + 16*288 + 512 + 48
        (
            {"input_shape": (8, 8, 1), "num_classes": 3, "width": 4, "hidden_units": 16},
            40 + 296 + 528 + 51,
            2_304 + 4_608 + 512 + 48,
        ),
    ],
)
def test_parameters_and_macs(settings, num_parameters, num_macs):
    figures = tfc.measure(tfc.simple_cnn(**settings))
    assert (figures.num_parameters, figures.num_macs) == (num_parameters, num_macs)


def answer(model, images):
    return model(images, training=False).numpy()


def test_it_gives_logits():
    model = tfc.simple_cnn((8, 8, 1), num_classes=7)
    images = np.random.default_rng(0).normal(size=(5, 8, 8, 1)).astype("float32")
    outputs = answer(model, images)
    assert outputs.shape == (5, 7)
    assert outputs.min() < 0


def test_without_activation_it_is_linear_but_for_the_pooling():
    """max(2 x) = 2 max(x), so without biases before the pooling f(2 x) - f(0) = 2 (f(x) - f(0))."""
    model = tfc.simple_cnn((8, 8, 1), activation=None)
    assert {model.get_layer(name).activation.__name__ for name in ("conv1", "conv2", "dense1")} == {"linear"}
    rng = np.random.default_rng(0)
    for layer in ("dense1", "logits"):
        bias = model.get_layer(layer).bias
        bias.assign(rng.normal(size=bias.shape))
    images = rng.normal(size=(5, 8, 8, 1)).astype("float32")
    nothing = answer(model, 0 * images)
    np.testing.assert_allclose(answer(model, 2 * images) - nothing, 2 * (answer(model, images) - nothing), atol=1e-4)


def test_relu_is_between_the_layers_and_not_on_the_logits():
    model = tfc.simple_cnn()
    activations = [model.get_layer(name).activation.__name__ for name in ("conv1", "conv2", "dense1", "logits")]
    assert activations == ["relu", "relu", "relu", "linear"]


def test_it_is_not_compiled():
    assert tfc.simple_cnn().optimizer is None
