import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.measuring.measure import kernels
from tfcompress.quantization.kernels import channel_axes

layers = keras.layers


def answers_right(model, digits):
    return float((model(digits.model_inputs(digits.test.inputs)).numpy().argmax(-1) == digits.test.targets).mean())


def quantized(model, *arguments, **named):
    return tfc.QuantizeKernels(*arguments, **named).apply(model)


def test_each_kernel_becomes_what_its_quantizer_makes_of_it(trained):
    before, after = kernels(trained), kernels(quantized(trained, tfc.Affine(bits=3)))
    assert before.keys() == after.keys()
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], tfc.Affine(bits=3).approximate(values))
        assert (after[name] != values).any()
        assert max(len(np.unique(channel)) for channel in after[name].reshape(-1, values.shape[-1]).T) <= 7


def test_the_model_that_came_in_is_as_it_was(trained):
    before = trained.get_weights()
    quantized(trained, tfc.Affine(bits=2))
    for old, new in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_only_kernels_change(trained):
    after = quantized(trained, tfc.Affine(bits=2))
    for old, new in zip(trained.weights, after.weights, strict=True):
        assert np.array_equal(old, new) == ("bias" in old.name)


def test_fewer_bits_answer_worse_and_eight_as_well(trained, digits):
    float_accuracy = answers_right(trained, digits)
    by_bits = [answers_right(quantized(trained, tfc.Affine(bits)), digits) for bits in (8, 4, 2)]
    assert by_bits[0] == pytest.approx(float_accuracy, abs=0.005)
    assert by_bits[2] < by_bits[0] - 0.02


def test_layers_have_their_own_quantizers_and_some_none(trained):
    after = quantized(trained, tfc.Affine(4), per_layer={"conv*": tfc.Codebook(5), "logits": None})
    assert len(np.unique(kernels(after)["conv2/kernel"])) == 5
    np.testing.assert_array_equal(kernels(after)["logits/kernel"], kernels(trained)["logits/kernel"])


def test_zeros_stay(sparse):
    for quantizer in (tfc.Affine(3), tfc.Codebook(8), tfc.PiecewiseLinear(3), tfc.Affine(3, symmetric=False)):
        after = kernels(quantized(sparse, quantizer))
        assert all((after[name][values == 0] == 0).all() for name, values in kernels(sparse).items())


def test_it_says_whether_zeros_stay():
    assert tfc.QuantizeKernels().keeps == {"sparsity"}
    assert tfc.QuantizeKernels(tfc.Codebook(keep_zero=False)).keeps == frozenset()
    assert tfc.QuantizeKernels(per_layer={"a": tfc.Codebook(keep_zero=False), "b": None}).keeps == frozenset()


def test_it_tells_which_kernel_loses_most(trained, remarks):
    quantized(trained, tfc.Affine(4), per_layer={"logits": tfc.Affine(2)})
    (told,) = remarks
    assert "(logits/kernel) to " in told


def test_a_kernel_that_diverged_is_named(trained):
    from tfcompress.models_io.copying import copy_model

    broken = copy_model(trained)
    broken.get_layer("conv2").kernel.assign(np.full(broken.get_layer("conv2").kernel.shape, np.nan))
    with pytest.raises(tfc.InvalidValue, match="conv2/kernel"):
        quantized(broken)


def test_channels_are_those_that_tflite_gives_scales():
    assert channel_axes(layers.Conv2D(3, 3), "kernel") == (-1,)
    assert channel_axes(layers.DepthwiseConv2D(3), "depthwise_kernel") == (-2, -1)
    assert channel_axes(layers.Conv2DTranspose(3, 3), "kernel") == (-2,)
    assert channel_axes(layers.Embedding(3, 3), "embeddings") == ()


def test_recurrent_nested_and_attention_kernels_are_quantized_too():
    inner = keras.Sequential([keras.Input((5, 4)), layers.LSTM(3, return_sequences=True, name="memory")], name="inner")
    inputs = keras.Input((5, 4))
    heads = layers.MultiHeadAttention(2, 2, name="heads")
    model = keras.Model(inputs, layers.Bidirectional(layers.GRU(2), name="both")(heads(inner(inputs), inner(inputs))))
    after = kernels(quantized(model, tfc.Affine(2, per_channel=False)))
    assert len(after) == 2 + 4 + 4
    assert {len(np.unique(values)) for values in after.values()} <= {2, 3}


def test_a_model_without_kernels_is_refused():
    inputs = keras.Input((4,))
    with pytest.raises(tfc.UnsupportedModel, match="Received: .*ReLU"):
        quantized(keras.Model(inputs, layers.ReLU()(inputs)))


def test_a_quantization_aware_model_is_refused(aware):
    with pytest.raises(tfc.UnsupportedModel, match="quantization-aware"):
        quantized(aware)


def test_to_leave_all_whole_is_nothing(trained):
    with pytest.raises(tfc.NothingHappened, match="conv1, conv2"):
        quantized(trained, per_layer={"*": None})


def test_a_pattern_that_matches_nothing_is_refused(trained):
    with pytest.raises(tfc.InvalidValue, match="'dense9'"):
        quantized(trained, per_layer={"dense9": None})


@pytest.mark.parametrize("bad", [{"quantizer": 8}, {"per_layer": {"a": 4}}])
def test_a_bad_value_names_its_field(bad):
    with pytest.raises(tfc.InvalidValue, match=f"QuantizeKernels.{next(iter(bad))} "):
        tfc.QuantizeKernels(**bad)
