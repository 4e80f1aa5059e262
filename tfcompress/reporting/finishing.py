"""The reports of a run, written together: report.json with its details, report.md, report.html, and the manifest."""

from __future__ import annotations

from typing import Any

from ..running.report import Report, write
from ..running.store import Store
from .details import details_of
from .run_folder import FORMAT, RunPage


def write_reports(report: Report, store: Store, safe_mode: bool = True) -> None:
    """Writes all reports of a finished run into its folder, which is open.

    What the details were measured on does not change in a run that is asked for again, and neither do they.

    Args:
      report: of the run.
      store: its folder.
      safe_mode: False where the user trusts the code in the models. Defaults to True.
    """
    from .page.document import page_of

    details = _known(report, store)
    if details is None:
        write(report, store)  # what took hours to make is told before anything else may go wrong
        details = details_of(report, store, safe_mode)
    write(report, store, {"details": details}, lambda value: page_of([RunPage(store.root, value)]))


def _known(report: Report, store: Store) -> dict[str, Any] | None:
    """The details of the run that stands there, where it is this one."""
    said = store.read_json("report.json") or {}
    known = said.get("details")
    same = [file["sha256"] for file in said.get("files", ())] == [file.sha256 for file in report.files]
    is_this = isinstance(known, dict) and known.get("format") == FORMAT and same and not store.has_changed
    return known if is_this else None
