"""Files of models that take and give dicts have the dicts' keys as names, whatever the layers are called."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras


def test_a_file_has_the_keys_as_names(tmp_path):
    """Keys and layers' names are in opposite orders, and all tensors alike in shape: swapped ones raise no error."""
    right, left = keras.Input((1,), name="a"), keras.Input((1,), name="b")
    x = keras.layers.Concatenate(name="both")([right, left])
    outputs = {"sum": keras.layers.Dense(1, name="one")(x), "difference": keras.layers.Dense(1, name="two")(x)}
    model = keras.Model({"right": right, "left": left}, outputs)
    model.get_layer("one").set_weights([np.array([[1.0], [1.0]]), np.zeros(1)])
    model.get_layer("two").set_weights([np.array([[1.0], [-1.0]]), np.zeros(1)])
    inputs = {"right": np.array([[5.0]], "float32"), "left": np.array([[2.0]], "float32")}
    targets = {"sum": np.zeros((1, 1)), "difference": np.zeros((1, 1))}
    data = tfc.dataset(train=(inputs, targets), test=(inputs, targets))

    for exporter in (tfc.Float32(), tfc.Int8()):
        artifact = exporter.convert(model, data, tmp_path / "model.tflite")
        run = Interpreter(str(artifact.path)).get_signature_runner()
        assert set(run.get_input_details()) == set(artifact.inputs) == {"right", "left"}
        if exporter.mode == "float32":
            assert {name: float(value[0, 0]) for name, value in run(**inputs).items()} == {"sum": 7, "difference": 3}
