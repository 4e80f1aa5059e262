"""The graph of a tf_keras model, made anew in Keras 3 call by call: models inside flattened, shared layers shared."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...backend.calls import Call, is_tensor, replay
from ...backend.tensorflow import keras, tf
from ...core.errors import UnsupportedModel
from ...layers.twins import Hosted, filled, keras3
from ..loading.both_keras import functional, maker_name
from .interface import Interface
from .keras3_layers import NoForm, make_layer
from .keras3_operations import call_operation

OPERATIONS = ("TFOpLambda", "SlicingOpLambda")


def to_keras3_graph(graph: Any, names: Interface) -> Any:
    """Makes a functional Keras 3 model of a functional tf_keras model.

    Args:
      graph: the tf_keras model.
      names: of the new model, its inputs and its outputs, in the structures that they shall have.

    Raises:
      UnsupportedModel: names the layer that has no Keras 3 form, and says why.
    """
    return _Conversion().model(graph, names)


class _Conversion:
    """What has been made so far: layers by the identity of their originals, which have their weights, names taken."""

    def __init__(self) -> None:
        self.layers: dict[int, tuple[Any, Callable[[Any], Any] | None]] = {}
        self.filled: set[int] = set()
        self.names: set[str] = set()
        self.reserved: dict[int, str] = {}  # by the identity of a layer: what its output is called
        self.settled: set[int] = set()  # operations that have their names
        self.given: set[str] = set()  # names that operations have

    def model(self, graph: Any, names: Interface) -> Any:
        framework = keras3()
        self._reserve(graph, tf.nest.flatten(names.outputs))
        inputs = [
            framework.Input(
                batch_shape=tuple(tensor.shape),
                dtype=tf.as_dtype(tensor.dtype).name,
                name=self._name("", name),
                sparse=bool(getattr(tensor.node.layer, "sparse", False)),
            )
            for tensor, name in zip(graph.inputs, tf.nest.flatten(names.inputs), strict=True)
        ]
        outputs = self._run(graph, inputs, "", None)
        shaped = [
            tf.nest.pack_sequence_as(nest, tensors)
            for nest, tensors in ((names.inputs, inputs), (names.outputs, outputs))
        ]
        return framework.Model(*shaped, name=_plain(names.name))

    def _reserve(self, graph: Any, outputs: Sequence[str]) -> None:
        """Keeps the outputs' names for the layers that make them; one that makes several has the first's."""
        for tensor, name in zip(graph.outputs, outputs, strict=True):
            maker = _maker(tensor)
            if _plain(name) not in self.reserved.values():
                self.reserved.setdefault(id(maker), _plain(name))
        self.names.update(self.reserved.values())

    def _name(self, prefix: str, name: str) -> str:
        """A name of its own: the way through the nested models, joined by "_", and a number where it is taken."""
        wanted = _plain(f"{prefix}{name}")
        free, number = wanted, 1
        while free in self.names:
            free, number = f"{wanted}_{number}", number + 1
        self.names.add(free)
        return free

    def _name_of(self, layer: Any, prefix: str) -> str:
        return self.reserved.get(id(layer)) or self._name(prefix, layer.name)

    def _run(self, graph: Any, inputs: Sequence[Any], prefix: str, training: bool | None) -> list[Any]:
        """Calls all of `graph` on Keras 3 tensors; gives its outputs in order."""

        def again(call: Call, place: Callable[[Any], Any]) -> Any:
            args = tuple(tf.nest.map_structure(place, value) for value in call.args)
            kwargs = {key: tf.nest.map_structure(place, value) for key, value in call.kwargs.items()}
            return self._call(call.layer, args, kwargs, prefix, training)

        return replay(graph, inputs, again)

    def _call(self, layer: Any, args: Any, kwargs: dict[str, Any], prefix: str, training: bool | None) -> Any:
        explicit = kwargs.pop("training", None)
        explicit = training if explicit is None else explicit
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        inner = functional(layer) if isinstance(layer, keras.Model) else None
        if inner is not None:
            tensors = [value for value in tf.nest.flatten(args) if value is not None]
            fitting = [_as_input(value, wanted) for value, wanted in zip(tensors, inner.inputs, strict=True)]
            return self._run(inner, fitting, f"{prefix}{layer.name}_", explicit)
        try:
            if type(layer).__name__ in OPERATIONS:
                return self._settled(call_operation(layer, args, kwargs), self._name_of(layer, prefix))
            return self._layer_call(layer, args, kwargs, prefix, explicit)
        except NoForm as reason:
            raise _refusal(layer, str(reason)) from reason

    def _layer_call(self, layer: Any, args: Any, kwargs: dict[str, Any], prefix: str, training: bool | None) -> Any:
        _refuse_wrappers(layer)
        made, following = self._layer(layer, prefix)
        args, kwargs = _as_keras3_takes_them(layer, args, kwargs)
        if training is not None and getattr(made, "_call_has_training_arg", False):
            kwargs["training"] = training
        try:
            outputs = made(*args, **kwargs)
        except (TypeError, ValueError) as error:
            words = " ".join(str(error).split())[:200]
            raise NoForm(f"Keras 3's {type(made).__name__} does not take such a call: {words}") from error
        self._fill(layer, made)
        if following is None:
            return self._settled(outputs, made.name)
        return self._settled(tf.nest.map_structure(following, outputs), self._name_of(layer, prefix))

    def _layer(self, layer: Any, prefix: str) -> tuple[Any, Callable[[Any], Any] | None]:
        """The Keras 3 form of a layer, made once however often the layer is called."""
        if id(layer) not in self.layers:
            name = self._name_of(layer, prefix)
            hosted = isinstance(layer, Hosted)
            made, following = (_unhosted(layer, name), None) if hosted else make_layer(layer, name, _inner_model)
            if following is not None:  # the operation after it has the name
                made.name = self._name("", f"{name}_linear")
            if isinstance(made, keras3().layers.Layer):
                self.given.add(made.name)
            self.layers[id(layer)] = made, following
        return self.layers[id(layer)]

    def _fill(self, layer: Any, made: Any) -> None:
        """Gives a layer its weights, once."""
        if id(layer) in self.filled:
            return
        self.filled.add(id(layer))
        _copy_weights(layer, made)

    def _settled(self, outputs: Any, name: str) -> Any:
        """The same outputs, their new operations under names of their own: the last one's is `name`.

        Keras 3 numbers operations by itself, and two of a model would come to have one name.
        """
        waiting = [tensor for tensor in tf.nest.flatten(outputs) if is_tensor(tensor)]
        while waiting:
            history = waiting.pop()._keras_history
            operation = history.operation
            if id(operation) in self.settled or isinstance(operation, keras3().layers.InputLayer):
                continue
            self.settled.add(id(operation))
            if not isinstance(operation, keras3().layers.Layer):
                is_first = name not in self.given
                operation.name = name if is_first else self._name("", f"{name}_{type(operation).__name__}".lower())
                self.given.add(name)
            node = operation._inbound_nodes[history.node_index]
            waiting.extend(node.input_tensors)
        return outputs


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)


def _maker(tensor: Any) -> Any:
    """The layer that makes an output, inside of nested models too."""
    layer, _, index = tensor._keras_history
    inner = functional(layer) if isinstance(layer, keras.Model) else None
    return layer if inner is None else _maker(inner.outputs[index])


def _as_input(tensor: Any, wanted: Any) -> Any:
    """What a nested model makes of a tensor that it is called on: its input's dtype."""
    dtype = tf.as_dtype(wanted.dtype).name
    return tensor if tensor.dtype == dtype else keras3().ops.cast(tensor, dtype)


def _as_keras3_takes_them(layer: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The arguments of a call; tf_keras keeps a recurrent layer's input and initial states in one list."""
    is_recurrent = isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional))
    if not is_recurrent or not isinstance(args[0], (list, tuple)):
        return args, kwargs
    if getattr(layer, "_num_constants", None):
        raise NoForm("Keras 3's recurrent layers take no constants")
    sequences, *states = args[0]
    return (sequences, *args[1:]), {**kwargs, "initial_state": states}


def _refuse_wrappers(layer: Any) -> None:
    """Raises `UnsupportedModel` for what quantization-aware training and pruning put around or into a model."""
    home = type(layer).__module__
    quantizes = hasattr(layer, "quantize_config") or ".quantization." in home or ".layers.int8." in home
    if quantizes or type(layer).__name__ in ("QuantizeLayer", "Rounded"):
        raise UnsupportedModel(
            f"to_keras3: layer {layer.name!r} ({type(layer).__name__}) must have a Keras 3 form. Received: a "
            "quantization wrapper of QuantizeAware or the like, which has none. Use the .tflite, or the stage before."
        )
    if home.startswith("tensorflow_model_optimization"):
        raise UnsupportedModel(
            f"to_keras3: layer {layer.name!r} ({type(layer).__name__}) must be without tfmot's wrapper. Received: one "
            "that is still being pruned or clustered. Strip it first: strip_pruning, strip_clustering."
        )


def _refusal(layer: Any, reason: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"to_keras3: layer {layer.name!r} ({type(layer).__name__}) must have a Keras 3 form. Received: one of which "
        f"{reason}. Use the .tflite, or put a layer in its place that both Keras have."
    )


def _unhosted(layer: Hosted, name: str) -> Any:
    """A copy of what a hosted layer hosts, called as it is called there; what has no weights too."""
    framework, held = keras3(), layer._held.value
    serialized = framework.saving.serialize_keras_object(held)
    serialized["config"]["name"] = name
    own = {type(held).__name__: type(held)}
    made = framework.saving.deserialize_keras_object(serialized, custom_objects=own, safe_mode=False)
    if layer._call_arguments.value is None:
        return made
    return _CalledAs(made, layer._call_arguments.value)


class _CalledAs:
    """An operation with the arguments that a hosted layer of several remembers; it is called on their tensors."""

    def __init__(self, operation: Any, arguments: Any):
        self.operation, self.arguments = operation, arguments
        self.name, self.weights = operation.name, getattr(operation, "weights", [])
        self._call_has_training_arg = getattr(operation, "_call_has_training_arg", False)

    def __call__(self, inputs: Any, **training: Any) -> Any:
        args, kwargs = filled(self.arguments, tf.nest.flatten(inputs))
        outputs = self.operation(*args, **{**kwargs, **training})
        self.weights = getattr(self.operation, "weights", [])
        return outputs


def _copy_weights(layer: Any, made: Any) -> None:
    if isinstance(layer, Hosted):
        values = [np.asarray(weight.value) for weight in getattr(layer._held.value, "weights", [])]
    else:
        values = layer.get_weights()
    if hasattr(made, "get_vocabulary"):
        return  # its words are its weights, and it has them
    weights = list(getattr(made, "weights", []))
    have, want = [tuple(weight.shape) for weight in weights], [value.shape for value in values]
    if have != want:
        raise NoForm(f"the weights have shapes {want}, where Keras 3 has {have}")
    for weight, value in zip(weights, values, strict=True):
        weight.assign(value)
    if isinstance(made, keras3().layers.Normalization):
        made.finalize_state()  # it computes with the mean and the deviation that it works out here


def _inner_model(model: Any) -> Any:
    """The Keras 3 form of a model inside of a wrapper."""
    graph = functional(model)
    if graph is None:
        raise NoForm(f"the model {model.name!r} inside of it has no graph")
    inputs, outputs = ([maker_name(tensor) for tensor in tensors] for tensors in (graph.inputs, graph.outputs))
    names = Interface(model.name, *(each[0] if len(each) == 1 else each for each in (inputs, outputs)))
    return to_keras3_graph(graph, names)
