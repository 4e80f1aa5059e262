"""Training curves and the figures of stages and files as TensorBoard reads them; its package is not needed."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..backend.tensorflow import tf
from ..core.disk import REFUSED, output_errors
from ..running.report import Report


def log_report(report: Report, folder: Path) -> None:
    """Writes what a run came to: a log for each stage with its curves by epoch, and one with the figures of each file.

    Args:
      report: of the run.
      folder: `tensorboard --logdir FOLDER` shows it; it is made.
    """
    for number, stage in enumerate(report.stages):
        curves = {
            **{f"training/{name}": values for name, values in stage.history.items()},
            **{f"stage/{name}": [value] for name, value in stage.metrics.items()},
            "stage/parameters": [stage.measurement.num_parameters],
            "stage/MACs": [stage.measurement.num_macs],
            "stage/sparsity": [stage.measurement.sparsity],
        }
        _write(folder / f"{number + 1}-{_plain(stage.name)}", curves)
    for file in report.files:
        first = next(iter(file.findings.values()), None)
        figures: dict[str, list[float]] = {"file/raw bytes": [file.raw_bytes], "file/zipped bytes": [file.zipped_bytes]}
        figures |= {f"file/{name}": [value] for name, value in (first.metrics if first else {}).items()}
        if first and first.latency:
            figures["file/median ms"] = [first.latency.median_ms]
        _write(folder / _plain(file.variant), figures)


def log_trials(figures: Mapping[int, Mapping[str, float]], folder: Path) -> None:
    """Writes the figures of a search's trials, each by the trial's number.

    Args:
      figures: by number, the figures of a trial.
      folder: as of `log_report`.
    """
    names = sorted({name for each in figures.values() for name in each})
    _write_steps(
        folder / "search",
        ((f"trial/{name}", number, each[name]) for number, each in figures.items() for name in names if name in each),
    )


def _write(folder: Path, curves: Mapping[str, Any]) -> None:
    _write_steps(folder, ((name, step, value) for name, values in curves.items() for step, value in enumerate(values)))


def _write_steps(folder: Path, points: Iterator[tuple[str, int, float]]) -> None:
    scalars = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class="DATA_CLASS_SCALAR"
    )
    with output_errors(folder, (*REFUSED, errno.ENOENT), "Choose another folder with --tensorboard."):
        folder.mkdir(parents=True, exist_ok=True)  # TensorFlow would say less of why it cannot
        writer = tf.summary.create_file_writer(str(folder))
        with writer.as_default():
            for name, step, value in points:
                tf.summary.write(name, tf.constant(float(value)), step=step, metadata=scalars)
        writer.close()


def _plain(name: str) -> str:
    """A name as one folder.

    >>> _plain("pruned int8")
    'pruned-int8'
    """
    return re.sub(r"[^\w.-]+", "-", name)
