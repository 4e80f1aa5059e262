"""A functional model made anew from its configuration, in a fraction of the time that Keras takes.

To learn the shape of what a layer gives, Keras traces its call in a graph of its own: nine tenths of the time of making
a model. The common layers of Keras can tell their shapes, and here are asked; others are traced as ever. Kernels start
from zeros, since they are set afterwards.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from ..core.keras import keras, prepared_scope, tf

_LIKE_INPUT = frozenset({"BatchNormalization", "Activation", "ReLU", "LeakyReLU", "Dropout", "PReLU"})
_TELLING = frozenset(
    {
        *(f"{kind}{n}D" for kind in ("Conv", "MaxPooling", "AveragePooling", "ZeroPadding") for n in (1, 2, 3)),
        *(f"{kind}{n}D" for kind in ("DepthwiseConv", "SeparableConv", "Cropping") for n in (1, 2)),
        *("Add", "Multiply", "Concatenate", "Dense", "GlobalAveragePooling2D", "Flatten", "Conv2DTranspose"),
        *("UpSampling2D",),
    }
)


def rebuilt(model: Any, config: dict[str, Any]) -> Any:
    """A model of the class of `model` from an edited configuration of it; weights are to be set."""
    with prepared_scope():
        if type(model) is not keras.Model and type(model).__name__ != "Functional":
            return type(model).from_config(config)
        functional = sys.modules[type(model).__module__]
        with contextlib.ExitStack() as stack:
            layers = {}
            for data in config["layers"]:
                own = {key: value for key, value in data.items() if key != "inbound_nodes"}
                layers[data["name"]] = layer = keras.layers.deserialize(own)
                if _is_known(layer):
                    stack.enter_context(_outlined(layer, type(model.inputs[0])))
            inputs, outputs, _ = functional.reconstruct_from_config(config, created_layers=layers)
        return type(model)(inputs=inputs, outputs=outputs, name=config["name"])


def _is_known(layer: Any) -> bool:
    kind = type(layer)
    plain = kind.__module__.startswith("tf_keras.") and layer._activity_regularizer is None
    return plain and kind.__name__ in _LIKE_INPUT | _TELLING


@contextlib.contextmanager
def _outlined(layer: Any, keras_tensor: Any) -> Iterator[None]:
    """While it lasts, `layer` is asked for its output's shape instead of being traced, and starts from zeros."""
    trace = layer._infer_output_signature

    def outline(inputs: Any, args: Any, kwargs: Any, input_masks: Any) -> Any:
        if args or kwargs.keys() - {"training"} or any(mask is not None for mask in tf.nest.flatten(input_masks)):
            return trace(inputs, args, kwargs, input_masks)
        with keras.backend.name_scope(layer._name_scope()):
            layer._maybe_build(inputs)
        shapes = tf.nest.map_structure(lambda tensor: tensor.shape, inputs)
        shape = shapes if type(layer).__name__ in _LIKE_INPUT else layer.compute_output_shape(shapes)
        layer._set_save_spec(inputs, args, kwargs)
        return keras_tensor(tf.TensorSpec(shape, layer.compute_dtype), name=layer.name)

    initializers = {
        name: value for name, value in vars(layer).items() if name.endswith("_initializer") and value is not None
    }
    vars(layer).update(dict.fromkeys(initializers, keras.initializers.Zeros()))
    vars(layer)["_infer_output_signature"] = outline
    try:
        yield
    finally:
        vars(layer).update(initializers)
        del vars(layer)["_infer_output_signature"]
