"""Every option that names a place to write is looked at before the work: one line, and nothing is made."""

import pytest

from tfcompress.cli.main import main
from tfcompress.core.errors import OutputNotWritable

JOB = """
def model():
    raise RuntimeError("hours of training begin")

train_data = test_data = model
"""
COMMANDS = {
    "recipe": ["recipe", "digits", "--smoke"],
    "compress": ["compress", "job.py"],
    "search": ["search", "digits", "--max-kb", "12", "--trials", "1", "--epochs", "1"],
    "search of a job": ["search", "job.py", "--max-kb", "12", "--trials", "1"],
    "export": ["export", "small.tflite", "--c"],
    "report": ["report", "gone"],  # a run that is not there would be said of the run
}
PLACES = [
    *((name, ("--out", "file")) for name in COMMANDS if name != "report"),
    *((name, ("--tensorboard", "file")) for name in ("recipe", "compress", "search")),
    *((name, ("--tensorboard", "file", "--json")) for name in ("recipe", "compress", "search")),
    ("search", ("--plot", "nowhere/plot.png")),
    ("search", ("--plot", "folder.png")),
    ("report", ("--out", "nowhere/page.html")),
    ("report", ("--out", "folder.png")),
    ("recipe", ("--out", "file/below")),
]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The bytes of a .tflite."""
    import tfcompress as tfc

    path = tmp_path_factory.mktemp("small") / "small.tflite"
    tfc.Float32().convert(tfc.simple_cnn((8, 8, 1), 10), None, path)
    return path.read_bytes()


@pytest.mark.parametrize(("name", "options"), PLACES, ids=lambda each: each if isinstance(each, str) else each[0])
def test_it_is_said_before_anything_is_done(name, options, small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "small.tflite").write_bytes(small)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    assert main([*COMMANDS[name], *options]) == OutputNotWritable.exit_code
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "a bug" not in said
    assert options[0] in said
    assert options[1] in said
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
