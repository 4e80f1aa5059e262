"""How Sphinx makes the site of these pages; scripts/docs runs it. Each page is plain Markdown, readable alone."""

import contextlib
import io
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

import tfcompress  # noqa: E402
from tfcompress.backend.tensorflow import start_quietly  # noqa: E402
from tfcompress.cli.main import COMMANDS, main  # noqa: E402

start_quietly()  # autodoc imports TensorFlow, by the names that it documents

project = "tfcompress"
author = "the authors of tfcompress"
version = release = tfcompress.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
exclude_patterns = ["README.md", "notebooks/*.md", "tools/*"]

html_theme = "furo"
html_title = f"tfcompress {release}"
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
html_static_path = ["tools/site.css"]
html_css_files = ["site.css"]

myst_heading_anchors = 4  # `page.md#a-heading`, as code hosts have it

add_module_names = False
maximum_signature_line_length = 100
default_role = "literal"  # docstrings have `code` in single backticks
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = False

# Pages that stand beside this folder, and the page of the site that shows each.
BESIDE = {
    ROOT / "benchmarks" / "RESULTS.md": "explanation/figures",
    ROOT / "saved_models" / "README.md": "explanation/pretrained",
    ROOT / "CHANGELOG.md": "explanation/changes",
    ROOT / "CONTRIBUTING.md": "explanation/contributing",
    ROOT / "SECURITY.md": "explanation/security",
    ROOT / "README.md": "index",
    HERE / "README.md": "index",
}


def at_home(home, room):
    """Whether a public name that lives in the file `home` belongs to `room`, a file or a folder of tfcompress/."""
    return home == room or home.startswith(f"{room}.")


def members(group):
    """The names of `tfc.criteria` and the like, without constants and what has a name of its own in tfcompress."""
    module = getattr(tfcompress, group)
    return [name for name in module.__all__ if callable(getattr(module, name)) and name not in tfcompress._HOME_OF]


def directive(name):
    """How autodoc documents a public name."""
    thing = tfcompress
    for part in name.split("."):
        thing = getattr(thing, part)
    return "autoclass" if isinstance(thing, type) else "autofunction" if callable(thing) else "autodata"


def command_help():
    """What each command says of itself with --help."""
    parts = []
    os.environ["COLUMNS"] = "100"
    for command in ("", *COMMANDS):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):  # argparse ends so
            main([*command.split(), "--help"])
        parts += [f"## {'tfcompress ' + command}".rstrip(), "", "```text", printed.getvalue().rstrip(), "```", ""]
    return "\n".join(parts)


def prepare_page(app, name, source):
    """Reads a page as Sphinx shall see it.

    Pages that stand beside this folder are shown by those that stand for them, and links lead there. Of a toctree's
    patterns those without a page are left out. `public-names` becomes what autodoc knows of the names of these rooms,
    `command-help` what the commands say.
    """
    file = next((file for file, page in BESIDE.items() if page == name and name != "index"), HERE / f"{name}.md")
    text = source[0] if file.parent.is_relative_to(HERE) else file.read_text(encoding="utf-8")
    place = (HERE / name).parent

    def lead(link):
        target, anchor = link.groups()
        found = (file.parent / target).resolve()
        page = HERE / f"{BESIDE[found]}.md" if found in BESIDE else found
        return f"]({os.path.relpath(page, place)}{anchor or ''})"

    def present(lines):
        kept = [line for line in lines[0].splitlines() if not set("*[") & set(line) or any(place.glob(f"{line}.md"))]
        return "\n".join(kept)

    def documented(match):
        homes = match[1].split()
        found = [
            name for name in tfcompress._HOME_OF if any(at_home(tfcompress._HOME_OF[name], home) for home in homes)
        ]
        for group in (home.removesuffix(".*") for home in homes if home.endswith(".*")):
            found += [f"{group}.{name}" for name in members(group)]
        lines = [f".. {directive(name)}:: tfcompress::{name}" for name in found]
        return "\n".join(["```{eval-rst}", ".. currentmodule:: tfcompress", "", *lines, "```"])

    text = re.sub(r"```\{public-names\}\n(.*?)```", documented, text, flags=re.DOTALL)
    text = re.sub(r"```\{command-help\}\n```", lambda match: command_help(), text)
    text = re.sub(r"\]\(([^)#:\s]+)(#[^)]*)?\)", lead, text)
    source[0] = re.sub(r"```\{toctree\}.*?```", present, text, flags=re.DOTALL)


def plain_docstring(app, what, name, thing, options, lines):
    """Docstrings are plain text with `code`: bars, stars and final underscores outside of it mean themselves."""
    parts = re.split(r"(`[^`]*`|^ *(?:>>>|\.\.\.) .*$)", "\n".join(lines), flags=re.MULTILINE)
    plain = [re.sub(r"(?<!\\)[|*]|(?<=\w)_(?!\w)", r"\\\g<0>", part) for part in parts[::2]]
    parts[::2] = [plain[0], *(re.sub(r"^(?=\w)", r"\\ ", part) for part in plain[1:])]  # an `s` right after `code`
    lines[:] = "".join(parts).split("\n")


def setup(app):
    app.connect("source-read", prepare_page)
    app.connect("autodoc-process-docstring", plain_docstring, priority=400)  # before napoleon's
