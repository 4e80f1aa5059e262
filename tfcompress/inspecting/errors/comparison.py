"""What is compared with what, as the command line says it: settings, checked before TensorFlow is there."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import UnreadableModel, Usage, expect
from ...data.scaling import SCALINGS
from ..kind import first_bytes, says_tflite

if TYPE_CHECKING:
    from .error_values import Errors
    from .measured_on import MeasuredOn

NUM_EXAMPLES = 512
SETTINGS = ("data", "scaling", "bits", "num_examples")  # as the command line has them, beside --against


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A comparison of a Keras model with a .tflite (`file`), or on data alone.

    Args:
      file: the .tflite; None to measure on `data` alone.
      data: what to run; None for random numbers. See `measured_on`.
      scaling: of images. Defaults to None: "0..1".
      bits: of the kernels of one layer alone, from 2 to 16. Defaults to None: what the file has, or 8.
      num_examples: at least 1. Defaults to 512.

    Raises:
      InvalidValue: for a value out of range.

    >>> Comparison(None, "digits").num_examples
    512
    """

    file: Path | None
    data: str | None
    scaling: str | None = None
    bits: int | None = None
    num_examples: int = NUM_EXAMPLES

    def __post_init__(self) -> None:
        known = self.scaling is None or self.scaling in SCALINGS
        expect(known, self, "scaling", f"must be one of {', '.join(SCALINGS)}", "Use 0..1.")
        expect(self.bits is None or 2 <= self.bits <= 16, self, "bits", "must be from 2 to 16", "Use 8.")
        expect(self.num_examples >= 1, self, "num_examples", "must be at least 1", "Use 512.")


def comparison(
    against: str, data: str | None, scaling: str | None, bits: int | None, num_examples: int | None
) -> Comparison:
    """What the options mean: `against` is a .tflite by its bytes or its name, or else data.

    Raises:
      UnreadableModel: for a .tflite that is not there.
      Usage: for data given twice.
      InvalidValue: for a value out of range.
    """
    path = Path(against)
    number = NUM_EXAMPLES if num_examples is None else num_examples
    if _is_tflite(path):
        return Comparison(path, data, scaling, bits, number)
    if data is not None:
        raise Usage(
            f"--data goes with --against FILE.tflite. Received: --against {against} --data {data}. Leave one of the "
            "two out."
        )
    return Comparison(None, against, scaling, bits, number)


def _is_tflite(path: Path) -> bool:
    """Whether a path is, or claims to be, a .tflite."""
    if path.is_file():
        return says_tflite(first_bytes(path, "--against")) or path.suffix == ".tflite"
    if path.suffix == ".tflite":
        raise UnreadableModel(f"--against must be a file or data. Received: {path}. There is none of this name.")
    return False


def compare(model: Any, file: str, wanted: Comparison, progress: Any) -> Errors:
    """The `Errors` of a float Keras model that came from `file`."""
    return compare_on(model, file, wanted, measured(model, wanted), progress)


def measured(model: Any, wanted: Comparison) -> MeasuredOn:
    """What it is to be measured on. Raises `UnreadableModel` for a .tflite that is damaged."""
    from ..tflite.reading import read_tflite
    from .measured_on import measured_on

    if wanted.file is not None:
        read_tflite(wanted.file)  # which says of a damaged file what is wrong with it
    return measured_on(wanted.data, model, wanted.num_examples, wanted.scaling or "0..1")


def compare_on(model: Any, file: str, wanted: Comparison, on: MeasuredOn, progress: Any) -> Errors:
    """The same on examples that are there."""
    from .against import errors_against, errors_on

    if wanted.file is not None:
        return errors_against(model, file, wanted.file, on, wanted.bits, progress)
    return errors_on(model, file, on, wanted.bits, progress)
