"""The metric on the test split, which a search looks at once, for what it has found."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import InvalidValue
from ...core.types import Artifact, Recipe
from ...data.splits.splitting import TEST, HeldOut
from ...running.report import report_from_json
from ...running.store import Store
from ..budget import Budget
from ..journal import TrialRecord
from ..trials import REFERENCE, TRIALS, Subject, check_of


def metric_of_trial(
    trial: TrialRecord, recipe: Recipe, root: Path, budget: Budget, share: float, name: str
) -> float | None:
    """The metric of a trial's file; None where it has none of that name.

    Args:
      trial: a finished one.
      recipe: with its settings.
      root: the folder of the search.
      budget: names the kernels.
      share: of the training examples that are held out.
      name: of the metric.

    Raises:
      InvalidValue: when the file's record has gone.
    """
    folder = root / TRIALS / f"{trial.number:04d}"
    report = report_from_json(Store(folder).read_json("report.json"))
    record = next((file for file in report.files if file.sha256 == trial.sha256), None) if report else None
    if record is None:
        raise InvalidValue(f"{folder} must be as its trial left it. Received: no report of {trial.file}. Use --fresh.")
    sizes = (record.raw_bytes, record.zipped_bytes, record.sha256)
    specs = (record.inputs, record.outputs, record.needs_reset)
    artifact = Artifact(folder / record.path, record.mode, *sizes, *specs)
    data = HeldOut(recipe.data, share, TEST)
    finding = check_of(budget).run(artifact, data, {}, recipe.task or data.task)
    return finding.metrics.get(name)


def metric_of_reference(subject: Subject, root: Path, stage: str, share: float, name: str) -> float:
    """The metric of the uncompressed Keras model.

    Args:
      subject: what is searched.
      root: the folder of the search.
      stage: of the uncompressed model.
      share: of the training examples that are held out.
      name: of the metric.
    """
    from ...measuring.evaluation import bound, evaluate, predict, targets_of
    from ...models_io.loading.opening import open_saved

    recipe = subject.make(subject.settings)
    data = HeldOut(recipe.data, share, TEST)
    (path,) = (root / REFERENCE).glob(f"*-{stage}/model.keras")
    model = open_saved(path, safe_mode=False)  # this very process's, or its predecessor's: its SHA-256 was compared
    asked = recipe.task or data.task
    if asked is None:
        raise InvalidValue("Recipe.task must say what is asked of the models. Received: None. Give task=....")
    task = bound(asked, model)
    return evaluate(task, predict(model, data, data.test), targets_of(data, task))[name]
