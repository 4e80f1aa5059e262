"""From what the child saw to a Finding: metrics, agreement with other runs, and the verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.errors import InvalidValue, expect
from ..core.examples.nests import Nest, by_name, mapped
from ..core.tasks.metrics import activated, closeness, logits_of, parts, share_equal
from ..core.tasks.task import VALUES, BoundTask, Output, Task
from ..core.types import Agreement, Artifact, Data, Finding
from ..measuring.evaluation import evaluate, targets_of
from .worker import Seen

SAME = 1e-4  # of the largest output: two calls with one example that differ by more have not done the same

Runs = Mapping[str, Nest]  # outputs (N, ...) of other runs: an array, or several in the model's order or by name


def agreement(output: Output, outputs: np.ndarray, others: np.ndarray) -> Agreement:
    """How an output compares between two runs over the same examples.

    >>> from ..core.tasks.task import CLASSES
    >>> ours, theirs = np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([[1.0, 2.5], [0.0, 3.0]])
    >>> found = agreement(Output("logits", CLASSES), ours, theirs)
    >>> found.top_1_agreement, found.largest_difference
    (0.5, 3.0)
    """
    if outputs.shape != others.shape:
        raise ValueError(f"outputs to compare must have one shape. Received: {outputs.shape} and {others.shape}.")
    found = closeness(others, outputs)
    pairs = ((output.decide(first), output.decide(second)) for first, second in parts(others, outputs))
    equal = None if output.kind == VALUES else share_equal(pairs)
    return Agreement(found.sqnr_db, found.cosine, found.largest_difference, equal)


def named_outputs(seen: Seen, names: Sequence[str]) -> dict[str, np.ndarray]:
    """What the child saw by the model's names, by position where the file has other names. Raises `ValueError`."""
    found = dict(zip(seen.output_names, seen.outputs or (), strict=True))
    if len(found) != len(names):
        raise ValueError(
            f"the file has {len(found)} outputs ({', '.join(found)}), and the model {len(names)} ({', '.join(names)})"
        )
    order = names if set(found) == set(names) else list(found)
    return dict(zip(names, (found[name] for name in order), strict=True))


def finding(
    check: str, seen: Seen, artifact: Artifact, data: Data, task: BoundTask, against: Runs, device: str
) -> Finding:
    """The Finding of a file that ran, or did not.

    Args:
      check: the check's name.
      seen: what the child saw.
      artifact: the file.
      data: what it ran on the test split of.
      task: what the outputs mean.
      against: outputs of other runs of the model, by run and by output.
      device: what it ran on.

    Returns:
      "fail" when it did not run, gave a number that is none, gives other outputs at a later call, or is further from
      another run than the task tolerates; "not run" when there is nothing by which it could be judged; else "pass".
    """
    figures: dict[str, Any] = {
        "check": check,
        "device": device,
        "latency": seen.latency,
        "peak_memory_bytes": seen.peak_memory_bytes,
        "num_ops": seen.num_ops,
        "num_delegated_ops": seen.num_delegated_ops,
    }
    if seen.outputs is None:
        return Finding(status="fail", reason=seen.failure, **figures)
    try:
        outputs = named_outputs(seen, [output.name for output in task.outputs])
        like_file, others_of = task, against
        if artifact.activation:  # outputs of the model have none yet; the CPU's are of the file itself
            like_file = dataclasses.replace(task, outputs=tuple(map(_as_probabilities, task.outputs)))
            others_of = {run: _activated(run, others, artifact.activation) for run, others in against.items()}
        compared = {run: _compared(like_file, outputs, others) for run, others in others_of.items()}
    except ValueError as error:
        return Finding(status="fail", reason=str(error), **figures)
    figures |= {"num_examples": len(data.test), "agreement": compared, "outputs": outputs}
    bad = _not_finite(outputs)
    if bad:
        return Finding(status="fail", reason=bad, **figures)
    asked = {name: logits_of(values, artifact.activation) for name, values in outputs.items()}
    figures["metrics"] = evaluate(task, asked, targets_of(data, task)) if task.metrics else {}
    reason = _kept_state(seen) or _too_far(compared, task, artifact.mode)
    blind = _nothing_to_compare(compared)
    status = "fail" if reason else "not run" if blind else "pass"
    return Finding(status=status, reason=reason or blind, **figures)


def _as_probabilities(output: Output) -> Output:
    return dataclasses.replace(output, from_logits=False)


def _activated(run: str, outputs: Nest, activation: str) -> Nest:
    return outputs if run == "cpu" else mapped(lambda each: activated(each, activation), outputs)


def _kept_state(seen: Seen) -> str:
    """What to say of a file that gives other outputs for an example that it is given once more."""
    if seen.again is None or seen.again <= SAME:
        return ""
    return (
        "it keeps state from call to call: examples that were run again, in another order, gave other outputs, by up "
        f"to {seen.again:.2g} of the largest"
    )


def _compared(task: BoundTask, outputs: Mapping[str, np.ndarray], others: Nest) -> dict[str, Agreement]:
    named = by_name(others, [output.name for output in task.outputs], "outputs to compare with")
    return {output.name: agreement(output, outputs[output.name], named[output.name]) for output in task.outputs}


def task_for(check: Any, task: Task | BoundTask | None, data: Data, artifact: Artifact) -> BoundTask:
    """The task by which a file is judged: the one given, else the data's. Raises `InvalidValue` where there is none."""
    if isinstance(task, BoundTask):
        return task
    asked = task or data.task
    if asked is None or not artifact.outputs:
        raise InvalidValue(
            f"{type(check).__name__}.run must know what the file's outputs mean. Received: "
            f"{'no task' if asked is None else 'a file without its outputs'}. Give task=..., such as Regression(), and "
            "an artifact as an exporter makes it."
        )
    return asked.bind(artifact.outputs)


def check_settings(check: Any) -> None:
    """Holds the settings that every check has to their ranges. Raises `InvalidValue`."""
    expect(check.time_limit_s > 0, check, "time_limit_s", "must be above 0 seconds", "Use 600.")


def _not_finite(outputs: Mapping[str, np.ndarray]) -> str:
    for name, values in outputs.items():
        bad = sum(int((~np.isfinite(part).reshape(len(part), -1).all(-1)).sum()) for (part,) in parts(values))
        if bad:
            where = f" ({name})" if len(outputs) > 1 else ""
            return f"{bad} of {len(values)} examples have an output{where} that is not a finite number"
    return ""


def _too_far(compared: Mapping[str, Mapping[str, Agreement]], task: BoundTask, mode: str) -> str:
    """What is further from another run than the task tolerates, in words."""
    least_db, least_share = task.tolerance.least_sqnr_db(mode), task.tolerance.top_1_agreement
    objections = []
    for run, by_output in compared.items():
        for name, found in by_output.items():
            where = f" of {name}" if len(by_output) > 1 else ""
            share = found.top_1_agreement
            if share is not None and share < least_share:
                objections.append(f"{share:.1%} top-1 agreement{where} with {run}, below {least_share:.1%}")
            if found.sqnr_db < least_db and not _is_constant(found):
                objections.append(f"{found.sqnr_db:.1f} dB SQNR{where} against {run}, below {least_db:g} dB")
    return "; ".join(objections)


def _is_constant(found: Agreement) -> bool:
    """Whether the outputs compared with are the same for every example, so that no noise can be told from signal."""
    return found.sqnr_db == -np.inf


def _nothing_to_compare(compared: Mapping[str, Mapping[str, Agreement]]) -> str:
    if not compared:
        return "there is no other run to compare its outputs with"
    constant = sorted({name for found in compared.values() for name, each in found.items() if _is_constant(each)})
    if constant:
        return f"the outputs of {', '.join(constant)} are the same for every example: nothing tells models apart"
    return ""
