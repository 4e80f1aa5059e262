"""CSV files as users have them: read, or refused in one line that says where."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress.core.errors import DataCorrupt, DataUnavailable, InvalidValue
from tfcompress.data.table import column, read_table


def test_rows_come_with_their_lines_and_empty_ones_are_left_out(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffname, of\r\nx,"two\r\nlines"\r\n\r\n , \r\ny,z\r\n'.encode())
    assert read_table(path) == (
        ["name", "of"],
        [(3, {"name": "x", "of": "two\r\nlines"}), (6, {"name": "y", "of": "z"})],
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "with 0 rows"),
        (b"text,label\n", "with 1 rows"),
        (b"text,label\n\n \n", "with 1 rows"),
        (b"text,label\na,b\nc\n", "with 1 in line 3"),
        (b"text,label\na,b\nc,d,e\n", "with 3 in line 3"),
        ("text,label\nna\xefve,b\n".encode("latin-1"), "in UTF-8.*byte 13 is not"),
        (b'text,label\n"' + b"x" * 10_000_000 + b",a\n", "field larger than field limit"),
    ],
    ids=["empty", "header", "blank", "short", "long", "latin-1", "10 MB"],
)
def test_what_is_no_table_is_one_line(tmp_path, content, words):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataCorrupt, match=words) as caught:
        read_table(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value) and len(str(caught.value)) < 400


def test_no_file_is_told(tmp_path):
    for path in (tmp_path / "no.csv", tmp_path):
        with pytest.raises(DataUnavailable, match="There is none"):
            read_table(path)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_one_line(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    try:
        header, rows = read_table(path)
    except DataCorrupt as error:
        assert "\n" not in str(error).replace(repr("\n"), "")
    else:
        assert all(list(row) == list(dict.fromkeys(header)) for _, row in rows)


def test_columns_are_found_by_their_usual_names_or_asked_for():
    header, path = ["Text", "Intent", "text"], Path("a.csv")
    assert column(header, None, ("label", "intent"), "label", path) == "Intent"
    assert column(header, "text", ("label",), "label", path) == "text"
    with pytest.raises(
        InvalidValue, match="label must be a column of a.csv. Received: 'kind'. Use one of: Text, Intent"
    ):
        column(header, "kind", ("label",), "label", path)
    with pytest.raises(InvalidValue, match="no column day. Received: None"):
        column(header, None, ("day",), "label", path)
