"""Everything that can go wrong, each kind with the exit code of the command line.

```
TfcompressError                1   (also: any error that is none of these, a bug)
├── Usage                      2   the command line itself; argparse exits with the same code
├── RecipeError
│   ├── UnknownRecipe         10   no recipe and no file of that name
│   ├── UnknownSetting        11   --set names a setting that the recipe lacks
│   ├── InvalidValue          12   a setting out of its range (a ValueError in Python)
│   ├── InvalidRecipe         13   stages that cannot follow each other, a recipe file without recipe()
│   └── ImpossibleBudget      14   a budget below the least bytes that a search's files could have
├── DataError
│   ├── DataUnavailable       20   not on this machine, and no network to fetch it
│   └── DataCorrupt           21   there, but unreadable
├── OutputError
│   ├── OutputNotWritable     30   the folder cannot be made or written
│   ├── OutputFull            31   no space left
│   ├── RunLocked             32   another process works in the run folder
│   ├── RunDamaged            33   files of a run are missing, or not what it wrote
│   ├── RunUnfinished         34   no finished run there
│   ├── FileTooLarge          35   a limit on the size of a file
│   └── TemporaryFull         36   no space left for temporary files
├── OutOfMemory               37   a limit on memory, or all of it in use
├── UnsupportedModel          40   a model that a technique cannot take
├── NothingHappened           41   a schedule that never fired, a pattern that matched no layer
├── PromiseBroken             42   a stage did not make or keep what it promised
├── UnreadableModel           43   a model file that is damaged, or is none
├── NoBetterThanChance        44   a model that guesses on the data it is given
├── Diverged                  45   a training whose loss is no number any more
├── ConversionFailed          50   the TFLite converter gave up
├── VerdictFailed             60   an exported file failed a check
├── NotJudged                 61   no check could say anything of an exported file
├── BudgetMissed              62   no trial of a search kept its budget
├── WorkerLost                70   of several processes that train together one has gone
└── MissingExtra              80   an optional package is not installed (an ImportError in Python)
Interrupted                  130   Ctrl-C (a KeyboardInterrupt)
Terminated                   143   SIGTERM (likewise)
```
"""


class TfcompressError(Exception):
    """The root: catch this to catch everything that tfcompress raises on purpose."""

    exit_code = 1


class Usage(TfcompressError):
    """The command line does not make sense."""

    exit_code = 2


class RecipeError(TfcompressError):
    """Something is wrong with what was asked for."""


class UnknownRecipe(RecipeError):
    """No recipe and no file has this name."""

    exit_code = 10


class UnknownSetting(RecipeError):
    """The recipe has no setting of this name."""

    exit_code = 11


class InvalidValue(RecipeError, ValueError):
    """An argument is outside its range."""

    exit_code = 12


class InvalidRecipe(RecipeError):
    """The stages of a recipe cannot follow each other, or the file holds no recipe."""

    exit_code = 13


class ImpossibleBudget(RecipeError):
    """No file of a search can be as small as its budget asks for."""

    exit_code = 14


class DataError(TfcompressError):
    """The examples cannot be had."""


class DataUnavailable(DataError):
    """The data set is not on this machine and cannot be fetched."""

    exit_code = 20


class DataCorrupt(DataError):
    """The data set is there but cannot be read."""

    exit_code = 21


class OutputError(TfcompressError):
    """Results cannot be written."""


class OutputNotWritable(OutputError):
    """The output folder cannot be made or written."""

    exit_code = 30


class OutputFull(OutputError):
    """The disk of the output folder is full."""

    exit_code = 31


class RunLocked(OutputError):
    """Another process works in the run folder."""

    exit_code = 32


class RunDamaged(OutputError):
    """Files of a run are missing, are not what it wrote, or were put there by something else."""

    exit_code = 33


class RunUnfinished(OutputError):
    """A folder holds no finished run."""

    exit_code = 34


class FileTooLarge(OutputError):
    """A file would be larger than the file system, or a limit of this process, allows."""

    exit_code = 35


class TemporaryFull(OutputError):
    """The disk of the folder for temporary files is full."""

    exit_code = 36


class OutOfMemory(TfcompressError):
    """There is not enough memory, or this process may not have more."""

    exit_code = 37


class UnsupportedModel(TfcompressError):
    """A technique cannot take this model."""

    exit_code = 40


class NothingHappened(TfcompressError):
    """A technique ran and changed nothing."""

    exit_code = 41


class PromiseBroken(TfcompressError):
    """A stage did not make, or did not keep, what it promised."""

    exit_code = 42


class UnreadableModel(TfcompressError):
    """A model file cannot be read."""

    exit_code = 43


class NoBetterThanChance(TfcompressError):
    """A model that is to be compressed predicts as if by guessing."""

    exit_code = 44


class Diverged(TfcompressError):
    """The loss of a training is no number any more."""

    exit_code = 45


class ConversionFailed(TfcompressError):
    """The TFLite converter could not convert the model."""

    exit_code = 50


class VerdictFailed(TfcompressError):
    """An exported file failed a check."""

    exit_code = 60


class NotJudged(TfcompressError):
    """Nothing failed, but no check could say anything of an exported file."""

    exit_code = 61


class BudgetMissed(TfcompressError):
    """No trial of a search kept its budget."""

    exit_code = 62


class WorkerLost(TfcompressError):
    """Of several processes that train together one has gone, or sees another run folder."""

    exit_code = 70


class MissingExtra(TfcompressError, ImportError):
    """An optional package is not installed."""

    exit_code = 80


INTERRUPTED_EXIT_CODE, TERMINATED_EXIT_CODE = 130, 143


def was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: TensorFlow catches it while it traces, and raises errors of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt) or "KeyboardInterrupt" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def expect(condition: bool, owner: object, field: str, expectation: str, fix: str) -> None:
    """Raises `InvalidValue` in the project's one form unless `condition` holds.

    >>> from types import SimpleNamespace
    >>> expect(False, SimpleNamespace(rate=2), "rate", "must be in [0, 1)", "Use 0.5.")
    Traceback (most recent call last):
    ...
    tfcompress.core.errors.InvalidValue: SimpleNamespace.rate must be in [0, 1). Received: 2. Use 0.5.
    """
    if not condition:
        name = type(owner).__name__
        raise InvalidValue(f"{name}.{field} {expectation}. Received: {getattr(owner, field)!r}. {fix}")
