"""The layers of a Keras model as rows: figures by measuring/measure.py, and what pruning and QAT would take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...backend.tensorflow import is_quantization_aware, tf
from ...measuring.measure import (
    kernel_variables,
    layer_variables,
    leaf_layers,
    macs_by_layer,
    overall_sparsity,
    plain_name,
    zero_share,
)
from ..hints import of_layers
from ..values import NO, NOT_ASKED, YES, FakeQuantization, Gpu, KerasFile, KernelFacts, LayerRow, Support
from .prunable import pruning_support
from .quantizable import qat_support
from .quantizable_alone import layerwise_support


def inspect_keras(model: Any, file: str, origin: str, raw_bytes: int, largest_difference: float | None) -> KerasFile:
    """What there is to say of a model.

    Args:
      model: a functional tf_keras model, as `load_model` gives it.
      file: where it came from.
      origin: what it was, as in `LoadReport`.
      raw_bytes: of the file.
      largest_difference: from the original, as in `LoadReport`.
    """
    qat, whole = qat_support(model)
    layerwise, left = layerwise_support(model) if whole.status == NO else (whole, {})  # it takes what tfmot takes
    pruning, macs = pruning_support(model), macs_by_layer(model)
    rows = tuple(_row(layer, macs, pruning[layer.name], qat[layer.name]) for layer in leaf_layers(model))
    return KerasFile(
        file=file,
        origin=origin,
        model=model.name,
        raw_bytes=raw_bytes,
        largest_difference=largest_difference,
        inputs=tuple(_end(tensor) for tensor in tf.nest.flatten(model.inputs)),
        outputs=tuple(_end(tensor) for tensor in tf.nest.flatten(model.outputs)),
        layers=rows,
        totals=_totals(model, rows, macs),
        qat=whole,
        quantize_aware=layerwise,
        stays_in_float=left,
        gpu=Gpu(NOT_ASKED, "--gpu asks the delegate"),
        hints=of_layers(rows),
    )


def _row(layer: Any, macs: dict[str, int | None], pruning: Support, qat: Support) -> LayerRow:
    name, kernels = plain_name(layer), {key: value.numpy() for key, value in kernel_variables(layer).items()}
    num_parameters = sum(int(variable.shape.num_elements()) for variable in layer_variables(layer))
    return LayerRow(
        name=name,
        type=_type(layer),
        output_shape=_shape(layer),
        num_parameters=num_parameters,
        num_macs=macs.get(name, 0),
        float32_bytes=4 * num_parameters,
        dtype=layer.dtype_policy.name,
        kernels=tuple(
            KernelFacts(key, tuple(values.shape), zero_share(values), len(np.unique(values)))
            for key, values in kernels.items()
        ),
        sparsity=overall_sparsity(kernels) if kernels else None,
        quantization=tuple(_quantizers(layer)),
        pruning=pruning,
        qat=qat,
    )


def _totals(model: Any, rows: tuple[LayerRow, ...], macs: dict[str, int | None]) -> dict[str, Any]:
    with_kernels = [row for row in rows if row.kernels]
    sizes = {row.name: sum(int(np.prod(kernel.shape)) for kernel in row.kernels) for row in with_kernels}
    num_weights = sum(sizes.values())
    zeros = sum(kernel.sparsity * int(np.prod(kernel.shape)) for row in with_kernels for kernel in row.kernels)
    return {
        "num_layers": len(rows),
        "num_layers_with_kernels": len(with_kernels),
        "num_parameters": sum(row.num_parameters for row in rows),
        "float32_bytes": sum(row.float32_bytes for row in rows),
        "num_macs": sum(count for count in macs.values() if count is not None),
        "uncounted_layers": [name for name, count in macs.items() if count is None],
        "num_weights": num_weights,
        "sparsity": zeros / num_weights if num_weights else None,
        "num_prunable_layers": sum(row.pruning.status != NO for row in with_kernels),
        "num_prunable_weights": sum(sizes[row.name] for row in with_kernels if row.pruning.status == YES),
        "quantization_aware": is_quantization_aware(model),
    }


def _type(layer: Any) -> str:
    """The class, without tfmot's wrapper around it; of one that Keras 3 computes, its class there."""
    inner = layer.layer if hasattr(layer, "_weight_vars") else layer
    kind = type(inner).__name__
    if kind == "Hosted":
        return f"{layer.get_config()['operation']['class_name']} (Keras 3)"
    return kind


def _shape(layer: Any) -> Any:
    """The shape of the layer's first output; a list of shapes for several."""
    shape = layer.get_output_shape_at(0)
    shapes = list(shape.values()) if isinstance(shape, dict) else shape
    if isinstance(shapes, list):
        return shapes[0] if len(shapes) == 1 else tuple(tuple(item) for item in shapes)
    return tuple(shapes)


def _end(tensor: Any) -> dict[str, Any]:
    return {"name": plain_name(tensor.node.layer), "shape": tuple(tensor.shape), "dtype": tensor.dtype.name}


def _quantizers(layer: Any) -> Iterator[FakeQuantization]:
    """tfmot's fake quantizers of a layer: of its kernels, its activation, its output, or of the model's input."""
    for weight, quantizer, held in getattr(layer, "_weight_vars", ()):
        yield _fake(weight.name.split(":")[0].split("/")[-1], quantizer, held)
    for wrapped in getattr(layer, "_quantize_activations", ()):
        held = getattr(wrapped, "_post_activation_vars", None) or getattr(wrapped, "_pre_activation_vars", None)
        if held:
            yield _fake("activation", wrapped.quantizer, held)
    if getattr(layer, "_output_quantizers", ()):
        yield _fake("output", layer._output_quantizers[0], layer._output_quantizer_vars)
    if type(layer).__name__ == "QuantizeLayer" and layer.quantizer:
        yield _fake("input", layer.quantizer, layer.quantizer_vars)


def _fake(of: str, quantizer: Any, held: dict[str, Any]) -> FakeQuantization:
    low, high = held["min_var"].numpy(), held["max_var"].numpy()
    return FakeQuantization(of, int(quantizer.num_bits), low.ndim > 0, float(low.min()), float(high.max()))
