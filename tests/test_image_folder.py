"""The recipe image_folder on generated images: one sigmoid for two classes, and several labels."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.cli import recipe_file
from tfcompress.cli.recipe import SMOKE
from tfcompress.core.progress import Silent
from tfcompress.running.run import run
from tfcompress.running.store import Store

FILE = recipe_file.load("image_folder")
NUM_IMAGES, SIDE = 64, 8


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Images of which the left or the right half is bright, in two folders; or either, both or none, in a table."""
    folder, draw = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    rows = ["path,label"]
    for number in range(2 * NUM_IMAGES):
        halves = [number % 2 == 0, number % 2 == 1] if number < NUM_IMAGES else [number % 4 > 1, number % 8 > 3]
        pixels = draw.integers(0, 60, (SIDE, 2, SIDE // 2), "uint8") + 190 * np.uint8(halves)[:, None]
        labels = [name for name, is_bright in zip(("left", "right"), halves, strict=True) if is_bright]
        place = folder / "two" / labels[0] if number < NUM_IMAGES else folder / "many"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.reshape(SIDE, SIDE)).save(place / f"{number}.png")
        if number >= NUM_IMAGES:
            rows.append(f"{number}.png,{'|'.join(labels)}")
    (folder / "many" / "labels.csv").write_text("\n".join(rows))
    return {"two": folder / "two", "many": folder / "many" / "labels.csv"}


def own_model(path, units):
    """A model that tells bright halves, saved with its own Rescaling layer."""
    set_seed(0)
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.AveragePooling2D((SIDE, SIDE // 2)), keras.layers.Flatten()]
    dense = keras.layers.Dense(units, "sigmoid")
    model = keras.Sequential([keras.Input((SIDE, SIDE, 1)), *layers, keras.layers.Dense(8, "relu"), dense])
    bright = np.random.default_rng(0).integers(0, 2, (256, 2))
    pixels = np.repeat(bright[:, None] * 190 + 30, SIDE // 2, axis=2).reshape(-1, 1, SIDE, 1).repeat(SIDE, axis=1)
    targets = bright if units == 2 else bright[:, 1:] & ~bright[:, :1]
    model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy")
    model.fit(pixels.astype("float32"), targets, epochs=8, batch_size=16, verbose=0)
    tfc.save_model(model, path)


@pytest.mark.parametrize(("kind", "units", "metric"), [("two", 1, "accuracy"), ("many", 2, "mean F1")])
def test_smoke(photos, kind, units, metric, tmp_path):
    own_model(tmp_path / "my.keras", units)
    given = {"model": tmp_path / "my.keras", "data": photos[kind], "several_labels": kind == "many"}
    settings = FILE.settings({**SMOKE, **{name: str(value) for name, value in given.items()}})
    recipe = FILE.recipe(settings)
    recipe = dataclasses.replace(recipe, exports={"quantized": (tfc.Int8(),)}, checks=(tfc.CpuReference(),))
    store = Store(tmp_path / "run")
    store.open()
    report = run(recipe, store, progress=Silent())
    assert report.verdict == "pass"
    original, pruned, quantized = report.stages
    assert original.metrics[metric] > 0.95 and min(pruned.metrics[metric], quantized.metrics[metric]) > 0.9
    findings = {finding.check: finding for finding in report.files[0].findings.values()}
    assert findings["cpu-reference"].status == "pass" and findings["cpu-reference"].metrics[metric] > 0.9


def test_labels_of_several_without_saying_so_are_refused(photos, tmp_path):
    own_model(tmp_path / "my.keras", 2)
    settings = FILE.settings({"model": str(tmp_path / "my.keras"), "data": str(photos["many"])})
    stage = FILE.recipe(settings).stages[0]
    with pytest.raises(tfc.InvalidValue, match=r"must be the model's 2. Received: data with 4: , left, left\|right, r"):
        stage.technique.apply(stage.start(), FILE.recipe(settings).data)
