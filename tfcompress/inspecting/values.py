"""What an inspection finds, as values: plain types only, so that `dataclasses.asdict` is its JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

FORMAT = 1  # of the JSON; it grows by keys alone, and this number changes when one changes its meaning

YES, PARTLY, NO = "yes", "partly", "no"
NOTHING_TO_DO = "nothing to do"  # no kernel, no arithmetic
NOT_ASKED, NOT_RUN = "not asked", "not run"
WRONG = "wrong"  # the delegate takes all of it, and gives other outputs than the CPU
UNKNOWN = "unknown"  # asked, without a clear reply


@dataclasses.dataclass(frozen=True)
class Support:
    """Whether a technique or delegate would take something: one of the words above, and why or how to find out."""

    status: str
    reason: str = ""


GPU_NOT_ASKED = Support(NOT_ASKED, "--gpu asks the delegate")


@dataclasses.dataclass(frozen=True)
class KernelFacts:
    """A kernel: its zeros, and how many different values it has, which is few after weight clustering."""

    name: str
    shape: tuple[int, ...]
    sparsity: float
    distinct_values: int


@dataclasses.dataclass(frozen=True)
class FakeQuantization:
    """One fake quantizer of a quantization-aware layer; `minimum` and `maximum` are the widest over its channels."""

    of: str  # a kernel's name, "activation", "output" or "input"
    bits: int
    per_channel: bool
    minimum: float
    maximum: float


@dataclasses.dataclass(frozen=True)
class LayerRow:
    """A layer of a Keras model; `num_macs` is for one example, and None where no formula is known."""

    name: str
    type: str
    output_shape: Any  # a shape, or several; None stands for the batch
    num_parameters: int
    num_macs: int | None
    float32_bytes: int
    dtype: str
    kernels: tuple[KernelFacts, ...]
    sparsity: float | None  # over its kernels; None without one
    quantization: tuple[FakeQuantization, ...]
    pruning: Support
    qat: Support
    gpu: Support = GPU_NOT_ASKED


@dataclasses.dataclass(frozen=True)
class Gpu:
    """What the GPU delegate said of the whole file."""

    status: str  # "yes", "no", "wrong", "not asked" or "not run"
    reason: str = ""
    fix: str = ""
    device: str = ""
    asked_of: str = ""  # the kind of .tflite that it was given
    num_ops: int | None = None
    num_delegated_ops: int | None = None
    largest_difference: float | None = None  # from the CPU's outputs on random inputs
    refusals: tuple[Mapping[str, str], ...] = ()  # {"op", "reason"}
    # Of a file that it computes wrongly: {"number", "op", "tensor", "layer", "sqnr_db", "before_db"}; None if not asked
    first_wrong: Mapping[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class KerasFile:
    """A Keras model, as it came in."""

    file: str
    origin: str
    model: str
    raw_bytes: int
    largest_difference: float | None  # between it and the original, see loading
    inputs: tuple[Mapping[str, Any], ...]  # {"name", "shape", "dtype"}
    outputs: tuple[Mapping[str, Any], ...]
    layers: tuple[LayerRow, ...]
    totals: Mapping[str, Any]
    qat: Support  # tfmot's quantize_model, of the model as a whole
    quantize_aware: Support  # QuantizeAware, which goes layer by layer
    stays_in_float: Mapping[str, str]  # by layer the reason, when QuantizeAware takes the model
    gpu: Gpu
    hints: tuple[str, ...] = ()  # of the table of operations
    kind: Literal["keras"] = "keras"
    format: int = FORMAT


@dataclasses.dataclass(frozen=True)
class TensorRow:
    """A tensor of a .tflite; `scheme` is "", "per-tensor" or "per-channel"."""

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    constant_bytes: int
    scheme: str = ""
    num_scales: int = 0
    scale: tuple[float, ...] = ()  # the least and the largest; one where there is one
    zero_point: tuple[int, ...] = ()
    quantized_dimension: int | None = None
    is_sparse: bool = False  # stored in TFLite's sparse encoding
    graph: int = 0


@dataclasses.dataclass(frozen=True)
class OperatorRow:
    """An operation of a .tflite; its inputs and outputs are indices of tensors of the same graph, -1 for none."""

    index: int
    op: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    arithmetic: str  # "int8", "float32", "hybrid", "conversion", ...
    num_macs: int | None
    constant_bytes: int
    weights: int | None = None  # the tensor that holds its kernel, widened by another operation or not
    sparsity: float | None = None
    distinct_values: int | None = None
    gpu: Support = GPU_NOT_ASKED
    graph: int = 0


@dataclasses.dataclass(frozen=True)
class TfliteFile:
    """A .tflite file."""

    file: str
    raw_bytes: int
    zipped_bytes: int
    sha256: str
    version: int
    description: str
    metadata: tuple[Mapping[str, Any], ...]  # {"name", "bytes", "text"}
    signatures: tuple[Mapping[str, Any], ...]  # {"key", "inputs", "outputs"}
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[OperatorRow, ...]
    tensors: tuple[TensorRow, ...]
    totals: Mapping[str, Any]
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # by TFLite's metadata; {} where there is none
    gpu: Gpu = Gpu(NOT_ASKED, GPU_NOT_ASKED.reason)
    hints: tuple[str, ...] = ()  # of the table of operations
    kind: Literal["tflite"] = "tflite"
    format: int = FORMAT

    def tensor(self, index: int, graph: int = 0) -> TensorRow:
        """The tensor of this index in a graph."""
        return self._by_index[graph, index]

    @cached_property
    def _by_index(self) -> dict[tuple[int, int], TensorRow]:
        return {(row.graph, row.index): row for row in self.tensors}
