"""A model made anew call by call: models inside of it flattened, layers replaced by others with the same weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..backend.calls import Call, is_tensor, replay
from ..backend.tensorflow import keras, tf
from ..models_io.copying import copy_model


def has_models_inside(model: Any) -> bool:
    """Whether a layer of `model` is a model itself."""
    return any(isinstance(layer, keras.Model) for layer in model.layers)


def flattened(model: Any) -> Any:
    """`model` without models inside, each layer under its own name; itself when it has none."""
    return rewritten(model, lambda layer: None) if has_models_inside(model) else model


def rewritten(
    model: Any, replacement: Callable[[Any], Any | None], after: Callable[[Any], Any | None] = lambda layer: None
) -> Any:
    """A flat copy of `model` in which `replacement` has changed layers, and `after` has put others behind them.

    Args:
      model: a functional model; it is left alone.
      replacement: for a layer the one to use, to be filled with its weights, or None to keep it. One that replaces a
        layer called on several tensors is called on their list.
      after: for a layer, an input included, the one that each of its outputs is given to, or None.
    """
    rewriting = _Rewriting(replacement, after)
    copy = copy_model(model)
    inputs = [
        keras.Input(batch_shape=tuple(tensor.shape), dtype=tensor.dtype, name=tensor.node.layer.name)
        for tensor in copy.inputs
    ]
    seen = [rewriting.followed(tensor.node.layer, made) for tensor, made in zip(copy.inputs, inputs, strict=True)]
    outputs = rewriting.run(copy, seen, "", None)
    shaped = tf.nest.pack_sequence_as(copy._nested_outputs, outputs)
    # A copy's layers are called once: those above have nodes of the model that they come from, too.
    return copy_model(keras.Model(inputs if len(inputs) > 1 else inputs[0], shaped, name=model.name))


class _Rewriting:
    """What has been made: the layer to use for each, and the names taken."""

    def __init__(self, replacement: Callable[[Any], Any | None], after: Callable[[Any], Any | None]) -> None:
        self.replacement, self.after = replacement, after
        self.used: dict[int, Any] = {}
        self.names: set[str] = set()

    def run(self, graph: Any, inputs: Sequence[Any], prefix: str, training: bool | None) -> list[Any]:
        """Calls all of `graph` on `inputs`; gives its outputs in order."""

        def again(call: Call, place: Callable[[Any], Any]) -> Any:
            args, kwargs = tf.nest.map_structure(place, (list(call.args), dict(call.kwargs)))
            return self.followed(call.layer, self._call(call.layer, args, kwargs, prefix, training))

        return replay(graph, inputs, again)

    def followed(self, layer: Any, outputs: Any) -> Any:
        """What the layer gave, given to the one behind it."""
        behind = self.after(layer)
        return outputs if behind is None else tf.nest.map_structure(behind, outputs)

    def _call(self, layer: Any, args: list[Any], kwargs: dict[str, Any], prefix: str, training: bool | None) -> Any:
        explicit = kwargs.get("training", training)
        if isinstance(layer, keras.Model):
            return self.run(layer, tf.nest.flatten(args), f"{prefix}{layer.name}_", explicit)
        if id(layer) not in self.used:
            new = self.replacement(layer)
            self.used[id(layer)] = (layer if new is None else new, new is not None)
            self._name(self.used[id(layer)][0], prefix)
            first = True
        else:
            first = False
        used, replaced = self.used[id(layer)]
        if explicit is not None and used._expects_training_arg:
            kwargs["training"] = explicit
        if replaced and _num_tensors(args, kwargs) > 1:
            args = [_in_order(layer, args, kwargs)]
            kwargs = {name: value for name, value in kwargs.items() if name == "training"}
        outputs = used(*args, **kwargs)
        if first and replaced:
            used.set_weights(layer.get_weights())
        return outputs

    def _name(self, layer: Any, prefix: str) -> None:
        """Gives the layer a name of its own, with the way through the models before it where it is taken."""
        if layer.name in self.names:
            layer._name = f"{prefix}{layer.name}"
        self.names.add(layer.name)


def _in_order(layer: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
    """The tensors that a layer is called on, in the order of its arguments, however they were given."""
    order = [name for name in layer._call_spec.arg_names if name in kwargs]
    others = [name for name in kwargs if name not in order]
    values = (*args, *(kwargs[name] for name in (*order, *others)))
    return [value for value in tf.nest.flatten(values) if is_tensor(value)]


def _num_tensors(args: Sequence[Any], kwargs: dict[str, Any]) -> int:
    return sum(is_tensor(value) for value in tf.nest.flatten((args, list(kwargs.values()))))
