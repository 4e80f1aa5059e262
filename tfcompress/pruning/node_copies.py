"""The note that Keras takes of a layer's call, written for a call of tensors alone.

`Node`'s constructor walks through arguments of any nesting, seven times. Of what it would find in a plain call nothing
has to be searched for.
"""

from __future__ import annotations

from typing import Any

_HELD = {
    *("layer", "is_input", "outputs", "call_args", "call_kwargs", "flat_input_ids", "flat_output_ids"),
    *("_flat_arguments", "_single_positional_tensor_passed", "_keras_inputs", "_keras_inputs_ids_and_indices"),
}


def note_call(node: Any, layer: Any, given: Any, output: Any) -> None:
    """Enters a call like that of `node` in the layers that it connects.

    Args:
      node: that of a call with one argument, tensors without masks, which gave one tensor.
      layer: the one that is called now.
      given: its argument, a tensor of Keras's or a list of them.
      output: what the call gives.
    """
    kind, history = type(node), getattr(node.outputs, "_keras_history", None)
    if vars(node).keys() != _HELD or history is None:
        kind(layer, call_args=(given,), call_kwargs={}, outputs=output)
        return
    several = isinstance(given, list)
    tensors = list(given) if several else [given]
    made = object.__new__(kind)
    identities = [str(id(tensor)) for tensor in tensors]
    vars(made).update(
        layer=layer,
        is_input=False,
        outputs=output,
        call_args=(tensors if several else given,),
        call_kwargs={},
        _flat_arguments=list(tensors),
        _single_positional_tensor_passed=not several,
        _keras_inputs=list(tensors),
        _keras_inputs_ids_and_indices=[(identity, place) for place, identity in enumerate(identities)],
        flat_input_ids=identities,
        flat_output_ids=[str(id(output))],
    )
    output._keras_history = type(history)(layer=layer, node_index=len(layer._inbound_nodes), tensor_index=0)
    layer._inbound_nodes.append(made)
    for tensor in tensors:
        origin = tensor._keras_history.layer
        if origin is not None:
            origin._outbound_nodes.append(made)
