"""The real GPU delegate, asked about a file: whether it takes all of it, what it refuses, how its outputs differ."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.examples.source import Split
from ...core.tasks.task import VALUES, BoundTask, Output, Tolerance
from ...core.types import Artifact, Data, Finding
from ...delegates import worker
from ...delegates.gpu import GpuDelegate, first_wrong
from ..values import NO, NOT_RUN, NOTHING_TO_DO, PARTLY, UNKNOWN, WRONG, YES, Gpu, Support, TensorRow, TfliteFile

if TYPE_CHECKING:
    import numpy as np

NUM_EXAMPLES = 4
TIME_LIMIT_S = 120.0
_CPU = "cpu"
_ROUNDING = 0.1  # of the largest output; int8 files were seen to stay within 0.02 of it
_KNOWN_WRONG = (
    "LiteRT's GPU delegate is known to take strided 1x1 convolutions with integer weights as if the stride were 1; "
    "tfcompress exports none."
)
_QUANTIZED = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}


@dataclasses.dataclass(frozen=True)
class RandomInputs(Data):
    """A few random examples for one input tensor; there are no labels, so all are 0."""

    tensor: TensorRow
    title: str = "random inputs"
    num_train: int = NUM_EXAMPLES
    num_classes: int = 1
    seed: int = 0

    def load(self) -> tuple[Split, Split]:
        """Numbers that the tensor can hold: real ones in its quantized range, whole ones that are 0 or 1."""
        import numpy as np

        split = Split(_random(self.tensor, self.seed), np.zeros(NUM_EXAMPLES, "int64"))
        return split, split


def _random(tensor: TensorRow, seed: int) -> np.ndarray:
    import numpy as np

    random, shape = np.random.default_rng(seed), (NUM_EXAMPLES, *tensor.shape[1:])
    if tensor.dtype in _QUANTIZED and tensor.scale:
        low, high = _QUANTIZED[tensor.dtype]
        return ((random.integers(low, high + 1, shape) - tensor.zero_point[0]) * tensor.scale[0]).astype("float32")
    if tensor.dtype.startswith("float"):
        return random.random(shape, "float32")
    return random.integers(0, 2, shape).astype(tensor.dtype)


def ask_gpu(path: Path, file: TfliteFile, asked_of: str, against_cpu: bool = False, layers: Sequence[str] = ()) -> Gpu:
    """Gives a .tflite to the GPU delegate, in a child process, and compares with the CPU's built-in kernels.

    Args:
      path: the file.
      file: what is in it.
      asked_of: what it is, for the reader: "the file", or "a float32 export".
      against_cpu: whether to look for the first operation that it computes otherwise than the CPU. Defaults to False.
      layers: names of the Keras model's layers, by which that operation is called. Defaults to none: by its tensor.

    Returns:
      "yes" with the adapter's name, "no" with what is refused, or "not run" with the reason and the fix.
    """
    if (len(file.inputs), len(file.outputs)) != (1, 1):
        reason = f"the check knows files with one input and one output; this has {len(file.inputs)} and "
        return Gpu(NOT_RUN, f"{reason}{len(file.outputs)}", asked_of=asked_of)
    data = RandomInputs(file.tensor(file.inputs[0]))
    mode = "float32" if all(tensor.dtype not in _QUANTIZED for tensor in file.tensors) else "int8"
    sizes = (file.raw_bytes, file.zipped_bytes, file.sha256)
    artifact = Artifact(path.resolve(), mode, *sizes, layers=tuple(layers))
    job = worker.Job(str(artifact.path), "builtin", with_latency=False)
    on_cpu = worker.observe(job, data.test_on_disk, (), TIME_LIMIT_S)
    if on_cpu.outputs is None:
        return Gpu(NOT_RUN, f"the file does not run on the CPU: {on_cpu.failure}", asked_of=asked_of)
    outputs = dict(zip(on_cpu.output_names, on_cpu.outputs, strict=True))
    anything = Tolerance(sqnr_db={"": -math.inf}, top_1_agreement=0.0)  # the difference is looked at below
    task = BoundTask(tuple(Output(name, VALUES) for name in outputs), metrics=(), tolerance=anything)
    found = GpuDelegate(time_limit_s=TIME_LIMIT_S).run(artifact, data, {_CPU: outputs}, task)
    gpu = _doubted(_from_finding(found, asked_of), float(max(abs(values).max() for values in outputs.values())))
    if not against_cpu or gpu.status not in (YES, WRONG):
        return gpu
    first = first_wrong(artifact, data, TIME_LIMIT_S)
    if first is None:
        return gpu
    reason = f"{gpu.reason}; " if gpu.reason else ""
    words = f"{reason}the first operation that departs from the CPU's is {first}"
    return dataclasses.replace(gpu, status=WRONG, reason=words, first_wrong=dataclasses.asdict(first))


def _doubted(gpu: Gpu, largest_output: float) -> Gpu:
    """`gpu`, or "wrong" where the outputs are further from the CPU's than rounding to int8 takes them."""
    if gpu.status != YES or gpu.largest_difference is None or gpu.largest_difference <= _ROUNDING * largest_output:
        return gpu
    reason = f"its outputs differ from the CPU's by up to {gpu.largest_difference:.2g}, of at most {largest_output:.2g}"
    return dataclasses.replace(gpu, status=WRONG, reason=reason, fix=_KNOWN_WRONG)


def _from_finding(found: Finding, asked_of: str) -> Gpu:
    return Gpu(
        status={"pass": YES, "fail": NO}.get(found.status, NOT_RUN),
        reason=found.reason,
        fix=found.fix,
        device=found.device,
        asked_of=asked_of,
        num_ops=found.num_ops,
        num_delegated_ops=found.num_delegated_ops,
        largest_difference=max(
            (seen.largest_difference for seen in found.agreement.get(_CPU, {}).values()), default=None
        ),
        refusals=tuple(dataclasses.asdict(refusal) for refusal in found.refusals),
    )


def operator_support(gpu: Gpu, ops: Sequence[str]) -> list[Support]:
    """What the delegate's reply says of each operation, and no more than it says.

    It names kinds of operations. Where the file has one of a kind, or as many of these kinds as stay off the GPU, each
    of them is refused; else some are. "yes" is what it has nothing against; behind a refused operation it may yet stay
    on the CPU.

    >>> gpu = Gpu("no", "", num_ops=3, num_delegated_ops=1, refusals=({"op": "GATHER", "reason": "1D only"},))
    >>> [support.status for support in operator_support(gpu, ["CONV_2D", "GATHER", "SOFTMAX"])]
    ['yes', 'no', 'yes']
    """
    if gpu.status == WRONG:
        return _around(gpu, len(ops))
    if gpu.status != NO:
        return [Support(gpu.status, "" if gpu.status == YES else gpu.reason)] * len(ops)
    if not gpu.refusals or gpu.num_ops is None or gpu.num_delegated_ops is None:
        return [Support(UNKNOWN, f"the delegate stops at the file as a whole: {gpu.reason}")] * len(ops)
    reasons: dict[str, list[str]] = {}
    for refusal in gpu.refusals:
        reasons.setdefault(refusal["op"], []).append(refusal["reason"])
    counts = Counter(ops)
    are_all = sum(counts[op] for op in reasons) == gpu.num_ops - gpu.num_delegated_ops
    refused = {
        op: Support(NO, f"{op}: {'; '.join(given)}")
        if are_all or counts[op] == 1
        else Support(PARTLY, f"{op}, some or all of them: {'; '.join(given)}")
        for op, given in reasons.items()
    }
    return [refused.get(op, Support(YES)) for op in ops]


def _around(gpu: Gpu, count: int) -> list[Support]:
    """Of a file with wrong outputs: the operation that is known to be wrong, right ones before it, and what follows."""
    if gpu.first_wrong is None:
        return [Support(UNKNOWN, gpu.reason)] * count
    number, db = gpu.first_wrong["number"], gpu.first_wrong["sqnr_db"]
    words = f"{gpu.first_wrong['op']}: {db:.1f} dB from the CPU's"
    behind = Support(UNKNOWN, f"it is behind operation {number}, which is wrong")
    found = [*[Support(YES)] * number, Support(WRONG, words), *[behind] * (count - number - 1)]
    return (found + [behind] * count)[:count]  # loops have graphs of their own behind the main one


def layer_support(gpu: Gpu, file: TfliteFile, layers: Sequence[str], last: str) -> dict[str, Support]:
    """What the delegate's reply says of each layer, by the names that the exported file keeps of them.

    Args:
      gpu: its reply.
      file: the exported file.
      layers: the names of the model's layers.
      last: the layer that gives the model's output, whose name the converter replaces.
    """
    if gpu.status != NO and gpu.first_wrong is None:
        return dict.fromkeys(layers, *operator_support(gpu, [""]))
    support = operator_support(gpu, [row.op for row in file.operators])
    found: dict[str, list[Support]] = {name: [] for name in layers}
    for row, each in zip(file.operators, support, strict=True):
        for index in row.outputs:
            names = _named(file.tensor(index, row.graph).name, found)
            for name in names or ({last} if index in file.outputs else ()):
                found[name].append(each)
    return {name: _worst(supports) for name, supports in found.items()}


def _named(tensor: str, layers: Mapping[str, Any]) -> set[str]:
    """The layers whose names are in a tensor's name: "model/conv/Relu;model/quant_bn/FusedBatchNormV3" names two."""
    return {plain for part in re.split("[/;:]", tensor) if (plain := part.removeprefix("quant_")) in layers}


def _worst(found: Sequence[Support]) -> Support:
    if not found:
        return Support(NOTHING_TO_DO, "has no operation of its own in the exported file")
    order = {WRONG: 0, NO: 1, PARTLY: 2, UNKNOWN: 3, YES: 4}
    return min(found, key=lambda support: order[support.status])
