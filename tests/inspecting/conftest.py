"""Small files of both kinds, made once a session."""

import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.inspecting.tflite.reading import read_tflite


@pytest.fixture(scope="session")
def files(sparse, aware, digits, tmp_path_factory):
    """The .tflite files of a half sparse CNN by mode, "aware" being the int8 one of its quantization-aware self."""
    folder, made = tmp_path_factory.mktemp("inspected"), {}
    for exporter in (tfc.Float32(), tfc.Float16(), tfc.DynamicRange(), tfc.Int8(num_representative=32)):
        made[exporter.mode] = exporter.convert(sparse, digits, folder / f"{exporter.mode}.tflite").path
    made["aware"] = tfc.Int8().convert(aware, digits, folder / "aware.tflite").path
    return made


@pytest.fixture(scope="session")
def seen(files):
    return {mode: read_tflite(path) for mode, path in files.items()}


@pytest.fixture
def one_layer():
    """A model of an input and what a function makes of it."""

    def build(function, shape=(8, 8, 3), **options):
        inputs = keras.Input(shape, **options)
        return keras.Model(inputs, function(inputs))

    return build
