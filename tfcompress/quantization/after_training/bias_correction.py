"""Bias correction: what rounding a kernel adds to a layer's outputs on average is taken off its bias."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ...core.errors import NothingHappened, UnsupportedModel, expect
from ...core.remarks import remark
from ...core.types import SPARSITY, Data, Promise
from ...graph.network import kernel_of
from ...models_io.copying import copy_model
from ..kernels import channel_axes
from ..quantizers.affine import Affine
from .adaptive_rounding import AdaptiveRounding
from .folding import fold, say_what_is_left
from .layerwise import examples, followed, linear, read_by

if TYPE_CHECKING:
    import numpy as np


def mean_outputs(model: Any, name: str, inputs: np.ndarray) -> np.ndarray:
    """The mean of each output channel of a layer before its activation, shape (channels,), in float64."""
    import numpy as np

    layer = model.get_layer(name)
    total: Any = 0.0
    count = 0
    for read in read_by(model, name, inputs):
        outputs = linear(layer, read, kernel_of(layer)).numpy()
        columns = outputs.reshape(-1, outputs.shape[-1])
        total = total + columns.sum(axis=0, dtype=np.float64)
        count += len(columns)
    return total / count


@dataclasses.dataclass(frozen=True)
class CorrectBias:
    """Rounds kernels to int8, and takes off each bias what that adds to the layer's outputs on average.

    For a layer with inputs x, shape (N, ..., in), that reads x^ once the layers before it are rounded and corrected:
    b <- b - (E[W^ x^] - E[W x]), the means by output channel, before the activation, over training examples. What comes
    out is a float model whose kernels lie on the grid of TFLite's int8, and stay there when `Int8` writes them. Batch
    normalization is folded before; a layer without a bias is rounded only, and named.

    Args:
      per_channel: as the exporter's, whether each output channel has a scale of its own. Defaults to True.
      num_examples: of the training split, at least 1. Defaults to 512.
      rounding: `AdaptiveRounding`, of the same `per_channel`, to correct what it leaves. Defaults to None: to nearest,
        as the exporter rounds.
      seed: of the choice of examples. Defaults to 0.

    Raises:
      InvalidValue: for a value out of range.
      UnsupportedModel: for a model that is quantization-aware, or without a layer with a bias that it knows.
      NothingHappened: when all kernels lie on the grid already.

    Example:

    >>> CorrectBias(per_channel=False).rounding is None
    True

    Reference: Nagel, van Baalen, Blankevoort and Welling, "Data-free quantization through weight equalization and bias
    correction", 2019, section 4.2 and appendix D, https://arxiv.org/abs/1906.04721
    """

    takes: ClassVar[Literal["data"]] = "data"

    per_channel: bool = True
    num_examples: int = 512
    rounding: AdaptiveRounding | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        expect(isinstance(self.per_channel, bool), self, "per_channel", "must be True or False", "Use True.")
        whole = isinstance(self.num_examples, int) and self.num_examples >= 1
        expect(whole, self, "num_examples", "must be a whole number of at least 1", "Use 512.")
        known = self.rounding is None or isinstance(self.rounding, AdaptiveRounding)
        fix = f"Use AdaptiveRounding(per_channel={self.per_channel})."
        expect(known, self, "rounding", "must be an AdaptiveRounding, or None", fix)
        alike = self.rounding is None or self.rounding.per_channel == self.per_channel
        expect(alike, self, "rounding", f"must have per_channel={self.per_channel}, as the correction", fix)

    @property
    def makes(self) -> frozenset[str]:
        """Nothing that a file could be held to."""
        return frozenset()

    @property
    def keeps(self) -> frozenset[str]:
        """Zeros, which are a level."""
        return frozenset({SPARSITY})

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """None."""
        return ()

    def apply(self, model: Any, data: Data) -> Any:
        """Gives a copy of `model` with rounded kernels and corrected biases, by examples of the training split."""
        folded = fold(model, "CorrectBias")
        exact = folded.model
        layers = followed(exact, "CorrectBias")
        names = [layer.name for layer in layers if layer.use_bias]
        if not names:
            raise UnsupportedModel(
                "CorrectBias expects a layer with a bias. Received: layers without. Train with use_bias=True, or use "
                "AdaptiveRounding."
            )
        inputs = examples(model, data, self.num_examples, self.seed)
        rounded = copy_model(exact) if self.rounding is None else self.rounding.apply(exact, data)
        if self.rounding is None:
            for layer in layers:
                _to_nearest(rounded.get_layer(layer.name), self.per_channel)
        if not any(_differs(layer, rounded.get_layer(layer.name)) for layer in layers):
            raise NothingHappened(
                "CorrectBias expects kernels that rounding changes. Received: kernels that lie on the int8 grid "
                "already. Use it on the float model, with rounding=AdaptiveRounding(...) for what that leaves."
            )
        moved = {name: _correct(exact, rounded, name, inputs) for name in names}
        most = max(moved, key=moved.__getitem__)
        remark(f"{len(names)} biases were corrected, that of {most} most: by {moved[most]:.3g} in a channel.")
        without = [layer.name for layer in layers if not layer.use_bias]
        if without:
            remark(f"Without a bias that could be corrected: {', '.join(without)}.")
        say_what_is_left(folded)
        return rounded


def _to_nearest(layer: Any, per_channel: bool) -> None:
    kernel = kernel_of(layer)
    axes = channel_axes(layer, kernel.name.split("/")[-1].split(":")[0])
    kernel.assign(Affine(per_channel=per_channel).approximate(kernel.numpy(), axes, layer.name))


def _differs(layer: Any, other: Any) -> bool:
    """Whether two kernels differ by more than float32's own rounding."""
    import numpy as np

    return not np.allclose(kernel_of(layer).numpy(), kernel_of(other).numpy(), rtol=1e-5, atol=0.0)


def _correct(exact: Any, rounded: Any, name: str, inputs: np.ndarray) -> float:
    """Corrects one bias of `rounded`; gives how far the channel moved that moved most."""
    import numpy as np

    shift = mean_outputs(rounded, name, inputs) - mean_outputs(exact, name, inputs)
    bias = rounded.get_layer(name).bias
    bias.assign((bias.numpy() - shift).astype(np.float32))
    return float(np.abs(shift).max())
