"""Evaluation of a classifier, imported by several benchmarks; runs nothing itself."""

from __future__ import annotations

from typing import Any

import tfcompress as tfc


def accuracy(model: Any, data: tfc.Data) -> float:
    """Of a Keras model, on the whole test split."""
    outputs = model.predict(data.model_inputs(data.test.inputs), batch_size=500, verbose=0)
    return float((outputs.argmax(-1) == data.test.targets).mean())
