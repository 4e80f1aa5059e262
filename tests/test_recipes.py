"""Every recipe that comes with tfcompress, all of it, on 256 real examples."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.cli import recipe_file
from tfcompress.running.folder.whole import check_folder

HERE = Path(__file__).parent
VISION = ["segmentation_folder", "detection_voc"]
OF_FILES = {
    *("keyword_spotting", "audio_folder", "text_intents", "text_csv", "text_slots", "forecast_csv", "anomaly_csv"),
    *VISION,
}
JOB = """
import tfcompress as tfc

def model():
    return {folder!r} + "/logits.keras"

def examples(split):
    return split.inputs[:256].astype("float32") / 16, split.targets[:256]

def train_data():
    return examples(tfc.Digits().train)

def test_data():
    return examples(tfc.Digits().test)

def task():
    return tfc.Classification()
"""


@pytest.fixture(scope="session")
def own(trained, digits, tmp_path_factory):
    """A user's own: a model that scales its pixels itself and ends in softmax, and images in folders of classes."""
    from PIL import Image

    import tfcompress as tfc
    from tfcompress.backend.tensorflow import keras

    folder = tmp_path_factory.mktemp("own")
    inputs = keras.Input(digits.input_shape)
    scaled = keras.layers.Rescaling(1 / 255)(inputs)
    tfc.save_model(keras.Model(inputs, keras.layers.Softmax()(trained(scaled))), folder / "my.keras")
    for number, (image, label) in enumerate(zip(digits.test.inputs, digits.test.targets, strict=True)):
        (folder / "photos" / f"digit {label}").mkdir(parents=True, exist_ok=True)
        pixels = (image[..., 0].astype("float32") * 255 / 16).astype("uint8")
        Image.fromarray(pixels).save(folder / "photos" / f"digit {label}" / f"{number}.png")
    tfc.save_model(trained, folder / "logits.keras")
    (folder / "job.py").write_text(JOB.format(folder=str(folder)))
    return folder


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """By recipe a user's own small files: tones, sentences, and a series with a span that is unusual."""
    import wave

    folder, draw = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    (folder / "words").mkdir()
    hz = np.array([300, 3000])[np.arange(160) % 2] + draw.uniform(-40, 40, 160)
    tones = np.sin(2 * np.pi * hz[:, None] * np.arange(8000) / 8000) * 8000 + draw.normal(0, 80, (160, 8000))
    for number, tone in enumerate(tones.astype("<i2")):
        place = folder / "words" / ("low", "high")[number % 2]
        place.mkdir(exist_ok=True)
        with wave.open(str(place / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(tone.tobytes())
    about = {"digit": (np.arange(160) % 2).astype("uint8"), "speaker": np.array(["ann", "bob"] * 80)}
    offsets, is_test = np.arange(161) * 8000, np.arange(160) % 5 == 0
    np.savez(folder / "fsdd.npz", audio=tones.astype("int16").ravel(), offsets=offsets, is_test=is_test, **about)
    words = {"card": ("lost", "card", "stolen", "block"), "pin": ("pin", "code", "wrong", "forgot")}
    told = [(label, " ".join(draw.choice([*words[label], "my", "the"], 6))) for label in words for _ in range(100)]
    (folder / "texts.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for label, text in told))
    for part, sentences in (("train", told), ("validate", told[::5])):
        found: dict = {}
        for label, text in sentences:
            before, _, last = text.rpartition(" ")
            found.setdefault(label, []).append({"data": [{"text": f"{before} "}, {"text": last, "entity": "end"}]})
        (folder / f"{part}.json").write_text(json.dumps(found))
    _pictures(folder, draw)
    series = np.sin(np.arange(2400) / 10) + draw.normal(0, 0.05, 2400)
    series[1800:2000] = 0.2
    rows = (f"{value:.4f},{int(1800 <= step < 2000)}\n" for step, value in enumerate(series))
    (folder / "series.csv").write_text("value,anomaly\n" + "".join(rows))
    return {
        "keyword_spotting": ["data=fsdd.npz", "width=8", "blocks=1"],
        "audio_folder": ["data=words", "sample_rate=8000", "width=8", "network=gru", "from_sound=true"],
        "text_intents": ["data=texts.csv", "length=8", "embedding=16", "filters=16", "teacher_epochs=1"],
        "text_csv": ["data=texts.csv", "length=8", "embedding=16", "filters=16", "embedding_bits=4"],
        "text_slots": [f"data={folder}", "length=8", "embedding=16", "filters=16"],
        "segmentation_folder": ["data=cells", "size=32x32", "channels=1", "width=4", "levels=2", "shift=2"],
        "detection_voc": [
            "data=cells",
            "size=32x32",
            "channels=1",
            "width=8",
            "strides=8",
            "per_cell=2",
            "epochs=16",
            "batch_size=4",
        ],
        "forecast_csv": ["data=series.csv", "window=16", "columns=value"],
        "anomaly_csv": ["data=series.csv", "window=64", "step=2"],
    }, folder


def _pictures(folder, draw):
    """Pictures with one bright square or two, masks of them, and their boxes as VOC has them."""
    from PIL import Image

    for number in range(40):
        pixels, mask = draw.integers(0, 60, (32, 32), "uint8"), np.zeros((32, 32), "uint8")
        boxes = []
        for top, left in draw.integers(0, 20, (1 + number % 2, 2)):
            sides = f"<xmin>{left + 1}</xmin><ymin>{top + 1}</ymin><xmax>{left + 12}</xmax><ymax>{top + 12}</ymax>"
            boxes.append(f"<object><name>cell</name><bndbox>{sides}</bndbox></object>")
            pixels[top : top + 12, left : left + 12] += np.uint8(120)
            mask[top : top + 12, left : left + 12] = 255
        for place, values in (("images", pixels), ("masks", mask)):
            (folder / "cells" / place).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(folder / "cells" / place / f"{number}.png")
        (folder / "cells" / "Annotations").mkdir(exist_ok=True)
        (folder / "cells" / "Annotations" / f"{number}.xml").write_text(f"<annotation>{''.join(boxes)}</annotation>")


@pytest.fixture
def settings(request, name):
    """What a recipe must be told."""
    if name in OF_FILES:
        told, folder = request.getfixturevalue("files")
        given = [each.replace("data=", f"data={folder}/") if "=/" not in each else each for each in told[name]]
        return [part for each in given for part in ("--set", each)]
    if name == "cifar10_teacher":
        return ["--set", "width=4"]  # or it would take minutes on a software GPU
    if name not in ("image_folder", "own_model"):
        return []
    own = request.getfixturevalue("own")
    if name == "own_model":
        return ["--set", f"job={own / 'job.py'}"]
    return ["--set", f"model={own / 'my.keras'}", "--set", f"data={own / 'photos'}"]


def has_data(name):
    if "cifar10" not in name:
        return True
    folder = Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    return any((folder / "cifar10").glob("*/dataset_info.json"))


QUICK = {"digits"}  # image_folder is run whole below


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in sorted(recipe_file.built_in())],
)
def test_smoke(name, settings, recipe_command, tmp_path):
    if not has_data(name):
        pytest.skip(f"{name} not run: CIFAR-10 is not in TFDS_DATA_DIR ({os.environ.get('TFDS_DATA_DIR')})")
    done = recipe_command(name, *settings, "--smoke", "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["verdict"] == "pass"
    statuses = {f["check"]: f["status"] for file in report["files"] for f in file["findings"].values()}
    kernels = ("xnnpack", "builtin", *(["reference"] if name != "cifar10_teacher" else []))
    assert {statuses[f"cpu-{each}"] for each in kernels} == {"pass"}
    # The last file's finding: LiteRT's GPU delegate has no int4 weights, no lookup and no loop; the report says so.
    refused = name in ("cifar10_resnet8", "audio_folder") or name.startswith("text")
    assert statuses["gpu"] in (("fail", "not run") if refused else ("pass", "not run"))
    assert name == "cifar10_teacher" or any(
        verdict["kind"] in ("sparsity", "channels removed") for file in report["files"] for verdict in file["verdicts"]
    )
    markdown = (tmp_path / "run" / "report.md").read_text()
    assert markdown.index("| variant |") < markdown.index("## ") < markdown.index("## Promised and measured")
    for file in report["files"]:
        assert (tmp_path / "run" / file["path"]).stat().st_size == file["raw_bytes"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["keyword_spotting", "audio_folder", "text_csv", "text_slots", "forecast_csv", *VISION]
)
def test_a_killed_run_goes_on_where_it_was(name, settings, tmp_path):
    """kill -9 in the second stage, then the same command: the first is not repeated, and the report is whole."""
    command = [sys.executable, "-m", "tfcompress.recipe", name, *settings, "--smoke", "--out", str(tmp_path / "run")]
    first, second = [stage.name for stage in planned(name, settings)][:2]
    log = tmp_path / "log"
    with open(log, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=tmp_path)
    deadline = time.monotonic() + 200
    while f"\n{second} ..." not in log.read_text():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not (tmp_path / "run" / "report.json").exists()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"{first}: finished by an earlier run" in done.stderr
    assert f"{second}: finished by an earlier run" not in done.stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["verdict"] == "pass" and check_folder(tmp_path / "run").verdict == "whole"


def planned(name, settings):
    """The stages of a recipe with settings as the command line has them."""
    file = recipe_file.load(name)
    return file.recipe(file.settings(dict(each.split("=", 1) for each in settings[1::2]))).stages


@pytest.mark.parametrize("name", sorted(recipe_file.built_in()))
def test_plan_says_what_it_would_do_and_makes_nothing(name, settings, recipe_command, tmp_path):
    done = recipe_command(name, *settings, "--plan", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("Prune" in done.stdout or name == "cifar10_teacher") and "steps" in done.stdout
    assert not list(tmp_path.iterdir())


def test_the_textbooks_boundaries_are_fractions_of_training():
    file = recipe_file.load("cifar10_classic")
    for epochs in ("200", "8"):
        stages = {stage.name: stage for stage in file.recipe(file.settings({"epochs": epochs})).stages}
        fit, technique = stages["pruned"].fit, stages["pruned"].technique
        assert fit.epochs == int(epochs) and fit.batch_size == 64 and fit.momentum == 0.9
        assert (fit.learning_rate.initial, fit.learning_rate.factor, fit.learning_rate.at) == (0.1, 0.1, (0.5, 0.75))
        assert technique.schedule.at == (0.75, 0.875, 0.875)
        shares = [technique.schedule.sparsity_after(number, technique.final_sparsity) for number in (1, 2, 3)]
        assert shares == pytest.approx([0.5, 0.75, 0.875])


def test_a_teacher_is_made_anew_or_trained_on_without_smoothed_labels():
    file = recipe_file.load("cifar10_teacher")
    (anew,) = file.recipe(file.settings({"width": "4"})).stages
    assert anew.start().count_params() == tfc.fast_resnet(4).count_params()
    assert (anew.fit.label_smoothing, anew.fit.learning_rate.peak) == (0.1, 0.25)
    given = {"start": "cifar10_fast_resnet", "label_smoothing": "0", "learning_rate": "0.05", "epochs": "6"}
    (further,) = file.recipe(file.settings(given)).stages
    assert further.start == tfc.Pretrained("cifar10_fast_resnet")
    assert (further.fit.label_smoothing, further.fit.learning_rate.peak, further.fit.epochs) == (0, 0.05, 6)


def test_recipes_lie_where_they_can_be_read():
    assert set(recipe_file.built_in()) >= {"digits", "cifar10", "cifar10_classic"}
    assert all((HERE.parent / "recipes" / f"{name}.py").exists() for name in recipe_file.built_in())


def test_an_own_model_is_compressed_and_nearly_as_good(own, recipe_command, tmp_path, monkeypatch):
    given = ["--set", f"model={own / 'my.keras'}", "--set", f"data={own / 'photos'}", "--set", "final_sparsity=0.3"]
    monkeypatch.setenv("TFCOMPRESS_SOFTWARE_GPU", "/nowhere")  # a software GPU takes longer than all the rest
    done = recipe_command("image_folder", "--epochs", "6", "--out", ".", *given, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads((tmp_path / "report.json").read_text())
    accuracy = {stage["name"]: stage["metrics"]["accuracy"] for stage in report["stages"]}
    assert accuracy["original"] > 0.85
    assert min(accuracy["pruned"], accuracy["quantized"]) > accuracy["original"] - 0.1
    by_mode = {(file["stage"], file["mode"]): file["raw_bytes"] for file in report["files"]}
    assert by_mode["quantized", "int8"] < by_mode["original", "float32"] / 2


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"model": None}, 12, "model must be given. Received: None. Use --set model=my.keras."),
        ({"data": None}, 12, "data must be given. Received: None. Use --set data=photos/."),
        ({"model": "no.keras"}, 43, "no.keras. There is none of this name."),
        ({"data": "nowhere"}, 20, "Received: nowhere. None there."),
        ({"size": "96"}, 12, "size must be height x width. Received: '96'."),
        ({"scale": "0..2"}, 12, "must be one of 0..255, 0..1, -1..1. Received: '0..2'"),
        ({"scale": "-1..1"}, 44, "With other scalings: 0..255 9"),
        ({"classes": "a,b"}, 12, "must name every class"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_is_wrong_with_an_own_model_is_one_line(own, changes, code, words, recipe_command, tmp_path):
    given = {"model": own / "my.keras", "data": own / "photos", **changes}
    settings = [part for name, value in given.items() if value is not None for part in ("--set", f"{name}={value}")]
    done = recipe_command("image_folder", "--out", "run", *settings, cwd=tmp_path)
    *before, last = done.stderr.splitlines()
    assert done.returncode == code, done.stderr
    assert last.startswith("tfcompress: ") and words in last
    assert len(before) <= 3  # the run's first words, when it came so far
