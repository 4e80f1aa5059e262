"""The table of operations: what it says, and that the page and the package have the same one."""

import importlib.util
import json
from pathlib import Path

import pytest

from tfcompress.measuring.operation_table import MODES, PATH, OperationTable, is_float, mode_in_table, table

ROOT = Path(__file__).parents[2]


def made(**layers):
    return OperationTable(
        {"format": 1, "versions": {"ai-edge-litert": "2.3.0"}, "modes": list(MODES), "layers": layers}
    )


TWO = made(
    **{
        "Conv2D": {"int8": {"operations": {"CONV_2D": "int8"}, "runs": {}}},
        "odd": {
            "int8": {
                "operations": {"CONV_2D": "int8", "SIN": "float32"},
                "runs": {"gpu": "SIN: not known; GATHER: Only support 1D indices"},
            }
        },
        "whole": {"int8": {"operations": {"WHILE": "int8"}, "runs": {"gpu": "Variable tensors not yet supported."}}},
    }
)


def test_an_operation_is_refused_where_its_name_is_in_the_reason():
    assert TWO.refusals("SIN", "int8", "gpu") == ("not known",) and TWO.is_refused("SIN", "int8", "gpu")
    assert TWO.refusals("CONV_2D", "int8", "gpu") == () and not TWO.is_refused("CONV_2D", "int8", "gpu")


def test_of_a_file_of_one_operation_the_reason_is_that_operations():
    assert TWO.refusals("WHILE", "int8", "gpu") == ("Variable tensors not yet supported",)


def test_what_is_float_in_every_file_stays_float():
    assert TWO.stays_float("int8") == {"SIN"} and TWO.float_layers("int8") == {"odd": ("SIN",)}
    both = made(a={"int8": {"operations": {"ADD": "float32"}}}, b={"int8": {"operations": {"ADD": "int8"}}})
    assert both.stays_float("int8") == frozenset()


@pytest.mark.parametrize(("kind", "float_"), [("int8", False), ("hybrid", True), ("float32 and int8", True)])
def test_numbers_are_float_or_not(kind, float_):
    assert is_float(kind) is float_


def test_modes_of_exporters_are_found():
    assert [mode_in_table(mode) for mode in ("int8_float_io", "int16x8", "int4_weights")] == [
        *("int8", "int16x8", "int4_weights")
    ]


def test_the_shipped_table_knows_what_every_model_has():
    for op in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "SOFTMAX"):
        # loops count in int32
        assert table().computes(op, "int8") - {"int32"} == {"int8"} and "float32" in table().computes(op, "float32")
    assert {"tensorflow", "ai-edge-litert"} <= set(table().versions)


def test_the_page_is_written_of_the_shipped_table():
    specification = importlib.util.spec_from_file_location("operations", ROOT / "benchmarks" / "operations.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert module.page(json.loads(PATH.read_text())) == (ROOT / "docs" / "operations.md").read_text()
