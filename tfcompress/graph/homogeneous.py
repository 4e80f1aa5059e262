"""What may lie between two layers whose channels are rescaled: f(s x) = s f(x) for s > 0, channel by channel."""

from __future__ import annotations

from typing import Any

from ..backend.tensorflow import keras, tf

# Padding with zeros, pooling, picking, and dropping treat each channel alone and take no notice of its scale.
PASSING = frozenset(
    {
        *("ZeroPadding1D", "ZeroPadding2D", "Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D"),
        *("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"),
        *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
        *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "Flatten", "LeakyReLU", "PReLU"),
    }
)


def role(layer: Any) -> str:
    """Whether a layer between two others is "homogeneous", "relu6" (but for its upper bound), or "other".

    >>> role(keras.layers.ReLU()), role(keras.layers.ReLU(6.0)), role(keras.layers.Softmax())
    ('homogeneous', 'relu6', 'other')
    """
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return "other"
    if isinstance(layer, keras.layers.ReLU):
        if layer.threshold != 0:
            return "other"
        return "homogeneous" if layer.max_value is None else "relu6" if layer.max_value == 6 else "other"
    if isinstance(layer, keras.layers.Activation):
        return activation_role(layer.activation)
    return (
        "homogeneous" if type(layer).__name__ in PASSING and type(layer).__module__.startswith("tf_keras.") else "other"
    )


def activation_role(function: Any) -> str:
    """The same of a layer's own activation.

    >>> activation_role(keras.activations.relu), activation_role(tf.nn.relu6), activation_role(keras.activations.elu)
    ('homogeneous', 'relu6', 'other')
    """
    if function in (keras.activations.linear, keras.activations.relu, tf.nn.relu):
        return "homogeneous"
    return "relu6" if function is tf.nn.relu6 else "other"


def without_bound(layer: Any) -> None:
    """Makes ReLU6 an unbounded ReLU, in place, be it a layer of its own or a layer's activation."""
    if isinstance(layer, keras.layers.ReLU):
        layer.max_value = None
    else:
        layer.activation = keras.activations.relu
