"""What a page tells beside the report: of each file its operations and weights, of the run where its bytes went.

It is measured once, after the run, and stands in report.json under "details"; the page reads it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..core.errors import TfcompressError
from ..measuring import tflite
from ..measuring.kernel_match import aligned_kernels
from ..running.examples.kept import FOLDER, kept_of
from ..running.records import MODEL, FileRecord
from ..running.report import Report
from ..running.store import Store
from .bytes_path import bytes_path, zipped_weights
from .histograms import weight_histograms
from .layers import operations_of
from .output_errors import output_errors
from .run_folder import FORMAT

if TYPE_CHECKING:
    import numpy as np

KEPT = ("reference", "classes", "outcomes", "changed", "examples", "described", "inputs", "scaling", "clips")


def details_of(report: Report, store: Store, safe_mode: bool = True) -> dict[str, Any]:
    """All that a page tells beside the report, as JSON. TensorFlow reads the models; nothing is trained.

    Args:
      report: of the run.
      store: its folder.
      safe_mode: False where the user trusts the code in the models. Defaults to True.

    Returns:
      `bytes` (steps of a waterfall), `files` (by variant: operations, weights), `kept` (of the test split: outcomes,
      and examples whose prediction changed), and `missing`: what could not be told, a sentence each.
    """
    models = _Models(report, store, safe_mode)
    missing: list[str] = []
    files = {}
    for file in report.files:
        try:
            files[file.variant] = _file(models, store, file)
        except (TfcompressError, OSError) as error:
            missing.append(f"The operations of {file.variant}: {' '.join(str(error).split())}")
    kept = kept_of(store)
    if not kept:
        missing.append("Predictions by class and changed examples: no check that was run kept predictions.")
    zipped = {stage.name: _zipped(models, stage.name) for stage in report.stages}
    return {
        "format": FORMAT,
        "bytes": bytes_path(report.stages, report.files, zipped),
        "files": files,
        "kept": {name: kept[name] for name in KEPT if name in kept},
        "missing": missing,
    }


class _Models:
    """The models of a run, each opened once, and their kernels."""

    def __init__(self, report: Report, store: Store, safe_mode: bool):
        self.store, self.safe_mode = store, safe_mode
        self.folders = {stage.name: f"{number}-{stage.name}" for number, stage in enumerate(report.stages, 1)}
        self.first = report.files[0].stage if report.files else report.stages[0].name
        self._models: dict[str, Any] = {}
        self._kernels: dict[str, Mapping[str, np.ndarray]] = {}

    def model(self, stage: str) -> Any:
        """A stage's model."""
        from ..models_io.loading.opening import open_saved  # which imports TensorFlow

        if stage not in self._models:
            self._models = {stage: open_saved(self.store.root / self.folders[stage] / MODEL, self.safe_mode)}
        return self._models[stage]

    def kernels(self, stage: str) -> Mapping[str, np.ndarray]:
        """A stage's kernels by "layer/kernel"."""
        from ..measuring.measure import kernels

        if stage not in self._kernels:
            self._kernels[stage] = kernels(self.model(stage))
        return self._kernels[stage]

    def before(self) -> dict[str, list[np.ndarray]]:
        """By layer, the kernels of the model that the first file was made of."""
        found: dict[str, list[np.ndarray]] = {}
        for name, values in self.kernels(self.first).items():
            found.setdefault(name.rpartition("/")[0], []).append(values)
        return found


def _zipped(models: _Models, stage: str) -> int | None:
    """None of a model that cannot be read: `missing` says so of its files."""
    try:
        return zipped_weights(list(models.kernels(stage).values()))
    except TfcompressError:
        return None


def _file(models: _Models, store: Store, file: FileRecord) -> dict[str, Any]:
    from ..measuring.measure import leaf_layers, plain_name

    path = store.root / file.path
    ours = models.kernels(file.stage)
    aligned = aligned_kernels(tflite.read(path), ours)
    layers = {plain_name(layer) for layer in leaf_layers(models.model(file.stage))}
    kernel_db = {each.name: each.sqnr_db for each in aligned}
    found = operations_of(path, layers, kernel_db, output_errors(path, models.model(file.stage), kept_inputs(store)))
    bits = {each["kernel"]: each["bits"] for each in found["operations"] if each["kernel"] and each["bits"]}
    is_first = file.stage == models.first and not any(each.is_integer for each in aligned)
    return {**found, "weights": [] if is_first else weight_histograms(aligned, models.before(), bits)}


def kept_inputs(store: Store) -> list[np.ndarray]:
    """The inputs of the kept examples as a model sees them, (N, ...) each; empty where none are kept."""
    import numpy as np

    kept = kept_of(store)
    names = [each.get("array") for each in kept.get("inputs", ())]
    if not names or None in names or not kept.get("examples"):
        return []
    arrays = [np.load(store.root / FOLDER / name, allow_pickle=False) for name in names]
    scaling = kept.get("scaling")
    if not scaling:
        return arrays
    scale, offset = (np.asarray(scaling[name], "float32") for name in ("scale", "offset"))
    return [array.astype("float32") * scale + offset for array in arrays]
