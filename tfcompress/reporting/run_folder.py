"""A finished run as its folder has it: the report, what was measured beside it, and the inputs that were kept."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import RunDamaged, RunUnfinished
from ..running.examples.kept import FOLDER
from ..running.folder.seals import unsealed
from ..running.report import Report, report_from_json
from ..running.store import Store

if TYPE_CHECKING:
    import numpy as np

FORMAT = 1  # of the details: another one is as if there were none
AGAIN = "Give the command that made it again"


class RunPage:
    """A run to make a page of.

    Args:
      root: of the run folder.
      value: what report.json says.

    Raises:
      RunUnfinished: when another version of tfcompress wrote it.
    """

    def __init__(self, root: Path, value: Mapping[str, Any]):
        self.root, self.value = root, value
        report = report_from_json(value)
        if report is None or not report.stages:
            raise RunUnfinished(
                f"RUN must be a run of this version. Received: {root}, whose report.json is of another form. {AGAIN}: "
                "it makes what is missing."
            )
        self.report: Report = report

    @property
    def name(self) -> str:
        """The folder's name, by which several runs are told apart."""
        return self.root.resolve().name

    @property
    def details(self) -> Mapping[str, Any]:
        """What was measured beside the report; empty of a run that came before there was a page."""
        found = self.value.get("details")
        return found if isinstance(found, Mapping) and found.get("format") == FORMAT else {}

    @property
    def advice(self) -> list[Mapping[str, Any]]:
        """What to do next, the most urgent first."""
        found = self.value.get("advice")
        return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []

    @property
    def missing(self) -> list[str]:
        """What the page cannot show, a sentence each."""
        if not self.details:
            return [f"Layers, weights, predictions and changed examples were not kept by this run. {AGAIN}."]
        lost = [
            f"{each['array']} of examples/ is damaged or missing. {AGAIN}." for each in self._noted if each["is_lost"]
        ]
        return [*map(str, self.details.get("missing", ())), *lost]

    def array(self, name: str) -> np.ndarray | None:
        """An array of examples/; None where it is not what was written."""
        import numpy as np

        if any(each["array"] == name and not each["is_lost"] for each in self._noted):
            found: np.ndarray = np.load(self.root / FOLDER / name, allow_pickle=False)
            return found
        return None

    @cached_property
    def _noted(self) -> list[dict[str, Any]]:
        """The arrays that were kept, each with whether it is lost."""
        store = Store(self.root)
        kept = self.details.get("kept", {})
        named = [each["array"] for each in kept.get("inputs", ()) if each.get("array")]
        named += [kept["clips"]["array"]] if kept.get("clips") else []
        named = [name for name in named if Path(name).name == name]  # of this folder, whatever the report says
        files = (store.read_json(f"{FOLDER}/kept.json") or {}).get("files", {})
        return [
            {"array": name, "is_lost": not files.get(name) or bool(store.not_as_written(FOLDER, {name: files[name]}))}
            for name in named
        ]


def read_run(root: Path) -> RunPage:
    """The finished run in a folder.

    Raises:
      RunUnfinished: when there is no report, or one of another version.
      RunDamaged: when report.json is not what the run wrote.
    """
    path = root / "report.json"
    if not root.is_dir():
        what = "It is a file." if root.exists() else "There is no folder of this name."
        raise RunUnfinished(f"RUN must be a run folder. Received: {root}. {what} Give one that a run wrote.")
    if not path.is_file():
        raise RunUnfinished(
            f"RUN must be a finished run. Received: {root}, without a report.json. Give the command that began it "
            "again: it goes on."
        )
    try:
        value = unsealed(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunDamaged(f"{path} must be what the run wrote. Received: a file that {error}. {AGAIN}.") from None
    except OSError as error:
        raise RunDamaged(f"{path} must be readable. Received: {error.strerror}. {AGAIN}.") from None
    return RunPage(root, value)
