"""Static int8: weights and activations in int8 throughout, which integer-only hardware needs."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..backend.conversion import ConverterSettings
from ..backend.tensorflow import is_quantization_aware
from ..core.errors import InvalidValue, expect
from ..core.remarks import remark
from ..core.types import Artifact, Data
from .calibration import chosen_examples, class_labels, representative_dataset, to_calibrate
from .converting import convert, write
from .rewrites.int4_rows import with_int4_rows
from .rewrites.recurrent import expect_form, mode_suffix

HANDFUL = 5  # examples of a class, below which its ranges are a matter of luck


@dataclasses.dataclass(frozen=True)
class Int8:
    """Quantizes weights and activations to int8.

    The ranges of activations come from a representative data set, drawn from the training split; those of a
    quantization-aware model come from its training. An operation that TFLite knows in float only stays in float,
    between conversions; the share of kernels that are int8 is in the report.

    Args:
      num_representative: examples to calibrate with, at least 1; N where the training split has fewer. Defaults to 256.
      float_inputs_and_outputs: whether the caller gives and gets float32, converted inside the file. Defaults to False.
      seed: of the choice of examples. Defaults to 0.
      per_channel: whether each output channel of a kernel has a scale of its own; False gives each kernel one scale, as
        some accelerators want it, which costs accuracy where channels differ (see `Equalize`). It has no say in a
        quantization-aware model, whose training chose. Defaults to True.
      stratified: whether each class has as many of the examples, at least five. Defaults to False: drawn at random.
      recurrent: the form of recurrent layers: "auto" is a loop, which starts anew in each call; "fused" is TFLite's
        LSTM operation, for microcontrollers, whose states stay from call to call until an app resets them; "unrolled"
        lays out at most 256 steps, for the GPU delegate. Defaults to "auto".
      embedding_bits: of tables of embeddings: 8, with one scale, or 4, with a scale for each row. Defaults to 8.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> Int8(float_inputs_and_outputs=True).mode
    'int8_float_io'

    Reference: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", 2018, https://arxiv.org/abs/1712.05877
    """

    num_representative: int = 256
    float_inputs_and_outputs: bool = False
    seed: int = 0
    per_channel: bool = True
    stratified: bool = False
    recurrent: str = "auto"
    embedding_bits: int = 8

    def __post_init__(self) -> None:
        expect(self.num_representative >= 1, self, "num_representative", "must be at least 1", "Use 256.")
        for field, usual in (("per_channel", True), ("stratified", False)):
            expect(isinstance(getattr(self, field), bool), self, field, "must be True or False", f"Use {usual}.")
        expect(self.embedding_bits in (4, 8), self, "embedding_bits", "must be 4 or 8", "Use 8.")
        expect_form(self)

    @property
    def mode(self) -> str:
        """What the file is."""
        scales = "" if self.per_channel else "_per_tensor"
        ends = "_float_io" if self.float_inputs_and_outputs else ""
        rows = "" if self.embedding_bits == 8 else "_int4_embeddings"
        return f"int8{scales}{mode_suffix(self.recurrent)}{rows}{ends}"

    def convert(self, model: Any, data: Any, path: str | Path) -> Artifact:
        """Writes `path`, whole or not at all; remarks when a class has fewer than five of the calibration examples.

        Raises:
          ConversionFailed: with what the converter says of it.
          InvalidValue: when `stratified` would draw fewer than five examples of a class, or a float model comes
            without data.
          NothingHappened: when `embedding_bits` is 4, and there is no table that can have them.
        """
        if self.embedding_bits == 8:
            return self._convert(model, data, path)
        with tempfile.TemporaryDirectory() as folder:
            made = self._convert(model, data, Path(folder) / "int8.tflite")
            content = with_int4_rows(made.path.read_bytes())
        return write(content, path, self.mode, model, data, made.needs_reset, made.states)

    def _convert(self, model: Any, data: Any, path: str | Path) -> Artifact:
        """The file with embeddings of eight bits."""
        calibration = None if is_quantization_aware(model) else to_calibrate(data, self)
        if calibration is not None:
            self._look_at_examples(calibration)

        def examples() -> Iterator[Any]:
            known = to_calibrate(data, self)
            labels = class_labels(known) if self.stratified else None
            return representative_dataset(model, known, self.num_representative, self.seed, labels)

        io_type = "float32" if self.float_inputs_and_outputs else "int8"
        settings = ConverterSettings(optimize=True, io_type=io_type)
        if calibration is None:
            return convert(model, data, path, self.mode, settings, recurrent=self.recurrent)
        settings = dataclasses.replace(settings, ops=("TFLITE_BUILTINS_INT8",), per_channel=self.per_channel)
        return convert(model, data, path, self.mode, settings, examples, self.recurrent)

    def _look_at_examples(self, data: Data) -> None:
        """Remarks, or with `stratified` refuses, fewer than a handful of examples of a class."""
        import numpy as np

        labels = class_labels(data)
        if labels is None:
            if self.stratified:
                raise InvalidValue(
                    f"Int8.stratified draws equally many examples of each class. Received: {data.title}, whose targets "
                    "are no classes (N,) in memory. Use stratified=False."
                )
            return
        drawn = chosen_examples(len(labels), self.num_representative, self.seed, labels if self.stratified else None)
        counts = {int(label): int((labels[drawn] == label).sum()) for label in np.unique(labels)}
        few = {label: count for label, count in counts.items() if count < HANDFUL}
        if few and self.stratified:
            least = min(few, key=few.__getitem__)
            raise InvalidValue(
                f"Int8.num_representative must give {HANDFUL} examples of each of {len(counts)} classes with "
                f"stratified=True. Received: {self.num_representative!r}, which gives {few[least]} of {least}. "
                f"Use {HANDFUL * len(counts)} or more, and a training split that has them; or stratified=False."
            )
        if few:
            listed = ", ".join(f"class {label}: {count}" for label, count in few.items())
            remark(f"calibrated with fewer than {HANDFUL} examples of some classes ({listed}).", level=logging.WARNING)
