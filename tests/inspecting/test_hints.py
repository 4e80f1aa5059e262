"""What the table of operations says of a model file, before anything is exported or run."""

from tfcompress.inspecting.hints import of_layers, of_tflite
from tfcompress.inspecting.values import LayerRow, OperatorRow, Support
from tfcompress.measuring.operation_table import OperationTable

TABLE = OperationTable(
    {
        "versions": {"ai-edge-litert": "2.3.0"},
        "layers": {
            "Conv2D": {"int8": {"operations": {"CONV_2D": "int8"}}},
            "ELU": {"int8": {"operations": {"ELU": "float32"}}},
            "Activation, tanh": {"int8": {"operations": {"TANH": "int8"}}},
            "Activation, odd": {"int8": {"operations": {"ELU": "float32"}}},
            "GroupNormalization": {
                "float32": {"operations": {"SUM": "float32", "MUL": "float32"}, "runs": {"gpu": "SUM: Unknown layout."}}
            },
            "Multiply": {"float32": {"operations": {"MUL": "float32"}}},
        },
    }
)


def operator(op, arithmetic):
    return OperatorRow(0, op, 1, (0,), (1,), arithmetic, 0, 0)


def layer(name, kind):
    return LayerRow(name, kind, (None, 4), 0, 0, 0, "float32", (), None, (), Support("yes"), Support("yes"))


def test_operations_without_an_int8_form_are_named_once():
    rows = [operator("CONV_2D", "int8"), operator("ELU", "float32"), operator("ELU", "float32")]
    assert of_tflite(rows, TABLE) == ("TFLite has no int8 form of ELU (docs/operations.md)",)


def test_of_a_float_file_that_is_not_said():
    assert of_tflite([operator("ELU", "float32")], TABLE) == ()


def test_what_the_gpu_refuses_in_every_file_is_said_with_the_version():
    said = of_tflite([operator("SUM", "float32"), operator("MUL", "float32")], TABLE)
    assert said == ("the GPU delegate was seen to refuse SUM: Unknown layout (LiteRT 2.3.0)",)


def test_layers_that_stay_in_float_are_named_before_an_export():
    rows = [layer("conv", "Conv2D"), layer("bend", "ELU"), layer("any", "Activation")]
    (said,) = of_layers(rows, TABLE)
    assert said.startswith("in an int8 file bend will be float, all or in part: TFLite has no int8 form of ELU")


def test_of_layers_that_are_int8_nothing_is_said():
    assert of_layers([layer("conv", "Conv2D")], TABLE) == ()
