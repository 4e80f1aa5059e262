"""README and the guides: the Python example runs, and names, commands and links in them exist."""

import ast
import configparser
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.cli import compress as compress_command
from tfcompress.cli import inspect as inspect_command
from tfcompress.cli import recipe as recipe_command
from tfcompress.cli import recipe_file

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md")), ROOT / "benchmarks" / "RESULTS.md", ROOT / "SECURITY.md"]


def blocks(path, language):
    """The fenced blocks of a page in one language."""
    text = path.read_text(encoding="utf-8")
    return [block for found, block in re.findall(r"```([^\n]*)\n(.*?)```", text, re.DOTALL) if found == language]


def commands(path):
    """What a page says to run, in a block or in a sentence: (command, arguments), as a shell would split them."""
    lines = [line for block in blocks(path, "bash") for line in block.splitlines()]
    lines += [line[2:] for block in blocks(path, "console") for line in block.splitlines() if line[:2] == "$ "]
    spans = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL))
    found = (
        re.match(r"(?:tfcompress |python -m tfcompress\.)(recipe|inspect|compress) (.*)", each)
        for each in (*lines, *spans)
    )
    return [(match[1], shlex.split(match[2], comments=True)) for match in found if match]


@pytest.fixture
def own(tmp_path):
    """A folder with a user's own: my.keras, and photos of two classes, dark and bright."""
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Flatten()]
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers, keras.layers.Dense(2, activation="softmax")])
    tfc.save_model(model, tmp_path / "my.keras")
    random = np.random.default_rng(0)
    for name, brightest in (("dark", 128), ("light", 256)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(100):
            image = Image.fromarray(random.integers(brightest - 128, brightest, (8, 8, 3), "uint8"))
            image.save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path


def test_the_python_example_runs(own, monkeypatch, capfd):
    (example,) = blocks(README, "python")
    assert len(ast.parse(example).body) <= 6  # an import, and five lines
    before = {path.name for path in own.iterdir()}
    monkeypatch.chdir(own)
    exec(compile(example, "<README.md>", "exec"), {"__name__": "__main__"})
    said = capfd.readouterr().out
    assert "Verdict: pass" in said
    assert re.search(r"quantize_aware int8 +\d+\.\d\d%", said)
    (made,) = {path.name for path in own.iterdir()} - before
    assert {path.suffix for path in (own / made).iterdir()} == {".keras", ".tflite", ".md", ".json", ".html"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(path):
    links = re.findall(r"\]\(([^)#]+)(?:#([^)]+))?\)", path.read_text(encoding="utf-8"))
    for target, heading in (link for link in links if "://" not in link[0]):
        assert (path.parent / target).exists(), target
        if not heading:
            continue
        headings = re.findall(r"^#+ (.+)$", (path.parent / target).read_text(encoding="utf-8"), re.MULTILINE)
        anchors = [re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings]
        assert heading in anchors, f"{target}#{heading}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_public_name_exists(path):
    for name in set(re.findall(r"\btfc\.((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)", path.read_text(encoding="utf-8"))):
        value = tfc
        for part in name.split("."):
            assert hasattr(value, part), f"tfc.{name}"
            value = getattr(value, part)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_is_one(path):
    for name, arguments in commands(path):
        if name == "inspect":
            inspect_command._parser(name).parse_args(arguments)
            continue
        if name == "compress":
            compress_command._parser(name).parse_args(arguments)
            continue
        options = recipe_command._parser(name).parse_args(arguments)
        if options.recipe not in (None, "NAME", "my_recipe.py", "saved_models/digits-search/best.py"):
            settings = recipe_file.load(options.recipe).settings_class
            assert {text.partition("=")[0] for text in options.set} <= set(settings.__dataclass_fields__)


def test_the_badges_say_what_setup_cfg_says():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    shown = re.findall(r"!\[[^]]*\]\((docs/images/\w+\.svg)\)", README.read_text(encoding="utf-8"))
    said = dict(re.findall(r"<text [^>]*>([^<]*)<", (ROOT / path).read_text())[:2] for path in shown)
    least, most = re.match(r">=(.*),<3\.(\d+)", setup["options"]["python_requires"]).groups()
    assert said.pop("python") == f"{least} to 3.{int(most) - 1}"
    assert f"tensorflow>={said.pop('TensorFlow')}," in setup["options"]["install_requires"]
    assert said.pop("license") == setup["metadata"]["license"]
    assert said.pop("types") == "mypy strict" and "\nstrict = true\n" in (ROOT / "pyproject.toml").read_text()
    assert not said


def test_the_commands_are_found():
    assert ("recipe", ["digits"]) in commands(README)
    assert ("inspect", ["my.keras"]) in commands(README)
    assert ("recipe", ["image_folder", "--set", "model=my.keras", "--set", "data=photos/"]) in commands(README)
    assert ("recipe", ["cifar10_channels", "--data-dir", "DIR"]) in commands(ROOT / "benchmarks" / "RESULTS.md")
