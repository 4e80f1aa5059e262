"""tfcompress compress JOB: a trained model of your own, compressed by the techniques that options name.

Help and mistakes come without TensorFlow.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..api import LEARNING_RATE, TITLE, compress, usual_checks, usual_techniques
from ..backend.threads import use_one_thread
from ..core.code import our_code
from ..core.errors import InvalidRecipe, TfcompressError, UnreadableModel, Usage
from ..core.identity import fingerprint
from ..measuring.targets.target import PRESETS
from ..running.finished import report_asked_before
from ..running.folder.seals import digest
from ..running.store import Store
from ..running.versions import versions
from .errors import exit_code_of
from .recipe import INTERRUPTED, raise_verdict, run_folder
from .recipe_file import import_file
from .saying import EVENTS_HELP, Speaker, add_options, log_curves, speaking

if TYPE_CHECKING:
    from ..core.tasks.task import Task
    from ..core.types import Data
    from ..running.report import Report

DESCRIPTION = """\
Compresses a trained Keras model: removes channels, prunes, clusters and trains with int8's rounding, in this order and
as far as options ask for it; exports TFLite, checks the files on CPU and GPU delegates, and writes a report. Without
any of these options the model is exported as it is: as float32, and as int8 after training.

JOB is a Python file with model(), train_data() and test_data(), each giving what tfcompress.load_model and
tfcompress.dataset take; and, where it is wanted, task() and fit(). Or it is a model's file, with --train and --test.
"""
EXAMPLES = """\
examples:
  {prog} job.py --prune-channels 0.3 --quantize-aware --epochs 3
  {prog} job.py --sparsity 0.5 --cluster 16 --distil --max-drop 2% --out runs/small
  {prog} my.keras --train train.npz --test test.npz --quantize-aware
  {prog} my.keras --train train.npz --test test.npz --task regression

An .npz file has inputs as x and targets as y: numpy.savez("train.npz", x=x, y=y). The same command again continues an
interrupted run.

exit codes: 0 all is well; 2 command line; 12 value out of range; 13 techniques in disorder, or a fault in JOB; 20 data
unavailable; 30 output not writable; 31 disk full; 32 another run works in the folder; 35 file too large; 36 disk of
temporary files full; 37 out of memory; 40 model unsupported; 41 nothing happened; 42 promise broken; 43 model file
unreadable; 45 loss no number any more; 50 conversion failed; 60 a file failed a check; 61 no check could judge a file;
130 interrupted; 143 terminated
"""
TASKS = ("classification", "segmentation", "regression", "reconstruction")
MODELS = (".keras", ".h5")
FILES = ("job", "train", "test")  # options that name what is read
NOT_ASKED = ("out", "quiet", "json", "tensorboard", "debug")  # options that change no file of a run


def main(arguments: list[str], prog: str = "tfcompress compress") -> int:
    """Runs the command line and gives its exit code.

    Args:
      arguments: what follows the command's name.
      prog: the command as it was typed, for its help and the report.
    """
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    if options.deterministic:
        use_one_thread()
    if options.job is None:
        parser.print_help(sys.stderr)
        return Usage.exit_code
    command = shlex.join([*prog.split(), *arguments])
    return exit_code_of(lambda: _spoken(options, command), options.debug, INTERRUPTED)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description=DESCRIPTION,
        epilog=EXAMPLES.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("job", nargs="?", metavar="JOB", type=Path, help="a Python file, or a model: .keras, .h5, SavedModel folder")
    add("--train", metavar="FILE", help="training examples of a model's file: .npz with x and y")
    add("--test", metavar="FILE", help="test examples likewise")
    add("--task", choices=TASKS, help="what is asked of the model (default: as the job, or the compiled model, says)")
    add("--prune-channels", metavar="R", type=float, help="remove this share of the channels, in (0, 1)")
    add("--sparsity", metavar="S", type=float, help="share of zeros in each kernel, in [0, 1)")
    add("--cluster", metavar="K", type=int, help="distinct values in a kernel, 3 to 256")
    add("--quantize-aware", action="store_true", help="train with int8's rounding")
    add("--distil", action="store_true", help="let the model that comes in teach each training")
    add("--max-drop", metavar="D", type=_drop, help="fail when a file loses more of its metric: 0.02, or 2%% of it")
    add("--target", choices=tuple(PRESETS), help="the device that files are for, which says what is made and checked")
    add("--epochs", metavar="N", type=int, default=1, help="of each training (default: 1)")
    add("--learning-rate", metavar="R", type=float, default=LEARNING_RATE, help="of Adam (default: %(default)g)")
    add("--seed", metavar="N", type=int, default=0, help="of every random number (default: 0)")
    add("--out", metavar="DIR", type=run_folder, help="the run folder (default: saved_models/ and the name of JOB)")
    add_options(parser, EVENTS_HELP)
    add("--custom", metavar="FILE", help="a Python file with the own layers of a model's file")
    add("--trust", action="store_true", help="let code in a model's file (Lambda layers) run")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _drop(text: str) -> float | str:
    """A share of the metric as it was typed, or a number."""
    try:
        return text if text.endswith("%") else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be a number, or a share as "2%". Received: {text!r}.') from None


def _spoken(options: argparse.Namespace, command: str) -> int:
    folder = options.out or Path("saved_models") / options.job.stem
    with speaking(options, folder) as speaker:
        return _run(options, folder, command, speaker)


def _run(options: argparse.Namespace, folder: Path, command: str, speaker: Speaker) -> int:
    job = options.job
    if not job.exists():
        raise UnreadableModel(
            f"JOB must be a Python file, or a model. Received: {job}. There is none: look at its name."
        )
    is_python = job.suffix == ".py"
    _require_examples(options, is_python)
    asked = _asked(options)
    report = asked and report_asked_before(asked, Store(folder), TITLE, usual_checks(options.target), speaker.progress)
    return _told(report or _compressed(options, folder, command, speaker, asked), options, folder, speaker)


def _asked(options: argparse.Namespace) -> str | None:
    """A name for all that is asked for, and what answers it; None for a job, whose code only running it tells."""
    files = {name: Path(getattr(options, name) or "") for name in FILES}
    are_known = files["job"].suffix in MODELS and all(files[each].suffix == ".npz" for each in ("train", "test"))
    if options.custom or not are_known or not all(file.is_file() for file in files.values()):
        return None
    held = {name: (str(file), digest(file)) for name, file in files.items()}
    others = {name: value for name, value in vars(options).items() if name not in (*FILES, *NOT_ASKED)}
    return fingerprint([held, others, versions(), our_code()])


def _compressed(options: argparse.Namespace, folder: Path, command: str, speaker: Speaker, asked: str | None) -> Report:
    job = options.job
    from ..backend.tensorflow import start_quietly

    start_quietly()
    module = import_file(job, "a job") if job.suffix == ".py" else None
    model = _called(module, "model") if module else _model(options)
    small = compress(
        model,
        _data(options, module),
        usual_techniques(options.prune_channels, options.sparsity, options.cluster, options.quantize_aware),
        epochs=options.epochs,
        fit=_called(module, "fit", None),
        task=_task(options.task) or _called(module, "task", None),
        distil=options.distil,
        max_drop=options.max_drop,
        target=options.target,
        learning_rate=options.learning_rate,
        seed=options.seed,
        out=folder,
        verbose=speaker.progress,
        name=job.stem,
        command=command,
        request=asked,
    )
    return small.report


def _told(report: Report, options: argparse.Namespace, folder: Path, speaker: Speaker) -> int:
    speaker.report(report, folder)
    log_curves(report, options.tensorboard)
    raise_verdict(report)
    return 0


def _require_examples(options: argparse.Namespace, is_python: bool) -> None:
    """Raises `Usage` where examples are said twice, or not at all."""
    given = [name for name in ("train", "test") if getattr(options, name)]
    if is_python and given:
        raise Usage(
            f"--{given[0]} is for a model's file. Received: {options.job}. Leave it out: train_data() gives it."
        )
    if not is_python and len(given) < 2:
        raise Usage(
            f"{options.job} is a model, and needs --train and --test. Received: {given or 'neither'}. Give both."
        )


def _called(module: Any, name: str, *default: Any) -> Any:
    """What a function of the job gives. Raises `InvalidRecipe` where it must be there, or fails."""
    if module is None or (default and not hasattr(module, name)):
        return default[0]
    function = getattr(module, name, None)
    if not callable(function):
        raise InvalidRecipe(
            f"{module.__file__} must have {name}(). Received: none. Define model(), train_data(), test_data()."
        )
    try:
        return function()
    except TfcompressError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise InvalidRecipe(
            f"{name}() of {module.__file__} ended in an error: {reason}. --debug shows where."
        ) from error


def _model(options: argparse.Namespace) -> Any:
    from ..models_io.loading.custom import custom_objects_from
    from ..models_io.loading.door import load_with_report

    custom = custom_objects_from(options.custom) if options.custom else None
    return load_with_report(options.job, custom_objects=custom, safe_mode=not options.trust).model


def _data(options: argparse.Namespace, module: Any) -> Data:
    from ..data.dataset import dataset

    if module is None:
        return dataset(options.train, options.test, title=f"{options.train}, {options.test}")
    return dataset(_called(module, "train_data"), _called(module, "test_data"), title=f"the data of {options.job}")


def _task(name: str | None) -> Task | None:
    from ..core.tasks.presets import Classification, Reconstruction, Regression, Segmentation

    presets = dict(zip(TASKS, (Classification, Segmentation, Regression, Reconstruction), strict=True))
    return presets[name]() if name else None
