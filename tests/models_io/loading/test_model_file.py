import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import UnreadableModel
from tfcompress.core.identity import fingerprint
from tfcompress.layers.twins import keras3
from tfcompress.models_io.loading.model_file import ModelFile


def small(which, shape=(12, 10, 3), rescaling=False):
    layers = which.layers
    inner = which.Sequential([which.Input(shape), layers.Conv2D(2, 3, name="stem")])
    parts = [layers.Rescaling(1 / 255)] if rescaling else []
    return which.Sequential([which.Input(shape), *parts, inner, layers.GlobalAveragePooling2D(), layers.Dense(2)])


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("which", [lambda: keras, keras3], ids=["keras 2", "keras 3"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_the_file_says_what_it_takes(which, suffix, tmp_path):
    path = tmp_path / f"model{suffix}"
    small(which(), rescaling=suffix == ".h5").save(path)
    file = ModelFile(path)
    assert (file.input_shape, file.preprocesses) == ((12, 10, 3), suffix == ".h5")
    assert file().input_shape == (None, 12, 10, 3)


def test_lengths_may_be_open(tmp_path):
    small(keras, (None, None, 3)).save(tmp_path / "model.keras")
    assert ModelFile(tmp_path / "model.keras").input_shape == (None, None, 3)


def test_its_contents_are_what_it_is(tmp_path):
    small(keras).save(tmp_path / "a.keras")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.keras").write_bytes((tmp_path / "a.keras").read_bytes())
    small(keras).save(tmp_path / "b.keras")
    names = ("a.keras", "elsewhere/a.keras", "b.keras")
    first, same, other = (fingerprint(ModelFile(tmp_path / name)) for name in names)
    assert first == same != other


def test_the_code_that_it_runs_is_part_of_what_it_is(tmp_path):
    small(keras).save(tmp_path / "a.keras")
    (tmp_path / "custom.py").write_text("from helper import part\nimport json")
    (tmp_path / "helper.py").write_text("import package.inner\npart = 1")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "inner.py").write_text("")
    (tmp_path / "unused.py").write_text("")
    file = ModelFile(tmp_path / "a.keras", tmp_path / "custom.py")
    seen = [fingerprint(file)]
    for name in ("unused.py", "custom.py", "helper.py", "package/inner.py"):
        with open(tmp_path / name, "a") as stream:
            print("# changed", file=stream)
        seen.append(fingerprint(file))
    assert seen[0] == seen[1] and len(set(seen)) == 4
    assert fingerprint(ModelFile(tmp_path / "a.keras")) not in seen


def test_a_file_that_is_not_there_is_told(tmp_path):
    file = tfc.ModelFile(tmp_path / "none.keras")
    for ask in (lambda: file.input_shape, file.identity, file):
        with pytest.raises(UnreadableModel):
            ask()
