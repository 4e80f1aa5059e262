"""A report that shows itself in a notebook: the page in a frame, and the table where frames are not shown."""

from __future__ import annotations

import dataclasses
import html
from pathlib import Path

from ..running.report import Report

HEIGHT = 760  # pixels of the frame


class ReportWithPage(Report):
    """A report whose page was written, too. The page is no field of it: JSON of it is that of the report."""

    page = ""

    @classmethod
    def of(cls, report: Report, folder: Path) -> ReportWithPage:
        """The report of the run in `folder`."""
        fields = {field.name: getattr(report, field.name) for field in dataclasses.fields(Report)}
        made = cls(**fields)
        object.__setattr__(made, "page", (folder / "report.html").read_text(encoding="utf-8"))
        return made

    def _repr_html_(self) -> str:
        """The page in a frame of its own, in which no style of the notebook's counts; below it the table, folded."""
        table = super()._repr_html_()
        frame = (
            f'<iframe title="report of {html.escape(self.recipe)}" srcdoc="{html.escape(self.page)}" '
            f'sandbox="allow-scripts" style="width:100%;height:{HEIGHT}px;border:1px solid #8884;border-radius:8px">'
            "</iframe>"
        )
        return f"{frame}<details><summary>The table alone</summary>{table}</details>"
