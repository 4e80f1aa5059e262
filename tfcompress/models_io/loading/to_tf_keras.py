"""The graph of a model, made anew in tf_keras call by call: nested models flattened, shared layers kept shared."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...backend.calls import Call, is_tensor, replay
from ...backend.tensorflow import keras, tf
from ...core.errors import UnsupportedModel
from ...layers.twins import Hosted, keras3
from . import operations, tracing
from .both_keras import functional, needed_calls, require_tensors, structures
from .layer_twins import NoTwin, copy_weights, is_keras_own, make_twin, policy_name


def to_tf_keras(graph: Any, name: str) -> tuple[Any, dict[str, str]]:
    """Makes one functional tf_keras model of a functional model of either Keras.

    Args:
      graph: a functional model, as `both_keras.functional` gives it.
      name: of the new model.

    Returns:
      The model, and by name the layers that Keras 3 still computes in it, with the reason.

    Raises:
      UnsupportedModel: names the layer that cannot come in, and says why.
    """
    return _Conversion().model(graph, name)


class _Conversion:
    """What has been made so far: layers by the identity of their originals, which of them have their weights, names
    taken, reasons for hosting.
    """

    def __init__(self) -> None:
        self.layers: dict[int, Any] = {}
        self.filled: set[int] = set()
        self.names: set[str] = set()
        self.hosted: dict[str, str] = {}

    def model(self, graph: Any, name: str) -> tuple[Any, dict[str, str]]:
        inputs = [self._input(tensor) for tensor in graph.inputs]
        outputs = self._run(graph, inputs, "", None)
        given, wanted = structures(graph)
        shaped = tf.nest.pack_sequence_as(given, inputs) if isinstance(given, Mapping) else inputs
        model = keras.Model(shaped, tf.nest.pack_sequence_as(wanted, outputs), name=re.sub(r"[^\w.-]", "_", name))
        return model, self.hosted

    def _input(self, tensor: Any) -> Any:
        history = tensor._keras_history
        layer = getattr(history, "operation", None) or history.layer
        name = self._name("", layer.name)
        return keras.Input(
            batch_shape=tuple(tensor.shape), dtype=tensor.dtype, name=name, sparse=getattr(layer, "sparse", False)
        )

    def _name(self, prefix: str, name: str) -> str:
        """A name of its own: the way through the nested models, joined by "_", and a number where it is taken."""
        wanted = re.sub(r"[^\w.-]", "_", f"{prefix}{name}")
        free, number = wanted, 1
        while free in self.names:
            free, number = f"{wanted}_{number}", number + 1
        self.names.add(free)
        return free

    def _run(self, graph: Any, inputs: Sequence[Any], prefix: str, training: bool | None) -> list[Any]:
        """Calls all of `graph` on tf_keras tensors; gives its outputs in order."""

        def again(call: Call, place: Callable[[Any], Any]) -> Any:
            def here(value: Any) -> Any:
                found = place(value)
                if found is value and is_tensor(value):
                    raise UnsupportedModel(
                        f"load_model: a tensor of {graph.name!r} comes from outside of it. Save it whole."
                    )
                return _constant(found) if found is value else found

            require_tensors((call.args, call.kwargs), f"{prefix}{call.layer.name}")
            args = tuple(tf.nest.map_structure(here, value) for value in call.args)
            kwargs = {key: tf.nest.map_structure(here, value) for key, value in call.kwargs.items()}
            return self._call(dataclasses.replace(call, args=args, kwargs=kwargs), call, prefix, training)

        return replay(graph, inputs, again, needed_calls)

    def _call(self, placed: Call, original: Call, prefix: str, training: bool | None) -> Any:
        operation = placed.layer
        explicit = placed.kwargs.get("training", training)
        inner = functional(operation) or self._traced(operation, original)
        if inner is not None:
            tensors = [value for value in tf.nest.flatten(placed.args) if value is not None]
            fitting = [_as_input(value, wanted) for value, wanted in zip(tensors, inner.inputs, strict=True)]
            return self._run(inner, fitting, f"{prefix}{operation.name}_", explicit)
        if not hasattr(operation, "weights"):
            return self._operation(placed, prefix)
        kwargs = {key: value for key, value in placed.kwargs.items() if key != "training"}
        layer = self._layer(operation, prefix, kwargs)
        if explicit is not None and layer._expects_training_arg:
            kwargs["training"] = explicit
        if isinstance(layer, Hosted) and (len(placed.args) > 1 or kwargs):
            outputs = self._hosted_call(operation, layer, placed.args, kwargs)
        else:
            with _started_at_zero(layer):
                outputs = layer(*placed.args, **kwargs)
        self._fill(operation, layer)
        return outputs

    def _hosted_call(self, operation: Any, layer: Hosted, args: Any, kwargs: dict[str, Any]) -> Any:
        """Calls a hosted layer of several arguments, of which it remembers one arrangement."""
        training = {"training": kwargs.pop("training")} if "training" in kwargs else {}
        tensors, arguments = _taken_apart(args, kwargs)
        if layer._call_arguments.value not in (None, arguments):
            raise UnsupportedModel(
                f"load_model: layer {operation.name!r} ({type(operation).__name__}) must be called in one way. "
                "Received: several, with other arguments. Use one layer for each way."
            )
        layer._call_arguments.value = arguments
        return layer(tensors, **training)

    def _traced(self, operation: Any, call: Call) -> Any:
        """The graph inside of a layer or model of the user's own, where there is one to trace."""
        if isinstance(operation, keras.Model):
            return tracing.trace_inner_model(operation, call)
        is_keras3 = isinstance(operation, keras3().layers.Layer)
        return tracing.trace_layer(operation, call) if is_keras3 and not is_keras_own(operation) else None

    def _operation(self, call: Call, prefix: str) -> Any:
        """An operation of `keras.ops`."""
        name = self._name(prefix, call.layer.name)
        dtypes = [keras3().backend.standardize_dtype(tensor.dtype) for tensor in call.outputs]
        dtypes = ["float32" if dtype in ("float16", "bfloat16") else dtype for dtype in dtypes]
        outputs = operations.emit(call.layer, call.args, call.kwargs, dtypes, name)
        if outputs is not NotImplemented:
            return outputs
        self.hosted[name] = f"no TensorFlow form of keras.ops' {type(call.layer).__name__} is known here"
        tensors, arguments = _taken_apart(call.args, call.kwargs)
        return Hosted(call.layer, arguments, name=name)(tensors)

    def _layer(self, layer: Any, prefix: str, kwargs: Mapping[str, Any]) -> Any:
        """The twin of a layer, made once however often the layer is called."""
        if id(layer) not in self.layers:
            name = self._name(prefix, layer.name)
            if isinstance(layer, keras.layers.Layer):
                self.layers[id(layer)] = type(layer).from_config({**layer.get_config(), "name": name})
            else:
                self.layers[id(layer)] = self._keras3_layer(layer, name, kwargs)
        return self.layers[id(layer)]

    def _keras3_layer(self, layer: Any, name: str, kwargs: Mapping[str, Any]) -> Any:
        try:
            twin = make_twin(layer, name, lambda model: _Conversion().model(_graph(model), model.name)[0])
            unknown = kwargs.keys() - set(twin._call_spec.arg_names)
            if unknown:
                raise NoTwin(f"tf_keras calls {type(layer).__name__} without {', '.join(sorted(unknown))}")
            return twin
        except NoTwin as reason:
            self.hosted[name] = str(reason)
            hosted = _host(layer, name)
            if len(hosted.weights) != len(layer.weights):
                raise UnsupportedModel(
                    f"load_model: layer {layer.name!r} ({type(layer).__name__}) must make its weights in build(). "
                    f"Received: one with {len(layer.weights)}, of which a new one has {len(hosted.weights)}. "
                    "Create the weights in __init__ or build(), or give it a get_build_config()."
                ) from reason
            return hosted

    def _fill(self, original: Any, layer: Any) -> None:
        if id(layer) in self.filled:
            return
        self.filled.add(id(layer))
        if isinstance(original, keras.layers.Layer):
            if original.weights:
                layer.set_weights(original.get_weights())
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()
        else:
            copy_weights(original, layer)


@contextlib.contextmanager
def _started_at_zero(layer: Any) -> Iterator[None]:
    """Builds a layer without random numbers, which take seconds for a big one: its weights are copied anyway."""
    own = () if layer.built else vars(layer).items()
    initializers = {key: value for key, value in own if key.endswith("_initializer") and value is not None}
    for key in initializers:
        setattr(layer, key, keras.initializers.Zeros())
    try:
        yield
    finally:
        for key, value in initializers.items():
            setattr(layer, key, value)


def _taken_apart(args: Any, kwargs: Any) -> tuple[list[Any], Any]:
    """The tensors of a call in order, and its [args, kwargs] with {"input": n} in their places."""
    tensors: list[Any] = []

    def place(value: Any) -> Any:
        if is_tensor(value):
            tensors.append(value)
            return {"input": len(tensors) - 1}
        return value.tolist() if isinstance(value, np.ndarray) else value

    return tensors, [[tf.nest.map_structure(place, value) for value in args],
                     {key: tf.nest.map_structure(place, value) for key, value in kwargs.items()}]  # fmt: skip


def _remember_classes(layer: Any) -> None:
    """Makes a user's classes known to Keras 3 by name: techniques copy a model, and make its layers from settings."""
    known = keras3().saving.get_custom_objects()
    for member in layer._flatten_layers():
        if not is_keras_own(member):
            known.setdefault(keras3().saving.get_registered_name(type(member)), type(member))


def _host(layer: Any, name: str) -> Any:
    _remember_classes(layer)
    try:
        serialized = keras3().saving.serialize_keras_object(layer)
        return Hosted(serialized, name=name, trainable=layer.trainable, dtype=policy_name(layer))
    except UnsupportedModel:
        raise
    except Exception as error:  # get_config and __init__ are the user's own
        raise UnsupportedModel(
            f"load_model: layer {layer.name!r} ({type(layer).__name__}) must be one that its settings can make. "
            f"Received: {type(error).__name__}: {' '.join(str(error).split())[:200]} Give it a get_config(), and "
            "register its class with keras.saving.register_keras_serializable."
        ) from error


def _graph(model: Any) -> Any:
    graph = functional(model)
    if graph is None:
        raise NoTwin(f"the model {model.name!r} inside of it has no graph")
    return graph


def _as_input(tensor: Any, wanted: Any) -> Any:
    """What a nested model makes of a tensor that it is called on: its input's dtype."""
    dtype = "float32" if str(wanted.dtype) in ("float16", "bfloat16") else wanted.dtype
    return tensor if tensor.dtype == dtype else tf.cast(tensor, dtype)


def _constant(value: Any) -> Any:
    """Arrays of Keras 3 as NumPy's, which tf_keras can write into a model's configuration."""
    if tf.is_tensor(value):
        value = value.numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        return value.item() if value.ndim == 0 else value
    return value
