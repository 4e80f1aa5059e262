"""Runs the code on the pages of docs/: every block, in the order of its page, in a folder of the page's own.

    python docs/tools/blocks.py [--quick] [PAGE ...]

A block in `python` is executed, the blocks of a page sharing their names; with `>>>` its outputs are compared. One in
`console` has commands after `$ ` and what each prints; one in `bash` has commands alone. A block in `text` right below
one in `python` is what that prints. `...` stands for anything. A comment above a block says what is particular in it:

    <!-- not run: REASON -->         it cannot run without something that the reader has; it is counted, with the reason
    <!-- slow -->                    left out by --quick, and by the default tests
    <!-- figures vary -->            of the output all but the numbers is compared: seeds, cores and clocks differ
    <!-- exit code: N -->            its last command ends with N
    <!-- before: CODE -->            is Python, run there and not shown: what the reader has already

Each page begins where docs/start.md ends: saved_models/digits is there. With --quick it is a stand-in, of a network
that was trained for seconds.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import doctest
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent
ROOT = DOCS.parent
START = DOCS / "start.md"
RUN = ("python", "console", "bash", "before")
# A comment, or a fenced block with its language; a block in another block's list may be indented.
PIECES = re.compile(
    r"^<!-- (?P<comment>.*?)-->|^(?P<fence>`{3,})(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=fence)", re.M | re.S
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Mismatch(Exception):
    """A block did not do what its page says."""


@dataclasses.dataclass
class Block:
    """A piece of code on a page, and what is particular about it."""

    page: Path
    line: int  # of its first line of code
    language: str
    text: str
    marks: dict[str, str]
    output: str | None = None  # of a python block: what the page shows that it prints

    @property
    def place(self) -> str:
        """Where it stands: docs/start.md:12."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def reason(self) -> str | None:
        """Why it cannot be run, where it cannot."""
        return self.marks.get("not run")

    @property
    def is_slow(self) -> bool:
        """Whether it takes more than some seconds."""
        return "slow" in self.marks


def pages() -> list[Path]:
    """The pages that are read, docs/start.md first; what Sphinx and these tools are made of is not among them."""
    found = [*DOCS.rglob("*.md"), ROOT / "benchmarks" / "RESULTS.md"]
    return sorted((page for page in found if "tools" not in page.parts), key=lambda page: (page != START, page))


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    marks: dict[str, str] = {}
    end = 0
    for match in PIECES.finditer(text):
        between = text[end : match.start()].strip()
        end = match.end()
        if between:
            marks = {}  # a mark is about the block right below it
        if match["comment"] is not None:
            name, _, value = match["comment"].partition(":")
            if name.strip() == "before":
                line = text.count("\n", 0, match.start()) + 2
                found.append(Block(page, line, "before", value.strip("\n"), {}))
            else:
                marks[name.strip()] = value.strip()
            continue
        line = text.count("\n", 0, match.start()) + 2
        if match["language"] == "text" and found and found[-1].language == "python" and not between:
            found[-1].output = match["text"]
            found[-1].marks |= marks
        else:
            found.append(Block(page, line, match["language"].strip(), match["text"], marks))
        marks = {}
    return found


def same(expected: str, got: str, figures_vary: bool) -> bool:
    """Whether an output is the one shown: `...` is anything, and with `figures_vary` so are the numbers.

    >>> same("12 kB in ... s\\n", "13 kB in 4 s\\n", figures_vary=True)
    True
    >>> same("12 kB\\n", "13 kB\\n", figures_vary=False)
    False
    >>> same("first\\n...\\nlast\\n", "first\\nlast\\n", figures_vary=False)
    True
    """
    if figures_vary:
        expected, got = (re.sub(r"[-+]?\d[\d.,]*", "#", text) for text in (expected, got))
    if not expected.strip():
        return not got.strip()
    expected = re.sub(r"\n\.\.\.\n", "...", f"\n{expected.strip()}\n").strip()  # a line of it: any lines, or none
    return doctest.OutputChecker().check_output(expected.strip() + "\n", got.strip() + "\n", FLAGS)


class Session:
    """The blocks of one page, run one after another in a folder, with names of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module = types.ModuleType("page")
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "100",
            "NO_COLOR": "1",
        }

    def run(self, block: Block) -> None:
        """Runs a block, and compares what it prints with what its page shows."""
        with _chdir(self.folder):
            if block.language in ("python", "before"):
                self._python(block)
            else:
                self._commands(block)

    def _python(self, block: Block) -> None:
        sys.modules["page"] = self.module  # dataclasses look their module up
        printed = io.StringIO()
        if ">>>" in block.text:
            test = doctest.DocTestParser().get_doctest(
                block.text, vars(self.module), block.place, str(block.page), block.line - 1
            )
            doctest.DocTestRunner(optionflags=FLAGS).run(test, out=printed.write, clear_globs=False)
            vars(self.module).update(test.globs)
            if printed.getvalue():
                raise Mismatch(f"{block.place}: {printed.getvalue()}")
            return
        code = compile("\n" * (block.line - 1) + block.text, str(block.page), "exec")  # a traceback has the page's line
        with contextlib.redirect_stdout(printed):
            exec(code, vars(self.module))
        if block.output is not None and not same(block.output, printed.getvalue(), "figures vary" in block.marks):
            raise Mismatch(f"{block.place} shows\n{block.output}\nand prints\n{printed.getvalue()}")

    def _commands(self, block: Block) -> None:
        given = list(_dialogue(block))
        for number, (command, expected) in enumerate(given, 1):
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                env=self.environment,
                text=True,
                capture_output=True,
                timeout=900,
            )
            wanted = int(block.marks.get("exit code", 0)) if number == len(given) else 0
            if done.returncode != wanted:
                raise Mismatch(f"{block.place}: {command}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
            got = done.stdout + (done.stderr if wanted else "")
            if expected is not None and not same(expected, got, "figures vary" in block.marks):
                raise Mismatch(f"{block.place}: {command}\nshows\n{expected}\nand prints\n{got}")


def _dialogue(block: Block) -> Iterator[tuple[str, str | None]]:
    """The commands of a block, each with the output shown: None where the page shows none."""
    if block.language == "bash":
        yield block.text, None
        return
    for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
        lines = part.splitlines()
        length = next((number for number, line in enumerate(lines, 1) if not line.endswith("\\")), len(lines))
        yield "\n".join(lines[:length]), "\n".join(lines[length:]) or None


@contextlib.contextmanager
def _chdir(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def stand_in(folder: Path) -> None:
    """Makes what docs/start.md leaves behind, as far as other pages use it, of a network trained for two seconds."""
    import tfcompress as tfc
    from tfcompress.backend.tensorflow import set_seed, start_quietly

    start_quietly()
    set_seed(0)
    data = tfc.Digits()
    model = tfc.Train().apply(tfc.simple_cnn(data.input_shape), tfc.KerasFit(data, epochs=6))
    run = folder / "saved_models" / "digits"
    (run / "1-baseline").mkdir(parents=True)
    (run / "tflite").mkdir()
    tfc.save_model(model, run / "1-baseline" / "model.keras")
    tfc.Float32().convert(model, data, run / "tflite" / "digits-baseline-float32.tflite")
    tfc.Int8().convert(model, data, run / "tflite" / "digits-quantized-int8.tflite")


def run_page(page: Path, folder: Path, quick: bool) -> Iterator[tuple[Block, float]]:
    """Runs the blocks of a page in a folder: each with the seconds that it took."""
    session = Session(folder)
    for block in blocks(page):
        if block.language in RUN and not block.reason and not (quick and block.is_slow):
            begun = time.perf_counter()
            session.run(block)
            yield block, time.perf_counter() - begun


def main() -> int:
    """Runs the command line and gives its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leave out what is slow")
    parser.add_argument("--times", action="store_true", help="print the seconds of each block")
    parser.add_argument("pages", nargs="*", type=Path, help="the pages (default: all)")
    options = parser.parse_args()
    chosen = [page.resolve() for page in options.pages] or pages()
    faults, num_run, num_slow, reasons = [], 0, 0, collections.Counter[str]()
    with tempfile.TemporaryDirectory(prefix="tfcompress-docs-") as place:
        made = Path(place) / START.stem  # where docs/start.md is run
        made.mkdir()
        if options.quick or START not in chosen:
            stand_in(made)
        for number, page in enumerate(chosen):
            folder = made if page == START else Path(place) / str(number)
            if page != START:
                shutil.copytree(made, folder)
            try:
                for block, seconds in run_page(page, folder, options.quick):
                    num_run += block.language != "before"
                    if options.times:
                        print(f"{seconds:6.1f} s  {block.place}", flush=True)
            except Exception as error:  # a page is any code: what it raises is its fault, and the other pages are run
                text = str(error) if isinstance(error, Mismatch) else traceback.format_exc()
                faults.append(f"{page.relative_to(ROOT)}: {text}")
                print(faults[-1], file=sys.stderr, flush=True)
            for block in blocks(page):
                num_slow += options.quick and block.is_slow
                if block.reason:
                    reasons[block.reason] += 1
    print(
        f"{num_run} blocks of {len(chosen)} pages run, {len(faults)} pages at fault, {num_slow} blocks left out as slow"
    )
    print(f"{sum(reasons.values())} blocks cannot be run here:")
    for reason, count in reasons.most_common():
        print(f"  {count}  {reason}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
