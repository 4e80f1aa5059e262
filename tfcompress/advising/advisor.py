"""All causes in their order, and `advise`: what to do next with a model and the file made of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import TfcompressError
from ..core.tasks.task import Task
from ..core.types import Advice
from .causes.calibration import calibration
from .causes.embedding import embedding
from .causes.float_island import float_island
from .causes.input_scale import input_scale
from .causes.kernel_ranges import kernel_ranges
from .causes.label_order import label_order
from .causes.off_xnnpack import off_xnnpack
from .causes.outlier_channel import outlier_channel
from .causes.pooling import pooling
from .causes.residual import residual
from .causes.swish import swish
from .causes.worst_layer import worst_layer
from .evidence import Evidence

if TYPE_CHECKING:
    from ..inspecting.errors.measured_on import MeasuredOn

# What makes all other figures wrong comes first, then what costs most of the predictions, then time, then bytes.
WRONG_DATA: tuple[Callable[[Evidence], Advice | None], ...] = (label_order, input_scale)
PRECISION: tuple[Callable[[Evidence], Advice | None], ...] = (
    *(kernel_ranges, pooling, residual, calibration, outlier_channel),
    worst_layer,  # where none of them says why
)
TIME_AND_BYTES: tuple[Callable[[Evidence], Advice | None], ...] = (float_island, off_xnnpack, swish, embedding)


def advice_from(evidence: Evidence) -> tuple[Advice, ...]:
    """What the causes say of the evidence, the most telling first; empty where nothing is wrong.

    >>> advice_from(Evidence())
    ()
    """
    data = [found for cause in WRONG_DATA if (found := cause(evidence)) is not None]
    precision = [found for cause in PRECISION if (found := cause(evidence)) is not None]
    rest = [found for cause in TIME_AND_BYTES if (found := cause(evidence)) is not None]
    return (*data[:1], *precision[:1], *rest)


# What a model or a file that nobody foresaw raises: there is then no advice, and nothing else is worse for it.
NO_ADVICE = (TfcompressError, OSError, ValueError, RuntimeError, TypeError, AttributeError, KeyError)
MOST_WORDS = 200  # characters of why there is none


def why_none(error: Exception) -> str:
    """Why there is no advice, in a line.

    >>> why_none(ValueError("a\\nb"))
    'No advice: ValueError: a b'
    """
    return f"No advice: {type(error).__name__}: {' '.join(str(error).split())}"[:MOST_WORDS]


def advice_on(model: Any, on: MeasuredOn, path: Path) -> tuple[Advice, ...]:
    """What `tfcompress inspect FILE --against PATH` says at its end, on the examples that it measured."""
    from ..inspecting.tflite.reading import read_tflite
    from .gathering import gather
    from .inspected import Inspected

    return advice_from(gather(model, Inspected(on.examples), None, path, read_tflite(path)))


def advise(
    model: Any, data: Any, file: str | Path | None = None, *, task: Task | None = None, mode: str = ""
) -> tuple[Advice, ...]:
    """Says what to do next with a model, and with the file that was made of it, from what is measured of both.

    A few dozen examples of the test split go through both. Where the file's predictions are far from the model's, each
    tensor is rounded alone as the file rounds it, to find the one that is the reason; the file's operations are looked
    at for those that stay in float or that XNNPACK leaves; and the labels for another order or scale of the inputs.

    Args:
      model: a model of `tf_keras` or `keras`, or the path of its file.
      data: what `dataset` makes of your examples, or another `Data`.
      file: a .tflite made of the model. Defaults to None: what the model and the data alone say.
      task: what is asked of the model. Defaults to None: what the data says.
      mode: what the file is, as exporters name it. Defaults to "".

    Returns:
      An `Advice` for each fault, the most telling first: `cause`, `sentence`, `layer`, `worth` and `follow`. Empty
      where nothing is wrong.

    Raises:
      UnreadableModel: for a file that is none, or that ends the process that runs it.
      InvalidValue: when the data does not fit the model.

    Example:

    >>> import tfcompress as tfc
    >>> tfc.advise(tfc.simple_cnn((8, 8, 1)), tfc.Digits(num_examples=640))
    ()
    """
    from ..backend.conversion import ConverterDied, require_survival
    from ..core.errors import UnreadableModel
    from ..data.dataset import as_data
    from ..inspecting.tflite.reading import read_tflite
    from ..models_io.loading.door import load_model
    from .gathering import gather

    known, arrived = as_data(data, "advise.data"), load_model(model)
    if file is None:
        return advice_from(gather(arrived, known, task))
    path = Path(file)
    if not path.is_file():
        raise UnreadableModel(f"advise.file must be a .tflite. Received: {path}. There is none of this name.")
    read = read_tflite(path)
    try:
        require_survival(path.read_bytes())
    except ConverterDied as error:
        raise UnreadableModel(f"{path} ends the process that runs it: it {error}. Export the file again.") from error
    return advice_from(gather(arrived, known, task, path, read, mode))
