"""What a comparison is measured on: a data set by name, a folder of images, arrays in a file, or random numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import DataCorrupt, DataUnavailable, InvalidValue, UnsupportedModel
from ...core.examples.source import Split
from ...core.types import Data
from ...data.cifar10 import Cifar10
from ...data.digits import Digits
from ...data.folder import ImageFolder
from ...data.images import read_images
from ...data.listing import SUFFIXES
from ...data.sampling import batches

if TYPE_CHECKING:
    import numpy as np

_MOST_EXAMPLES = 256  # in a batch
_BATCH_NUMBERS = 1 << 22  # of a batch's inputs: activations are some ten times as many
NAMED = {"digits": Digits, "cifar10": Cifar10}
INPUTS, LABELS = "inputs", "labels"


@dataclasses.dataclass(frozen=True)
class Examples:
    """What a network is evaluated on, batch by batch: stored inputs become floats only when they are wanted."""

    data: Data
    split: Split
    with_labels: bool = True

    def __len__(self) -> int:
        return len(self.split)

    def __iter__(self) -> Iterator[np.ndarray]:
        size = max(1, min(_MOST_EXAMPLES, _BATCH_NUMBERS // max(1, self.split.inputs[:1].size)))
        yield from map(self.data.model_inputs, batches(self.split.inputs, size))

    @property
    def labels(self) -> np.ndarray | None:
        """Shape (N,), or None where there are none."""
        import numpy as np

        return np.asarray(self.split.targets).reshape(len(self)) if self.with_labels else None


@dataclasses.dataclass(frozen=True)
class MeasuredOn:
    """Examples, and what they are, for the reader."""

    examples: Examples
    title: str

    @property
    def inputs(self) -> np.ndarray:
        """All of them, as the model sees them."""
        import numpy as np

        return np.concatenate(list(self.examples))


@dataclasses.dataclass(frozen=True, eq=False)
class _Arrays(Data):
    """Inputs that are as the model sees them."""

    inputs: Any
    scale: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0

    def model_inputs(self, stored: np.ndarray) -> np.ndarray:
        """Whole numbers, as token models take, stay whole."""
        scaled = self.scale != 1.0 or self.offset != 0.0
        return super().model_inputs(stored) if scaled or stored.dtype.kind == "f" else stored


def measured_on(source: str | None, model: Any, num_examples: int, scaling: str = "0..1", seed: int = 0) -> MeasuredOn:
    """The examples that `source` says, drawn at random where there are more than wanted.

    Args:
      source: "digits" or "cifar10" (their test splits), an .npz file with `inputs` and perhaps `labels`, a folder of
        class folders or a CSV file, a folder of images without classes; None for random numbers in [0, 1).
      model: which takes them, one input of a known shape.
      num_examples: at least 1.
      scaling: of images in a folder; see `ImageFolder`.
      seed: of the draw, and of random numbers.

    Raises:
      DataUnavailable, DataCorrupt, InvalidValue: for what is not there, cannot be read, or does not fit the model.
      UnsupportedModel: when the model has several inputs or outputs, or images of any size.
    """
    import numpy as np

    shape, dtype = _input(model)
    random = np.random.default_rng(seed)
    if source is None:
        values = random.random((num_examples, *shape), "float32")
        inputs = values if dtype.is_floating else (values < 0.5).astype(dtype.as_numpy_dtype)
        return MeasuredOn(_without_labels(_Arrays(inputs), inputs), "random inputs in [0, 1)")
    if source in NAMED:
        data = NAMED[source]()
        return _fitting(_test_split(data, num_examples, random), model, shape, data.title)
    path = Path(source).expanduser()
    if path.suffix == ".npz":
        return _fitting(_arrays(path, num_examples, random), model, shape, path.name)
    loose = _loose_images(path)
    if loose:
        return MeasuredOn(_images(loose, shape, scaling, num_examples, random), f"images in {path.name}")
    if not path.is_dir() and path.suffix.lower() != ".csv":
        raise DataUnavailable(
            f"--against and --data expect a .tflite, {', '.join(NAMED)}, an .npz file, a folder of images or a CSV "
            f"file that lists them. Received: {source}. There is none."
        )
    folder = ImageFolder(path, input_shape=_image_shape(shape), scaling=scaling, num_examples=num_examples)
    return _fitting(_test_split(folder, num_examples, random), model, shape, folder.title)


def _input(model: Any) -> tuple[tuple[int, ...], Any]:
    """The shape of one example, and its type."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UnsupportedModel(
            f"--against knows models with one input and one output. Received: {len(model.inputs)} and "
            f"{len(model.outputs)}. Compare its parts."
        )
    shape = tuple(model.inputs[0].shape[1:])
    if None in shape:
        raise UnsupportedModel(
            f"--against expects inputs of a known shape. Received: {shape}. Save the model with a fixed one."
        )
    return shape, model.inputs[0].dtype


def _without_labels(data: Data, inputs: np.ndarray) -> Examples:
    import numpy as np

    return Examples(data, Split(inputs, np.zeros(len(inputs), "int64")), with_labels=False)


def _test_split(data: Data, num_examples: int, random: np.random.Generator) -> Examples:
    data.require()
    chosen = _draw(len(data.test), num_examples, random)
    return Examples(data, Split(*data.test.batch(chosen)))


def _draw(size: int, num_examples: int, random: np.random.Generator) -> np.ndarray:
    import numpy as np

    return np.sort(random.permutation(size)[:num_examples])


def _arrays(path: Path, num_examples: int, random: np.random.Generator) -> Examples:
    import numpy as np

    try:
        # Opened here: NumPy leaves a damaged file open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise DataUnavailable(f"--data expects a file. Received: {path}. There is none of this name.") from error
    except Exception as error:  # zip, NumPy and zlib raise classes of their own
        raise DataCorrupt(f"{path} cannot be read: {error}. Write it with numpy.savez.") from error
    if INPUTS not in arrays or not len(np.atleast_1d(arrays[INPUTS])):
        raise DataCorrupt(
            f"{path} must hold an array {INPUTS!r} (N, ...), and {LABELS!r} (N,) if there are any. Received: "
            f"{', '.join(arrays) or 'nothing'}. Write numpy.savez(path, inputs=..., labels=...)."
        )
    inputs, labels = arrays[INPUTS], arrays.get(LABELS)
    chosen = _draw(len(inputs), num_examples, random)
    if labels is None:
        return _without_labels(_Arrays(inputs[chosen]), inputs[chosen])
    if labels.shape != inputs.shape[:1] or labels.dtype.kind not in "iu":
        raise DataCorrupt(
            f"{path} must hold whole numbers {LABELS!r} of shape {inputs.shape[:1]}. Received: {labels.dtype} of shape "
            f"{labels.shape}. Give class numbers, not one-hot vectors."
        )
    return Examples(_Arrays(inputs[chosen]), Split(inputs[chosen], labels[chosen]))


def _loose_images(path: Path) -> list[Path]:
    """Image files directly in a folder."""
    found = sorted(path.iterdir()) if path.is_dir() else []
    return [each for each in found if each.suffix.lower() in SUFFIXES and each.is_file()]


def _images(
    paths: Sequence[Path], shape: tuple[int, ...], scaling: str, num_examples: int, random: np.random.Generator
) -> Examples:
    """Images without classes, as `ImageFolder` would scale them."""
    sized = _image_shape(shape)
    like = ImageFolder(paths[0].parent, input_shape=sized, scaling=scaling)
    pixels = read_images([paths[number] for number in _draw(len(paths), num_examples, random)], sized)
    if scaling == "caffe":  # which has blue first
        pixels = pixels[..., ::-1]
    return _without_labels(_Arrays(pixels, like.scale, like.offset), pixels)


def _image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise UnsupportedModel(
            f"Images are for a model that takes (height, width, channels). Received: a model that takes {shape}. "
            "Give an .npz file."
        )
    return shape


def _fitting(examples: Examples, model: Any, shape: tuple[int, ...], title: str) -> MeasuredOn:
    """The examples, when they have the shape that the model takes and no class that it does not know."""
    found = examples.split.inputs.shape[1:]
    if found != shape:
        raise InvalidValue(
            f"--data must be inputs of shape {shape}, as the model takes. Received: {found} ({title}). Give data of "
            "that shape."
        )
    outputs = model.output_shape
    labels = examples.labels
    if labels is not None and (len(outputs) != 2 or outputs[1] is None or outputs[1] < 2):
        examples, labels = dataclasses.replace(examples, with_labels=False), None  # no classes: no labels
    if labels is not None and (int(labels.max()) >= outputs[1] or int(labels.min()) < 0):
        raise InvalidValue(
            f"--data must have labels from 0 to {outputs[1] - 1}, as the model gives {outputs[1]} classes. Received: "
            f"{int(labels.min())} to {int(labels.max())} ({title}). Give the data that it was trained for."
        )
    return MeasuredOn(examples, title)
