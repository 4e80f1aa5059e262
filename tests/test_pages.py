"""The pages of docs/: their code runs and prints what they show, blocks say what they are, names are documented."""

import doctest
import importlib.util
import re
import shutil
import sys
from pathlib import Path

import pytest

import tfcompress as tfc

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def tool(name):
    specification = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


blocks, links = tool("blocks"), tool("links")
PAGES = blocks.pages()
# What is neither run nor output: directives of the site, and pieces of other files.
SHOWN = {"text", "json", "ini", "{toctree}", "{public-names}", "{command-help}", "{image}", "{figure}"}


def has(page, slow):
    return any(
        each.language in blocks.RUN and each.language != "before" and not each.reason and each.is_slow == slow
        for each in blocks.blocks(page)
    )


@pytest.fixture(scope="session")
def walked(tmp_path_factory):
    """A folder as docs/start.md leaves it."""
    folder = tmp_path_factory.mktemp("walked")
    blocks.stand_in(folder)
    return folder


@pytest.mark.filterwarnings("ignore")  # of the libraries that a page shows beside ours
@pytest.mark.parametrize("page", [page for page in PAGES if has(page, slow=False)], ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, walked, tmp_path):
    shutil.copytree(walked, tmp_path / "page")
    assert list(blocks.run_page(page, tmp_path / "page", quick=True))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", [page for page in PAGES if has(page, slow=True)], ids=lambda page: page.stem)
def test_the_slow_code_of_a_page_runs(page, walked, tmp_path):
    shutil.copytree(walked, tmp_path / "page")
    assert list(blocks.run_page(page, tmp_path / "page", quick=False))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_says_what_it_is(page):
    for block in blocks.blocks(page):
        assert block.language in {*blocks.RUN, *SHOWN}, f"{block.place}: {block.language or 'no language'}"
        assert block.reason != "", f"{block.place}: not run, and no reason"
        assert set(block.marks) <= {"not run", "slow", "figures vary", "exit code"}, block.place


def page_of(tmp_path, monkeypatch, text):
    monkeypatch.setattr(blocks, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


@pytest.mark.parametrize(
    "text",
    [
        "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n",
        "```python\n>>> 1 + 1\n3\n```\n",
        "```python\nraise ValueError\n```\n",
        "```console\n$ echo two\nthree\n```\n",
        "```bash\nfalse\n```\n",
        "<!-- exit code: 3 -->\n```bash\ntrue\n```\n",
        "<!-- figures vary -->\n```console\n$ echo 2 kB\n3 bytes\n```\n",
    ],
    ids=["prints", "doctest", "raises", "console", "fails", "exit code", "words"],
)
def test_a_page_that_is_wrong_is_found(tmp_path, monkeypatch, text):
    page = page_of(tmp_path, monkeypatch, text)
    with pytest.raises((blocks.Mismatch, ValueError)):
        list(blocks.run_page(page, tmp_path, quick=True))


def test_a_page_that_is_right_runs_in_its_order(tmp_path, monkeypatch):
    page = page_of(
        tmp_path,
        monkeypatch,
        "<!-- before:\nx = 1\n-->\n\n```python\nprint(x + 1)\n```\n\n```text\n2\n```\n\n"
        "<!-- slow -->\n```python\nraise ValueError\n```\n\n<!-- not run: no moon -->\n```bash\nfalse\n```\n\n"
        "<!-- figures vary -->\n```console\n$ echo 12 kB\n13 kB\n```\n\n<!-- exit code: 2 -->\n```bash\nexit 2\n```\n",
    )
    ran = [block.language for block, _ in blocks.run_page(page, tmp_path, quick=True)]
    assert ran == ["before", "python", "console", "bash"]
    assert [block.reason for block in blocks.blocks(page) if block.reason] == ["no moon"]


def test_every_public_name_has_a_place_in_the_reference():
    text = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    rooms = [room for block in re.findall(r"```\{public-names\}\n(.*?)```", text, re.DOTALL) for room in block.split()]
    for name, home in tfc._HOME_OF.items():
        found = [room for room in rooms if home == room or home.startswith(f"{room}.")]
        assert len(found) == 1, f"tfc.{name} of {home}: documented by {found or 'no page of docs/reference/'}"
    assert {room.removesuffix(".*") for room in rooms if room.endswith(".*")} == set(tfc._GROUPS)


def test_every_page_is_in_the_site():
    named = set()
    for page in PAGES:
        for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in (line for line in block.splitlines() if line and not line.startswith(":")):
                named |= {found.resolve() for found in page.parent.glob(f"{line}.md")}
    outside = {DOCS / "index.md", DOCS / "README.md", ROOT / "benchmarks" / "RESULTS.md"}
    assert set(PAGES) - outside == named


def test_the_tools_do_what_their_docstrings_show():
    assert doctest.testmod(blocks).attempted and not doctest.testmod(blocks).failed


def test_links_that_lead_nowhere_are_found(tmp_path, capsys):
    (tmp_path / "one.html").write_text('<a id="here" href="two.html#there">1</a> <a href="#here">2</a>')
    (tmp_path / "two.html").write_text('<p id="there"></p> <a href="https://example.com/x">out</a>')
    assert links.main(tmp_path) == 0
    (tmp_path / "one.html").write_text('<a href="three.html">1</a> <a href="two.html#nowhere">2</a>')
    assert links.main(tmp_path) == 1
    assert capsys.readouterr().err.splitlines() == [
        "one.html: three.html leads to no file",
        "one.html: two.html#nowhere leads to no place on its page",
    ]
