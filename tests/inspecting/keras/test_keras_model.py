import numpy as np

from tfcompress.backend.tensorflow import keras
from tfcompress.inspecting.keras.keras_model import inspect_keras
from tfcompress.measuring.measure import measure

layers = keras.layers


def inspected(model):
    return inspect_keras(model, "model.keras", "model.keras (Keras 2)", 1000, 0.0)


def test_totals_are_those_of_the_measurement(sparse):
    file, figures = inspected(sparse), measure(sparse)
    assert file.totals["num_parameters"] == figures.num_parameters == sum(row.num_parameters for row in file.layers)
    assert file.totals["num_macs"] == figures.num_macs == sum(row.num_macs or 0 for row in file.layers)
    assert file.totals["sparsity"] == np.float64(figures.sparsity)
    assert file.totals["float32_bytes"] == 4 * figures.num_parameters
    assert file.inputs == ({"name": "image", "shape": (None, 8, 8, 1), "dtype": "float32"},)


def test_a_row_by_hand():
    inputs = keras.Input((4, 4, 2))
    model = keras.Model(inputs, layers.Conv2D(3, 3, padding="same", name="conv")(inputs))
    kernel = np.zeros((3, 3, 2, 3), "float32")  # 54 entries
    kernel[0, 0, 0] = (1, 2, 1)
    model.layers[-1].set_weights([kernel, np.zeros(3)])
    row = inspected(model).layers[-1]
    assert (row.name, row.type, row.output_shape) == ("conv", "Conv2D", (None, 4, 4, 3))
    assert (row.num_parameters, row.float32_bytes, row.num_macs) == (57, 228, 16 * 54)
    assert (row.sparsity, row.dtype) == (51 / 54, "float32")
    assert (row.kernels[0].name, row.kernels[0].distinct_values) == ("kernel", 3)  # 0, 1 and 2
    assert (row.pruning.status, row.qat.status, row.gpu.status) == ("yes", "yes", "not asked")


def test_a_shared_layer_is_one_row_with_the_macs_of_its_calls():
    shared, inputs = layers.Dense(4, name="shared"), keras.Input((4,))
    file = inspected(keras.Model(inputs, shared(layers.ReLU()(shared(inputs)))))
    (row,) = (row for row in file.layers if row.name == "shared")
    assert (row.num_macs, row.num_parameters) == (2 * 16, 20)


def test_what_is_not_counted_is_named():
    inputs = keras.Input((None, 4))  # so many steps as there are
    file = inspected(keras.Model(inputs, layers.LSTM(3, name="memory")(inputs)))
    assert file.totals["uncounted_layers"] == ["memory"]
    assert file.layers[-1].num_macs is None


def test_fake_quantizers_of_a_quantization_aware_model(aware):
    file = inspected(aware)
    rows = {row.name: row for row in file.layers}
    assert file.totals["quantization_aware"]
    kernel, activation = rows["conv1"].quantization
    assert (kernel.of, kernel.bits, kernel.per_channel) == ("kernel", 8, True)
    assert kernel.minimum == -kernel.maximum < 0  # symmetric
    assert (activation.of, activation.per_channel, activation.minimum) == ("activation", False, 0.0)  # after a ReLU
    (image,) = next(row for row in file.layers if row.type == "QuantizeLayer").quantization
    assert (image.of, image.minimum, image.maximum) == ("input", 0.0, 1.0)
    assert rows["conv1"].type == "Conv2D"


def test_what_quantize_aware_leaves_in_float_is_told():
    inputs = keras.Input((5, 4))
    x = layers.Rescaling(0.5)(layers.Dense(4)(inputs))
    file = inspected(keras.Model(inputs, layers.SimpleRNN(3, name="memory")(x)))
    assert file.qat.status == "no"  # quantize_model stops at Rescaling, which QuantizeAware takes
    assert (file.quantize_aware.status, list(file.stays_in_float)) == ("partly", ["memory"])


class Own(layers.Layer):
    def call(self, x):
        return x + 1.0


def test_a_layer_of_a_users_own_is_a_row_like_any_other():
    inputs = keras.Input((4,))
    file = inspected(keras.Model(inputs, layers.Dense(2, name="d")(Own(name="own")(inputs))))
    answers = {row.name: row.qat.status for row in file.layers}
    assert (answers["own"], answers["d"], file.qat.status) == ("no", "yes", "no")
    assert file.quantize_aware.status in ("no", "partly")


def test_several_outputs_have_several_shapes():
    inputs = keras.Input((4, 4))
    model = keras.Model(inputs, layers.LSTM(3, return_state=True, name="memory")(inputs))
    assert inspected(model).layers[-1].output_shape == ((None, 3), (None, 3), (None, 3))
