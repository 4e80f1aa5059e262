"""What is said of pruning, against what pruning does."""

import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.inspecting.keras.prunable import pruning_support
from tfcompress.measuring.measure import kernels, zero_share

layers = keras.layers
CASES = {
    "dense": (lambda x: layers.Dense(4, name="it")(x), "yes"),
    "conv": (lambda x: layers.Conv2D(4, 3, name="it")(x), "yes"),
    "separable": (lambda x: layers.SeparableConv2D(4, 3, name="it")(x), "partly"),
    "depthwise": (lambda x: layers.DepthwiseConv2D(3, name="it")(x), "no"),
    "time_distributed": (lambda x: layers.TimeDistributed(layers.Dense(4), name="it")(x), "no"),
}


@dataclasses.dataclass(frozen=True)
class TinyFit:
    """Four steps on noise, with a learning rate of 0."""

    steps: int = 4

    def __call__(self, model, callbacks=()):
        model.compile(keras.optimizers.SGD(0.0), "mse")
        inputs = np.ones((4, *model.input_shape[1:]), "float32")
        targets = np.ones((4, *model.output_shape[1:]), "float32")
        return model.fit(inputs, targets, batch_size=1, verbose=0, callbacks=list(callbacks))


@pytest.mark.parametrize("case", CASES)
def test_the_answer_is_what_pruning_does(one_layer, case):
    function, expected = CASES[case]
    model = one_layer(lambda x: layers.Conv2D(3, 1, name="other")(function(x)))
    assert pruning_support(model)["it"].status == expected
    pruned = tfc.PruneLowMagnitude(0.5, schedule=tfc.ConstantSparsity(begin=0.0)).apply(model, TinyFit())
    shares = [zero_share(values) for name, values in kernels(pruned).items() if name.startswith("it/")]
    zeroed = [share > 0.3 for share in shares]
    assert {"yes": all(zeroed), "no": not any(zeroed), "partly": any(zeroed) and not all(zeroed)}[expected]


def test_layers_without_kernels_have_nothing_to_do(trained):
    support = pruning_support(trained)
    assert support["pool1"].status == "nothing to do"
    assert support["conv1"].status == "yes"


def test_a_quantization_aware_model_is_too_late(aware):
    found = next(found for found in pruning_support(aware).values() if found.status == "no")
    assert "prune before" in found.reason
