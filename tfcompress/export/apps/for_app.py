"""A file for an app: it takes raw bytes, and gives probabilities or plain numbers, as far as that is asked for."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import ConversionFailed, InvalidValue, expect
from ...core.examples.nests import by_name
from ...core.examples.source import batches_of, head
from ...core.remarks import remark
from ...core.tasks.metrics import activated
from ...core.temporaries import in_temporary_folder
from ...core.types import Artifact, Exporter
from ...data.dataset import as_data
from ...measuring.file_run import in_order
from ...measuring.outputs import input_specs
from ...measuring.targets.file_operations import ends_of
from ...measuring.tensors import TensorType, dequantize, named_tensors
from ...measuring.tflite import zipped_bytes
from .ends import Rule, Surgeon

if TYPE_CHECKING:
    import numpy as np

NUM_COMPARED = 32
FLOAT_STEP = 1e-4  # of the largest output: what float files may differ by


@dataclasses.dataclass(frozen=True)
class ForApp:
    """Writes the file of another exporter with other inputs and outputs, which an app can give and use as they are.

    The data's scale and offset are folded into the file: into the quantization of the input where that holds them
    exactly, else by operations (a table for bytes). What the file takes is in the report and on the page of
    `WithMetadata`. The file is compared with the other exporter's on training examples, to a step of its outputs.

    Args:
      exporter: what writes the file: `Int8()`, say.
      inputs: "uint8" for bytes as they are stored, "float32" for stored numbers in float, 0..255 of images; None for
        what the other exporter takes. Defaults to "uint8".
      outputs: "float32" or "int8"; None for what the other exporter gives. Defaults to None.
      activation: "softmax" or "sigmoid" behind a model of one output that gives logits; "" for none. Defaults to "".

    Raises:
      InvalidValue: for a value out of range; when a file is written, for data that are no bytes, or a model that ends
        in an activation already.

    Example:

    >>> import tfcompress as tfc
    >>> ForApp(tfc.Int8(), outputs="float32", activation="softmax").mode
    'int8_uint8_in_softmax_float32_out'
    """

    exporter: Exporter
    inputs: str | None = "uint8"
    outputs: str | None = None
    activation: str = ""

    def __post_init__(self) -> None:
        known = self.inputs in ("uint8", "float32", None)
        expect(known, self, "inputs", "must be 'uint8', 'float32' or None", "Use 'uint8'.")
        expect(
            self.outputs in ("float32", "int8", None), self, "outputs", "must be 'float32', 'int8' or None", "Use None."
        )
        known = self.activation in ("softmax", "sigmoid", "")
        expect(known, self, "activation", "must be 'softmax', 'sigmoid' or ''", "Use ''.")
        changes = bool(self.inputs or self.outputs or self.activation)
        expect(changes, self, "inputs", "must be given, or outputs, or activation", "Use 'uint8'.")

    @property
    def mode(self) -> str:
        """What the file is: the other exporter's mode, and what is changed."""
        parts = [self.exporter.mode, self.inputs and f"{self.inputs}_in", self.activation]
        return "_".join(filter(None, [*parts, self.outputs and f"{self.outputs}_out"]))

    def convert(self, model: Any, data: Any, path: str | Path) -> Artifact:
        """Writes `path`, whole or not at all. Raises what the other exporter raises, and `InvalidValue`."""
        path = Path(path)
        if data is None:
            raise InvalidValue("ForApp.convert needs data, which has scale and offset. Received: None. Give some.")
        known = as_data(data, "ForApp.convert.data")
        with in_temporary_folder("app") as folder:
            made = self.exporter.convert(model, data, folder / path.name)
            content = self._changed(made, known)
            self._require_same(made.path.read_bytes(), content, model, known)
        _write(path, content)
        specs = made.outputs
        if self.activation:
            specs = tuple(dataclasses.replace(spec, activation=self.activation) for spec in specs)
        return dataclasses.replace(
            made,
            path=path,
            mode=self.mode,
            raw_bytes=len(content),
            zipped_bytes=zipped_bytes(content),
            sha256=hashlib.sha256(content).hexdigest(),
            outputs=specs,
            is_raw=self.inputs is not None,
            activation=self.activation,
        )

    def _changed(self, made: Artifact, data: Any) -> bytes:
        """The file with what was asked for, which is remarked."""
        surgeon = Surgeon(made.path.read_bytes())
        inputs, outputs = ends_of(made.path)
        said = []
        if self.inputs is not None:
            rule = Rule(_tuple(data.scale), _tuple(data.offset))
            for position, kind in enumerate(inputs):
                if kind.dtype not in ("float32", "int8", "int16"):
                    raise InvalidValue(
                        f"ForApp.inputs is for inputs of numbers. Received: {kind.name!r}, which takes {kind.dtype}. "
                        "Use inputs=None."
                    )
                how = surgeon.raw_input(position, self.inputs, rule, kind)
                said.append(f"takes {kind.name} as it is stored, {self.inputs}: scale and offset are {how}")
        for position, kind in enumerate(outputs):
            if self.activation:
                self._expect_logits(made)
                surgeon.activate(position, self.activation)
                said.append(f"ends in a {self.activation}")
            if self.outputs == "float32" and kind.scale:
                surgeon.float_output(position)
            elif self.outputs == "int8" and kind.dtype != "int8":
                raise InvalidValue(
                    f"ForApp.outputs='int8' is for a file that computes its outputs in int8. Received: "
                    f"{self.exporter.mode}, whose {kind.name!r} is {kind.dtype}. Use Int8(), or outputs='float32'."
                )
            if self.outputs:
                said.append(f"gives {kind.name} in {self.outputs}")
        remark(f"The file {', '.join(said)}.")
        return surgeon.content()

    def _expect_logits(self, made: Artifact) -> None:
        given = [spec.activation for spec in made.outputs if spec.activation]
        if len(made.outputs) != 1 or given:
            found = f"one that ends in {given[0]}" if given else f"{len(made.outputs)} outputs"
            raise InvalidValue(
                f"ForApp.activation is for a model of one output without an activation. Received: {found}. "
                "Use activation=''."
            )

    def _require_same(self, plain: bytes, content: bytes, model: Any, data: Any) -> None:
        """Raises `ConversionFailed` where the file gives something else for stored examples than the plain one does."""
        import numpy as np

        stored, _ = next(batches_of(head(data.train, NUM_COMPARED), NUM_COMPARED))
        arrays = by_name(stored, [spec.name for spec in input_specs(model)], "inputs")
        kinds = {array.dtype.name for array in arrays.values()}
        if self.inputs == "uint8" and kinds != {"uint8"}:
            raise InvalidValue(
                f"ForApp.inputs='uint8' is for data whose inputs are stored as uint8. Received: "
                f"{', '.join(sorted(kinds))}. "
                "Store images as bytes, with scale and offset; or use inputs='float32'."
            )
        rule = Rule(_tuple(data.scale), _tuple(data.offset))
        before, step = run_stored(plain, arrays, rule, False)
        after, finer = run_stored(content, arrays, rule, self.inputs is not None)
        for one, other, allowed in zip(
            before, after, [max(each) for each in zip(step, finer, strict=True)], strict=True
        ):
            expected = activated(one, self.activation) if self.activation else one
            limit = allowed or FLOAT_STEP * float(np.abs(expected).max(initial=0)) or FLOAT_STEP
            difference = float(np.abs(expected - other).max(initial=0))
            if not difference <= limit * 1.01:
                raise ConversionFailed(
                    f"The {self.mode} file does not compute what the {self.exporter.mode} file does: outputs differ by "
                    f"{difference:.3g}, and a step is {limit:.3g}. No file was written. Use the "
                    f"{self.exporter.mode} file alone."
                )


def run_stored(
    content: bytes, stored: Mapping[str, np.ndarray], rule: Rule, is_raw: bool
) -> tuple[list[np.ndarray], list[float]]:
    """What a file gives for stored inputs, as real numbers, and the step of each output; 0 of float ones.

    Args:
      content: of the file.
      stored: an array (N, ...) for each input, by the model's name for it.
      rule: what the data makes of them before a file that is not raw gets them.
      is_raw: whether the file has the rule inside.
    """
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    without = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    run = Interpreter(model_content=content, experimental_op_resolver_type=without)
    run.allocate_tensors()
    inputs, outputs = named_tensors(run)
    kinds = [TensorType.of(details, name) for name, details in outputs.items()]
    rows: list[list[np.ndarray]] = [[] for _ in kinds]
    encoders = []
    for name, details in inputs.items():
        kind = TensorType.of(details, name)
        plain = dataclasses.replace(kind, scale=0.0, zero_point=0)
        encoders.append(Rule((1.0,), (0.0,)).encoder(plain) if is_raw else rule.encoder(kind))
    given = in_order(stored, list(inputs))
    for number in range(len(next(iter(given.values())))):
        run.reset_all_variables()
        for array, details, encode in zip(given.values(), inputs.values(), encoders, strict=True):
            run.set_tensor(details["index"], encode(np.asarray(array[number : number + 1])))
        run.invoke()
        for row, details, kind in zip(rows, outputs.values(), kinds, strict=True):
            row.append(dequantize(run.get_tensor(details["index"]), kind))
    return [np.concatenate(row) for row in rows], [kind.scale for kind in kinds]


def _tuple(value: Any) -> tuple[float, ...]:
    return tuple(float(each) for each in value) if isinstance(value, tuple | list) else (float(value),)


def _write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    partial = path.with_name(f".partial-{path.name}")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
