"""Exported files with metadata, the page beside them, whose Python lines run, and files that take sound."""

import dataclasses
import re
import subprocess
import sys

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.search_path import for_children
from tfcompress.backend.tensorflow import set_seed
from tfcompress.core.errors import ConversionFailed
from tfcompress.core.examples.notes import Notes, TensorNotes
from tfcompress.core.examples.source import Split
from tfcompress.export.metadata.with_metadata import notes_of
from tfcompress.export.sounds.joining import joined
from tfcompress.export.sounds.mel_network import mel_network
from tfcompress.measuring.file_run import FileRun
from tfcompress.measuring.notes.in_file import notes_in
from tfcompress.measuring.tflite import read

FORM = tfc.LogMel(8000, seconds=0.25, num_mels=12)
FILES = ("a-from-sound.tflite", "a.tflite")


@dataclasses.dataclass(frozen=True)
class Sounds(tfc.Data):
    """Tones in noise, of two pitches."""

    title = "tones"
    num_train, num_classes, input_shape = 64, 2, FORM.shape
    class_names = ("low", "high")
    features = FORM

    def sample_clips(self, num_examples):
        draw = np.random.default_rng(0)
        hz = np.where(np.arange(64) % 2, 2000, 400) + draw.uniform(-50, 50, 64)
        tones = np.sin(2 * np.pi * hz[:, None] * np.arange(FORM.num_samples) / 8000)
        return (0.3 * tones + draw.normal(0, 0.01, tones.shape))[:num_examples].astype("float32")

    def notes(self):
        settings = {"log_mel": dataclasses.asdict(FORM)}
        return Notes(
            {"": TensorNotes("a spectrogram", settings=settings)}, {"": TensorNotes("pitch", self.class_names)}
        )

    def load(self):
        split = Split(FORM.features(self.sample_clips(64)), np.arange(64) % 2)
        return split, split


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """The folder with an int8 file of spectrograms, and one that takes sound."""
    folder, data = tmp_path_factory.mktemp("sounds"), Sounds()
    set_seed(0)
    model = tfc.Train().apply(
        tfc.ds_cnn(FORM.shape, 2, width=4, num_blocks=1), tfc.KerasFit(data, 20, 16, 0.01, optimizer="adam")
    )
    tfc.WithMetadata(tfc.Int8(), "keyword_spotting", {"width": 4}, from_sound=True).convert(
        model, data, folder / "a.tflite"
    )
    return folder


def run_page(path, *replacements):
    """What the Python lines of a page print, in a process of their own."""
    code = re.search(r"```python\n(.*?)```", path.read_text(), re.DOTALL)[1]
    for old, new in replacements:
        assert old in code
        code = code.replace(old, new)
    environment = {"PYTHONPATH": for_children(), "PATH": ""}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=path.parent, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(("hz", "label"), [(400, "low"), (2000, "high")])
def test_the_python_lines_of_a_page_tell_a_sound(sounds, hz, label):
    tone = f"0.3 * np.sin(2 * np.pi * {hz} * np.arange(features.num_samples) / 8000)"
    tone += " + np.random.default_rng(1).normal(0, 0.01, features.num_samples)"
    assert run_page(sounds / "a.md", ("np.zeros(features.num_samples)", tone)) == f"logits: ['{label}']"


def test_a_file_from_sound_makes_the_pipelines_spectrograms(sounds):
    clips = Sounds().sample_clips(64)
    whole = FileRun((sounds / "a-from-sound.tflite").read_bytes())
    assert list(whole.inputs) == ["sound"] and whole.inputs["sound"].dtype == np.float32
    body = FileRun((sounds / "a.tflite").read_bytes())
    ours, theirs = (
        whole.outputs({"sound": clips})["logits"],
        body.outputs({"spectrogram": FORM.features(clips)})["logits"],
    )
    assert (ours.argmax(1) == theirs.argmax(1)).all()
    np.testing.assert_allclose(ours, theirs, atol=3 * body.output_types["logits"].scale)
    of_whole, of_body = ({each.name: each.values for each in read(sounds / name).kernels} for name in FILES)
    assert set(of_body) < set(of_whole) and all((of_whole[name] == of_body[name]).all() for name in of_body)
    notes = notes_in((sounds / "a-from-sound.tflite").read_bytes())
    assert notes.notes.inputs["sound"].sample_rate == 8000 and notes.notes.outputs["logits"].labels == ("low", "high")


def test_spectrograms_by_layers_are_those_of_the_formula():
    clips = Sounds().sample_clips(16)
    clips = np.concatenate([clips, np.zeros_like(clips[:1]), 0.001 * clips[:1]])  # silence, and hardly a sound
    np.testing.assert_allclose(mel_network(FORM)(clips), FORM.features(clips), atol=1e-3)


def test_a_front_of_another_formula_is_no_file(sounds, tmp_path, monkeypatch):
    from tfcompress.export.sounds import from_sound

    other = dataclasses.replace(FORM, range_db=50)
    monkeypatch.setattr(from_sound, "mel_network", lambda features: mel_network(other))
    with pytest.raises(
        ConversionFailed, match="must make the pipeline's spectrograms to 0.001. Received: a difference"
    ):
        from_sound.write_from_sound((sounds / "a.tflite").read_bytes(), Sounds(), tmp_path / "b.tflite")
    assert not list(tmp_path.iterdir())


def test_files_that_do_not_fit_are_not_joined(sounds):
    body = (sounds / "a.tflite").read_bytes()
    with pytest.raises(ConversionFailed, match="gives float32 of the shape"):
        joined(body, body)


def test_digits_have_their_scaling_and_the_page_runs(trained, digits, tmp_path):
    artifact = tfc.WithMetadata(tfc.Int8()).convert(trained, digits, tmp_path / "d.tflite")
    assert artifact.raw_bytes == (tmp_path / "d.tflite").stat().st_size and artifact.mode == "int8"
    assert notes_in(artifact.path.read_bytes()).notes.inputs["image"].scaling == ((0.0,), (16.0,))
    assert re.fullmatch(r"logits: \[.*\]", run_page(tmp_path / "d.md"), re.DOTALL)
    with pytest.raises(tfc.InvalidValue, match="from_sound is for data with clips of sound"):
        tfc.WithMetadata(tfc.Int8(), from_sound=True).convert(trained, digits, tmp_path / "e.tflite")


def test_scaling_is_written_as_mean_and_deviation():
    @dataclasses.dataclass(frozen=True)
    class Scaled(tfc.Data):
        title, scale, offset = "scaled", (0.5, 0.25), -1.0

    mean, deviation = notes_of(Scaled()).of_input("x").scaling
    x = np.array([3.0, 8.0])
    np.testing.assert_allclose((x - mean) / deviation, x * (0.5, 0.25) - 1)


def test_another_setting_is_another_hash(trained, digits, tmp_path):
    def hash_of(settings):
        path = tmp_path / "h.tflite"
        tfc.WithMetadata(tfc.Float32(), "digits", settings).convert(trained, digits, path)
        return notes_in(path.read_bytes()).recipe_sha256

    assert hash_of({"epochs": 1}) == hash_of({"epochs": 1}) != hash_of({"epochs": 2})


def test_the_python_lines_of_a_page_read_a_text_and_a_series(tmp_path):
    told = [
        ("my card is lost", "lost card"),
        ("where is my card?", "lost card"),
        ("a new pin", "pin"),
        ("my pin?", "pin"),
    ]
    (tmp_path / "t.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in told * 4))
    texts = tfc.TextTable(tmp_path / "t.csv", length=6)
    set_seed(0)
    build = tfc.text_cnn(len(texts.vocabulary), 2, 6, embedding=8, filters=8, widths=(1, 2))
    model = tfc.Train().apply(build, tfc.KerasFit(texts, 30, 4, 0.02, optimizer="adam"))
    tfc.WithMetadata(tfc.Int8()).convert(model, texts, tmp_path / "t.tflite")
    assert run_page(tmp_path / "t.md") == "logits: ['lost card']"  # of the page's own "Where is my card?"
    assert run_page(tmp_path / "t.md", ("Where is my card?", "A new PIN, please")) == "logits: ['pin']"
    (tmp_path / "s.csv").write_text("a,b\n" + "".join(f"{n % 5},{100 + n % 5}\n" for n in range(60)))
    series = tfc.Forecasts(tmp_path / "s.csv", "b", window=8)
    tfc.WithMetadata(tfc.Float32()).convert(tfc.series_cnn((8, 2), width=4), series, tmp_path / "s.tflite")
    said = run_page(tmp_path / "s.md")
    assert re.fullmatch(r"next: \[\d+\.\d+\]", said) and 90 < float(said[7:-1]) < 120  # in the column's own unit
