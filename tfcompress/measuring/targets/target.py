"""What each kind of device takes: the modes, the form of recurrent layers, the checks, the operations, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from ...core.errors import UnsupportedModel, expect
from ..operation_table import CONTROL, table
from .file_operations import FileOp, named, operations_of

# Built-in operations that the interpreter of tflite-micro has, asked one by one (delegates/boards/lacking.py).
MICRO_VERSION = "0.dev20261023182759"
_IN_MICRO = """
ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS
BROADCAST_TO CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV
DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED
GATHER GATHER_ND GREATER GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG
LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG
NOT_EQUAL PACK PAD PADV2 PRELU QUANTIZE READ_VARIABLE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE
RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND
SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE
TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE ZEROS_LIKE
"""
MICRO_OPERATIONS = frozenset(_IN_MICRO.split())
CONVERSIONS = ("QUANTIZE", "DEQUANTIZE", "CAST")
ETHOS_U = "ethos-u"  # the operation that Vela puts a network into
MOST_GPU_AXES = 4


@dataclasses.dataclass(frozen=True)
class Preset:
    """What is made for a target, and checked.

    Attributes:
      modes: exporters' modes that the target takes, the usual one first; others of the same beginning are taken, too.
      recurrent: forms of recurrent layers, tried in this order.
      checks: by the names of their classes, the yardstick of the others first.
      why: reasons, by "modes", "recurrent", "checks" and "operations".
    """

    modes: tuple[str, ...]
    recurrent: tuple[str, ...]
    checks: tuple[str, ...]
    why: Mapping[str, str]


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "cpu": Preset(
            ("int8", "dynamic_range", "float32", "float16", "mixed"),
            ("auto",),
            ("CpuXnnpack", "CpuBuiltin", "CpuReference", "CpuCompiledModel"),
            {
                "modes": "static int8 is fastest where the CPU has dot products of bytes, dynamic range needs no "
                "calibration; int16x8 is left to LiteRT's own kernels, many times slower",
                "recurrent": "a loop starts anew in each call, and CompiledModel runs it",
                "checks": "phones have XNNPACK, the others are what remains without it",
                "operations": "all that TFLite has; a custom one is the app's to bring",
            },
        ),
        "gpu": Preset(
            ("int8", "dynamic_range", "float32", "float16"),
            ("unrolled",),
            ("CpuXnnpack", "GpuDelegate"),
            {
                "modes": "the delegate computes in float, whatever the file has: int8 and dynamic range save bytes",
                "recurrent": "it refuses WHILE and variable tensors, and takes the steps laid out",
                "checks": "a delegate that computes wrongly is known by the CPU's outputs alone",
                "operations": "what the delegate refused in each file that was tried (docs/operations.md)",
            },
        ),
        "npu": Preset(
            ("int8", "int16x8"),
            ("fused", "unrolled"),
            ("CpuBuiltin", "CpuReference", "Vela"),
            {
                "modes": "an NPU computes in integers alone; int16 activations where int8 costs too much accuracy",
                "recurrent": "no NPU takes a loop; Vela takes the fused LSTM whole",
                "checks": "reference kernels are the definition that integer hardware is built to; Vela says what it "
                "would take, and estimates",
                "operations": "no float, no loops, no open shapes: each would go back to the CPU",
            },
        ),
        "mcu": Preset(
            ("int8",),
            ("fused", "unrolled"),
            ("CpuReference", "Microcontroller"),
            {
                "modes": "boards have kernels in int8 (CMSIS-NN) and little memory; hybrid operations are refused",
                "recurrent": "the fused LSTM is one operation, its steps inside; loops were seen not to end on boards",
                "checks": "the interpreter that firmware is built with gives the reference kernels' integers",
                "operations": f"those that tflite-micro has ({MICRO_VERSION}), in int8, with shapes that are known",
            },
        ),
    }
)


@dataclasses.dataclass(frozen=True)
class Objection:
    """Operations of a file that a target does not take, with their layers, and the reason."""

    operations: str
    reason: str

    def __str__(self) -> str:
        return f"{self.operations}: {self.reason}"


@dataclasses.dataclass(frozen=True)
class Target:
    """A kind of device: what files are made for it, how they are checked, and what it refuses (docs/targets.md).

    Args:
      name: "cpu", "gpu", "npu" or "mcu".

    Raises:
      InvalidValue: for another name.

    >>> Target("mcu").takes_mode("int8_fused"), Target("mcu").takes_mode("dynamic_range")
    (True, False)
    """

    name: str

    def __post_init__(self) -> None:
        expect(self.name in PRESETS, self, "name", f"must be one of {', '.join(PRESETS)}", "Use 'cpu'.")

    @property
    def preset(self) -> Preset:
        """What is made for it, and checked."""
        return PRESETS[self.name]

    def takes_mode(self, mode: str) -> bool:
        """Whether files of an exporter's mode are for it."""
        return any(mode == each or mode.startswith(f"{each}_") for each in self.preset.modes) or (
            "mixed" in self.preset.modes and mode.startswith("mixed")
        )

    def objections(self, path: Path, layers: Collection[str] = ()) -> tuple[Objection, ...]:
        """What the target would not take of a file; none of a file that is for it.

        Args:
          path: of the .tflite.
          layers: the Keras model's, by which operations are named. Defaults to none: by their tensors.

        Raises:
          UnreadableModel: when the file is no whole .tflite.
        """
        return objections(self.name, operations_of(path), layers)

    def require(self, path: Path, layers: Collection[str] = ()) -> None:
        """Raises `UnsupportedModel` where the target would not take a file, naming operations and layers."""
        found = self.objections(path, layers)
        if found:
            raise UnsupportedModel(
                f"A file for the target {self.name} must have operations that it takes. Received: {path} with "
                f"{'; '.join(map(str, found))}. Replace these layers, or choose another mode (docs/targets.md)."
            )


def objections(target: str, operations: Sequence[FileOp], layers: Collection[str] = ()) -> tuple[Objection, ...]:
    """The operations that a target does not take, together by reason, in the order of the file.

    >>> one = FileOp(0, 0, "ONE_HOT", False, "net/hot", ("int64",), (), ("int8",), 2, False, False)
    >>> [str(each) for each in objections("mcu", [one], ["hot"])]
    ['ONE_HOT (hot): tflite-micro has no such operation']
    """
    refuses = {"cpu": _cpu, "gpu": _gpu, "npu": _npu, "mcu": _mcu}[target]
    by_reason: dict[str, list[FileOp]] = {}
    for each in operations:
        reason = refuses(each)
        if reason:
            by_reason.setdefault(reason, []).append(each)
    return tuple(Objection(named(found, layers), reason) for reason, found in by_reason.items())


def _cpu(operation: FileOp) -> str:
    return "TFLite has no such operation of its own" if operation.is_custom else ""


def _gpu(operation: FileOp) -> str:
    kinds = {*operation.inputs, *operation.outputs}
    if operation.is_custom:
        return "the delegate knows no custom operation"
    if operation.op in CONTROL:
        return "the delegate takes no control flow; write recurrent layers with recurrent='unrolled'"
    if operation.has_variables:
        return "the delegate takes no variable tensors; write recurrent layers with recurrent='unrolled'"
    if "int16" in kinds:
        return "the delegate takes no int16"
    if operation.is_dynamic:
        return "the delegate takes no open shapes"
    if operation.most_axes > MOST_GPU_AXES:
        return f"the delegate takes at most {MOST_GPU_AXES} axes"
    mode = (
        "int8" if kinds <= {"int8", "uint8", "int32", "bool"} else "dynamic_range" if operation.is_hybrid else "float32"
    )
    said = table().refusals(operation.op, mode, "gpu")
    return f"the delegate said: {said[0]}" if said and table().is_refused(operation.op, mode, "gpu") else ""


def _npu(operation: FileOp) -> str:
    if operation.op == ETHOS_U:
        return ""
    if operation.is_custom:
        return "an NPU has no custom operation"
    if operation.op in CONTROL:
        return "an NPU takes no control flow; write recurrent layers with recurrent='fused' or 'unrolled'"
    if operation.is_dynamic:
        return "an NPU takes no open shapes"
    return _in_float(operation)


def _mcu(operation: FileOp) -> str:
    if operation.op == ETHOS_U:
        return ""
    if operation.is_custom or operation.op not in MICRO_OPERATIONS:
        return "tflite-micro has no such operation"
    if operation.op in CONTROL:
        return "loops were seen not to end on boards (tflite-micro #3674); write recurrent layers fused or unrolled"
    if operation.is_dynamic:
        return "an arena has no room for open shapes"
    if "int16" in operation.outputs and operation.op not in CONVERSIONS:
        return "it computes in int16, of which boards have few kernels; export Int8()"
    return _in_float(operation)


def _in_float(operation: FileOp) -> str:
    """Why an operation is not one of integers; conversions at the ends of a file are taken."""
    if operation.is_hybrid:
        return "it computes in float with weights of integers; export Int8()"
    if operation.op not in CONVERSIONS and "float32" in (*operation.inputs, *operation.outputs):
        return "it computes in float; export Int8(), or see what stays in float in docs/operations.md"
    return ""
