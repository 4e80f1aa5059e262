"""What a recurrent layer multiplies is told of both of its forms; a loop that says less is not guessed at."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.inspecting.tflite.tflite_file import look_at
from tfcompress.measuring.measure import kernels
from tfcompress.measuring.tflite import op_name

STEPS, DEPTH, UNITS = 6, 4, 8
MACS = STEPS * 4 * UNITS * (DEPTH + UNITS) + 3 * UNITS


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("lstm")
    inputs = keras.Input((STEPS, DEPTH))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.LSTM(UNITS)(inputs)))
    model.layers[1].set_weights([np.where(np.abs(each) < 0.1, 0, each) for each in model.layers[1].get_weights()])
    exporters = {"loop": tfc.Float32(), "fused": tfc.Float32(recurrent="fused")}
    return {form: each.convert(model, None, folder / f"{form}.tflite").path for form, each in exporters.items()}, model


@pytest.mark.parametrize("form", ["loop", "fused"])
def test_macs_and_zeros_are_those_of_the_layer(form, files):
    paths, model = files
    found = look_at(paths[form])
    assert found.totals["num_macs"] == MACS
    assert found.totals["uncounted_operators"] == []
    stored = np.concatenate([each.ravel() for each in kernels(model).values()])
    assert found.totals["num_weights"] == stored.size
    assert found.totals["sparsity"] == pytest.approx((stored == 0).mean())


def graph_of(model, kind):
    loop = next(op for op in model.subgraphs[0].operators if op_name(model.operatorCodes[op.opcodeIndex]) == "WHILE")
    return model.subgraphs[getattr(loop.builtinOptions, f"{kind}SubgraphIndex")], loop


def other_limit(model, main):
    condition, _ = graph_of(model, "cond")
    limit = condition.tensors[condition.operators[0].inputs[1]]
    model.buffers[limit.buffer].data = np.frombuffer(np.int32(2 * STEPS).tobytes(), np.uint8)


def other_operation(model, main):
    condition, _ = graph_of(model, "cond")
    condition.operators[0].opcodeIndex = main.operators[-1].opcodeIndex


def itself(model, main):
    body, loop = graph_of(model, "body")
    loop.builtinOptions.bodySubgraphIndex = 0


@pytest.mark.parametrize(
    ("change", "expected"), [(other_limit, 2 * MACS - 3 * UNITS), (other_operation, None), (itself, None)]
)
def test_trips_are_those_that_the_file_says_or_not_counted(change, expected, files, rewritten, tmp_path):
    found = look_at(rewritten(files[0]["loop"], tmp_path / "changed.tflite", change))
    assert found.totals["uncounted_operators"] == ([] if expected else ["WHILE"])
    assert found.totals["num_macs"] == (expected or 3 * UNITS)
