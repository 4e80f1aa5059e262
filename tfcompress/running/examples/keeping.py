"""Keeps, in the run folder's examples/, what a page about the run shows of the test split.

kept.json has, by exported file, how its predictions went and which examples it predicts otherwise than the first file;
inputs-N.npy the stored inputs of these examples, and clips.npy the recordings behind them, where there are any.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ...core.contracts import DataWithNotes, DataWithTestClips
from ...core.errors import InvalidValue
from ...core.examples.nests import leaves
from ...core.examples.notes import Notes
from ...core.tasks.task import BoundTask
from ...core.types import Data
from ...measuring.evaluation import kept_predictions, targets_of
from ..folder.seals import digests, sealed
from ..records import FileRecord
from ..stage import RunContext
from .changed import described, most_changed
from .described import RECORDING, TEXT, describe_input, texts_of
from .kept import FOLDER, FORMAT, NAME, kept_files, kept_of
from .outcomes import NOT_COMPARED, outcome

if TYPE_CHECKING:
    import numpy as np

NUM_CHANGED = 8  # examples of each file
NUM_FIRST = 4  # of the test split, whatever is predicted: what layers of a file are compared on
INPUT_BYTES = 4 << 20  # of all kept inputs
CLIP_BYTES = 1 << 20  # of all kept recordings, in 16 bits


def keep_examples(context: RunContext, files: Sequence[FileRecord]) -> dict[str, str]:
    """Writes examples/ of a run whose files are checked, unless it stands there; gives the SHA-256 of what is in it.

    Of a file that no check ran there is nothing to say, and the first file is what the others are compared with.
    """
    known = [file for file in files if file.arrays]
    if not known:
        return {}
    key = _key(context, known)
    found = kept_of(context.store)
    if found.get("key") == key and not context.store.not_as_written(FOLDER, found["files"]):
        return kept_files(context.store)
    data, task = context.recipe.data, context.task.bind(known[0].outputs)
    predictions = {file.variant: _predictions(context, file) for file in known}
    changed = _changed(task, predictions)
    chosen = _chosen(changed, len(data.test))
    value: dict[str, Any] = {
        "format": FORMAT,
        "key": key,
        "reference": known[0].variant,
        "classes": _classes(data, task),
        "outcomes": {file.variant: _outcomes(context, file, predictions[file.variant]) for file in known},
        "changed": changed,
    }
    with context.store.writing(FOLDER) as partial:
        partial.mkdir()
        value |= _write_inputs(data, task, changed, chosen, partial)
        value["files"] = digests(partial)
        (partial / NAME).write_text(sealed(value), encoding="utf-8")
    return kept_files(context.store)


def _key(context: RunContext, files: Iterable[FileRecord]) -> str:
    """A name for all that decides what is kept."""
    data = next(iter(context.keys.values())).made_from.get("data")
    parts = [FORMAT, data, context.task_key, [[file.variant, dict(file.arrays)] for file in files]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _predictions(context: RunContext, file: FileRecord) -> dict[str, np.ndarray]:
    """What the first check's run of a file gave, mapped from disk."""
    folder = context.store.root / "checks" / PurePosixPath(file.path).stem
    return kept_predictions(folder, context.records[file.stage].outputs)


def _outcomes(context: RunContext, file: FileRecord, given: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """How the predictions of each output went."""
    task = context.task.bind(file.outputs)
    try:
        targets = targets_of(context.recipe.data, task)
    except InvalidValue as error:
        return {output.name: {"kind": NOT_COMPARED, "reason": str(error)} for output in task.outputs}
    found = {}
    for output in task.outputs:
        wanted = targets.get("") if task.needs_inputs else targets[output.name]
        try:
            found[output.name] = outcome(output, wanted, given[output.name])
        except InvalidValue as error:  # a metric of the user's own may take targets of another form
            found[output.name] = {"kind": NOT_COMPARED, "reason": str(error)}
    return found


def _changed(task: BoundTask, predictions: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, list[dict[str, Any]]]:
    """By file but for the first the examples that it predicts otherwise, those that changed most first."""
    (_, reference), *others = predictions.items()
    found = {}
    for variant, given in others:
        if {name: array.shape for name, array in given.items()} != {n: array.shape for n, array in reference.items()}:
            continue
        found[variant] = [
            {
                "example": number,
                "change": change,
                "before": {each.name: described(each, reference[each.name][number]) for each in task.outputs},
                "after": {each.name: described(each, given[each.name][number]) for each in task.outputs},
            }
            for number, change in most_changed(task.outputs, reference, given, NUM_CHANGED)
        ]
    return found


def _chosen(changed: Mapping[str, list[dict[str, Any]]], num_examples: int) -> list[int]:
    """The first examples, and those that changed: the most of each file first, as there may be no room for all."""
    ranked = sorted((rank, row["example"]) for rows in changed.values() for rank, row in enumerate(rows))
    return list(dict.fromkeys([*range(min(NUM_FIRST, num_examples)), *(number for _, number in ranked)]))


def _classes(data: Data, task: BoundTask) -> dict[str, list[str]]:
    """By output the names of its classes, where the data has them."""
    notes = _notes(data)
    named = {output.name: list(notes.of_output(output.name).labels) for output in task.outputs}
    if len(task.outputs) == 1 and not any(named.values()):
        named = {task.outputs[0].name: list(map(str, getattr(data, "class_names", ())))}
    return {name: names for name, names in named.items() if names}


def _notes(data: Data) -> Notes:
    return data.notes() if isinstance(data, DataWithNotes) else Notes()


def _write_inputs(
    data: Data, task: BoundTask, changed: Mapping[str, list[dict[str, Any]]], chosen: list[int], folder: Any
) -> dict[str, Any]:
    """Writes the inputs of the chosen examples, and says what they are; adds their targets to what changed."""
    import numpy as np

    source: Any = data.test if hasattr(data.test, "batch") else data.test_on_disk
    inputs, *rest = source.batch(chosen)
    arrays = [np.asarray(leaf) for leaf in leaves(inputs)]
    fit = max(1, INPUT_BYTES // max(1, sum(array[0].nbytes for array in arrays)))
    kept = chosen[:fit] if sum(array[0].nbytes for array in arrays) <= INPUT_BYTES else []
    names = list(inputs) if isinstance(inputs, Mapping) else [str(number) for number in range(len(arrays))]
    notes, described = _notes(data), []
    for number, (name, array) in enumerate(zip(names, arrays, strict=True)):
        of_input = notes.of_input(name)
        says = describe_input(name, array, of_input)
        if says["kind"] == TEXT:
            says["texts"] = texts_of(array, of_input.vocabulary)
        if kept:
            np.save(folder / f"inputs-{number}.npy", array[: len(kept)])
            says["array"] = f"inputs-{number}.npy"
        described.append(says)
    _add_targets(task, changed, dict(zip(chosen, range(len(chosen)), strict=True)), rest[0] if rest else None)
    scaling = {"scale": _plain(data.scale), "offset": _plain(data.offset)} if data.is_scaled else {}
    clips = _write_clips(data, described, kept, folder)
    return {"examples": kept, "described": chosen, "inputs": described, "scaling": scaling, **clips}


def _add_targets(
    task: BoundTask, changed: Mapping[str, list[dict[str, Any]]], places: Mapping[int, int], targets: Any
) -> None:
    """Says of each example that changed what was wanted, where that is one number of an output that names a class."""
    import numpy as np

    by_output = dict(zip([output.name for output in task.outputs], leaves(targets), strict=False))
    if isinstance(targets, Mapping):
        by_output = dict(targets)
    for rows in changed.values():
        for row in rows:
            wanted: dict[str, dict[str, Any]] = {}
            for output in task.outputs:
                target = by_output.get(output.name)
                one = None if target is None else np.asarray(target)[places[row["example"]]]
                if one is None or one.dtype.kind not in "iufb":
                    continue
                if output.kind == "values":
                    wanted[output.name] = {"numbers": [float(n) for n in one.reshape(-1)] if one.size <= 64 else []}
                elif one.size == 1:
                    wanted[output.name] = {"class": int(one.reshape(-1)[0])}
                elif output.kind == "classes" and output.rank == 2:
                    wanted[output.name] = {"class": int(one.argmax())}
            row["target"] = wanted


def _write_clips(data: Data, described: Sequence[Mapping[str, Any]], kept: list[int], folder: Any) -> dict[str, Any]:
    """Writes the recordings behind the kept examples, as many as there is room for, in 16 bits."""
    import numpy as np

    recorded = [each for each in described if each["kind"] == RECORDING and each["is_spectrogram"]]
    if not recorded or not kept or not isinstance(data, DataWithTestClips):
        return {}
    clips = np.asarray(data.test_clips(kept))
    room = max(1, CLIP_BYTES // max(1, 2 * clips.shape[-1]))
    np.save(folder / "clips.npy", (clips[:room].clip(-1, 1) * 32767).astype("int16"))
    return {"clips": {"array": "clips.npy", "num": min(room, len(clips)), "sample_rate": recorded[0]["sample_rate"]}}


def _plain(value: Any) -> Any:
    return [float(each) for each in value] if isinstance(value, tuple | list) else float(value)
