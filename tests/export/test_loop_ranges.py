"""Ranges inside of loops, by hand: a loop that adds its input to a sum, four times."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfcompress.backend.conversion import ConverterSettings, converted
from tfcompress.backend.tensorflow import tf
from tfcompress.export import loop_ranges
from tfcompress.export.loop_ranges import with_ranges
from tfcompress.measuring.tflite import text_of


@pytest.fixture(scope="module")
def summing():
    """The file of: four times, the sum becomes 2 x + sum / 2; it begins at 0."""

    class Summing(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 3), name="x")])
        def serve(self, x):
            def body(number, total):
                return number + 1, tf.identity(2.0 * x + total / 2.0, name="next")

            return {"y": tf.while_loop(lambda number, _: number < 4, body, (0, tf.zeros((1, 3))))[1]}

    module = Summing()
    module._default_save_signature = module.serve.get_concrete_function()
    return converted(module, ConverterSettings())


def ranges_of(content):
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content)))
    return model, [
        {
            text_of(tensor.name): (float(tensor.quantization.min[0]), float(tensor.quantization.max[0]))
            for tensor in graph.tensors
            if tensor.quantization is not None and tensor.quantization.min is not None
        }
        for graph in model.subgraphs
    ]


def test_they_are_the_extremes_of_all_steps_and_of_zero(summing):
    examples = [[np.array([[1.0, -2.0, 0.5]], "float32")], [np.array([[3.0, 1.0, 1.0]], "float32")]]
    model, ranges = ranges_of(with_ranges(summing, examples))
    # After four steps 2 x (1 + 1/2 + 1/4 + 1/8) = 3.75 x: from -7.5 to 11.25, the steps before between it and 0.
    (loop,) = [each for each in model.subgraphs[0].operators if isinstance(each.builtinOptions, schema.WhileOptionsT)]
    floats = [n for n, i in enumerate(loop.inputs) if model.subgraphs[0].tensors[i].type == schema.TensorType.FLOAT32]
    sums = [n for n in floats if range_of(model.subgraphs[0].tensors[loop.inputs[n]]) == (-7.5, 11.25)]
    assert len(sums) == 1
    body = model.subgraphs[loop.builtinOptions.bodySubgraphIndex]
    condition = model.subgraphs[loop.builtinOptions.condSubgraphIndex]
    (place,) = sums
    for graph, index in (
        (model.subgraphs[0], loop.outputs[place]),
        (condition, condition.inputs[place]),
        (body, body.inputs[place]),
        (body, body.outputs[place]),
    ):
        assert range_of(graph.tensors[index]) == (-7.5, 11.25)
    assert (-2.0, 3.0) in {*ranges[0].values()}  # of the input


def range_of(tensor):
    return float(tensor.quantization.min[0]), float(tensor.quantization.max[0])


def test_of_long_sequences_fewer_examples_are_run(summing, monkeypatch, remarks):
    monkeypatch.setattr(loop_ranges, "ENOUGH_STEPS", 10)
    monkeypatch.setattr(loop_ranges, "LEAST_EXAMPLES", 2)
    asked = []

    def examples():
        for number in range(9):
            asked.append(number)
            yield [np.full((1, 3), number, "float32")]

    with_ranges(summing, examples())
    assert asked == [0, 1, 2, 3] and remarks == ["calibrated with 3 of the examples, which have 12 steps of loops."]


def test_a_loop_that_does_not_end_is_told(summing, monkeypatch):
    monkeypatch.setattr(loop_ranges, "MOST_STEPS", 3)
    with pytest.raises(loop_ranges.ConversionFailed, match="has not ended after 3 steps"):
        with_ranges(summing, [[np.zeros((1, 3), "float32")]])
