"""One layer at a time: what it reads, and what its kernel makes of that, for methods that round layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ...backend.tensorflow import keras, tf
from ...core.errors import UnsupportedModel
from ...core.examples.nests import Nest
from ...data.sampling import batches, drawn
from ...graph.homogeneous import activation_role, role
from ...graph.network import Network, is_channels_last, kernel_of
from ...measuring.outputs import taken_by

if TYPE_CHECKING:
    from ...core.types import Data

FOLLOWED = frozenset({"Conv1D", "Conv2D", "DepthwiseConv2D", "Dense"})
BATCH_SIZE = 64


def examples(model: Any, data: Data, num_examples: int, seed: int) -> Nest:
    """Inputs of the training split as `model` takes them, drawn at random: arrays (at most num_examples, ...)."""
    return taken_by(model, data, drawn(data, num_examples, seed).inputs)


def followed(model: Any, owner: str) -> tuple[Any, ...]:
    """The layers of `model` that can be followed, in its order.

    Raises:
      UnsupportedModel: in the name of `owner`, when there is none.
    """
    network = Network(model, owner)
    found = tuple(layer for layer in network.layers() if _can_follow(network, layer))
    if not found:
        kinds = ", ".join(sorted({type(layer).__name__ for layer in network.layers()}))
        raise UnsupportedModel(
            f"{owner} expects a layer of one call among {', '.join(sorted(FOLLOWED))}. Received: {kinds}. "
            "Leave this stage out."
        )
    return found


def not_followed(model: Any, names: set[str]) -> tuple[str, ...]:
    """The other layers of `model` that have weights, by name."""
    return tuple(layer.name for layer in model.layers if layer.weights and layer.name not in names)


def _can_follow(network: Network, layer: Any) -> bool:
    return (
        type(layer).__name__ in FOLLOWED
        and kernel_of(layer) is not None
        and network.only_call(layer) is not None
        and is_channels_last(layer)
        and getattr(layer, "padding", None) != "causal"
    )


def read_by(model: Any, name: str, inputs: Nest) -> Iterator[Any]:
    """What the layer of this name reads when `model` is given `inputs`, batch by batch."""
    part = keras.Model(model.inputs, model.get_layer(name).input)
    for batch in batches(inputs, BATCH_SIZE):
        yield part(batch, training=False)


def linear(layer: Any, inputs: Any, kernel: Any) -> Any:
    """What `layer` makes of inputs with another kernel, before its activation: shape (N, ..., channels)."""
    if type(layer).__name__ == "Dense":
        outputs = tf.tensordot(inputs, kernel, 1)
    elif type(layer).__name__ == "DepthwiseConv2D":
        outputs = keras.backend.depthwise_conv2d(
            inputs, kernel, strides=layer.strides, padding=layer.padding, dilation_rate=layer.dilation_rate
        )
    else:
        outputs = layer.convolution_op(inputs, kernel)
    return outputs + layer.bias if layer.use_bias else outputs


def bend(model: Any, layer: Any, owner: str) -> Callable[[Any], Any]:
    """The activation that follows a layer's linear part, its own or a ReLU after it; the identity for others."""
    if layer.activation is not keras.activations.linear:
        return layer.activation if activation_role(layer.activation) != "other" else tf.identity
    network = Network(model, owner)
    reader = network.only_reader(network.only_call(layer))
    is_activation = isinstance(reader, (keras.layers.ReLU, keras.layers.Activation, keras.layers.LeakyReLU))
    return reader if is_activation and role(reader) != "other" else tf.identity
