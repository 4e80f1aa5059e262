"""The trained models that come with tfcompress, and what they say of themselves."""

import os
from pathlib import Path

import numpy as np
import pytest

import tfcompress as tfc


@pytest.fixture(scope="module")
def cifar10():
    folder = Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    if not any((folder / "cifar10").glob("*/dataset_info.json")):
        pytest.skip(f"CIFAR-10 is not in TFDS_DATA_DIR ({os.environ.get('TFDS_DATA_DIR')})")
    return tfc.Cifar10(num_examples=2000)


def test_there_are_teachers_and_students():
    teachers, students = {"cifar10_fast_resnet", "cifar10_fast_resnet_sharp"}, {"cifar10_resnet8", "cifar10_simple_cnn"}
    assert set(tfc.pretrained_models()) == teachers | students
    assert all(tfc.Pretrained(name).about["accuracy"] >= 0.88 for name in teachers)


@pytest.mark.parametrize("name", tfc.pretrained_models())
def test_it_is_small_and_knows_its_origin(name, remarks):
    shipped = tfc.Pretrained(name)
    model = shipped()
    assert all((weights == weights.astype("f2")).all() for weights in model.get_weights())
    file = Path(__file__).parents[2] / "saved_models" / f"{name}.tfcp"
    assert file.stat().st_size < 2.05 * model.count_params() + 4096
    about = shipped.about
    assert about["command"].startswith("python -m tfcompress.recipe cifar10") and about["seconds"] < 3 * 3600
    assert len(about["history"]["loss"]) == len(about["history"]["accuracy"]) > 5
    (remark,) = remarks
    assert about["pixels"] in remark and about["command"] in remark and f"{about['accuracy']:.2%}" in remark


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if "fast_resnet" in name else ()) for name in tfc.pretrained_models()],
)
def test_it_answers_as_well_as_it_says(name, cifar10):
    if cifar10.title != tfc.Pretrained(name).about["pixels"]:
        pytest.skip(f"the data are {cifar10.title}, and {name} is for {tfc.Pretrained(name).about['pixels']}")
    inputs = cifar10.model_inputs(cifar10.test.inputs)
    accuracy = np.mean(
        tfc.Pretrained(name)().predict(inputs, batch_size=250, verbose=0).argmax(-1) == cifar10.test.targets
    )
    # 2,000 of the 10,000: two and a half standard errors are 2.2 points at 80 %.
    assert accuracy == pytest.approx(tfc.Pretrained(name).about["accuracy"], abs=0.025)


def test_a_name_that_is_none_is_refused():
    with pytest.raises(
        tfc.InvalidValue, match=r"^Pretrained.name must be .*Received: 'cifar10_resnet9'. Use one of: cifar"
    ):
        tfc.Pretrained("cifar10_resnet9")


def test_a_stage_starts_from_it_and_the_report_tells_where_it_comes_from(digits, tmp_path, monkeypatch):
    from tfcompress.models_io import pretrained as shipped
    from tfcompress.running.run import run
    from tfcompress.running.store import Store

    monkeypatch.setattr(shipped, "_folder", lambda: tmp_path)
    tfc.save_packed(tfc.simple_cnn(digits.input_shape), tmp_path / "mine.tfcp")
    (tmp_path / "mine.json").write_text('{"pixels": "squares", "command": "x", "accuracy": 0.5, "num_examples": 9}')
    start = tfc.Pretrained("mine")
    fit = tfc.KerasFit(tfc.Digits(num_examples=64), epochs=1)
    recipe = tfc.Recipe(fit.data, (tfc.Stage("mine", tfc.Train(), fit, start),), {}, ())
    store = Store(tmp_path / "run")
    store.open()
    (stage,) = run(recipe, store).stages
    assert stage.remarks == (start.origin,)
    assert stage.remarks[0].startswith("mine comes with tfcompress, trained on squares by `x`: 50.00% of 9")
