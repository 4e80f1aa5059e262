"""Small files of both kinds, made once a session."""

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

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


@pytest.fixture(scope="session")
def rewritten():
    """Writes a file again with a change made to its model."""

    def write(source, target, change):
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(source.read_bytes(), 0))
        change(model, model.subgraphs[0])
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        target.write_bytes(bytes(builder.Output()))
        return target

    return write
