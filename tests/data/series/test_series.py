"""Series with gaps: filled, left out or refused; and the windows that are cut of them."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tfcompress as tfc
from tfcompress.core.errors import DataCorrupt, DataUnavailable
from tfcompress.data.series.series import filled, read_series, whole_windows


def write(path, rows, header="timestamp,value"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def minutes(values, skipped=()):
    return [f"2026-01-01 {n // 60:02}:{n % 60:02}:00,{v}" for n, v in enumerate(values) if n not in skipped]


def test_steps_without_a_row_are_found_and_short_gaps_filled(tmp_path):
    path = write(tmp_path / "a.csv", minutes(range(20), skipped=(3, 10, 11, 12, 13)))
    series = read_series(path, most_gap=2)
    expected = np.arange(20.0)
    expected[10:14] = np.nan
    np.testing.assert_array_equal(series.values[:, 0], expected)
    assert series.columns == ("value",) and len(series.times) == 20
    assert series.times[11].isoformat() == "2026-01-01T00:11:00"


def test_cells_without_a_number_are_gaps(tmp_path):
    path = write(tmp_path / "a.csv", ["1,", "2,nan", "3,5", "NaN,6", "5,7"], "x,y")
    found = read_series(path, most_gap=1).values
    np.testing.assert_array_equal(found, [[1, np.nan], [2, np.nan], [3, 5], [4, 6], [5, 7]])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1, max_size=30), st.integers(0, 4), st.integers(1, 6)
)
def test_gaps_up_to_a_length_are_filled_and_no_window_has_one(values, most, length):
    column = np.array([np.nan if value is None else value for value in values], "float64")
    found = filled(column, most)
    known = ~np.isnan(column)
    np.testing.assert_array_equal(found[known], column[known])
    run = 0
    for place, value in enumerate(found):  # gaps that are left are longer than `most`, or at an end
        run = run + 1 if np.isnan(value) else 0
        at_an_end = not known[: place + 1].any() or not known[place:].any()
        assert (
            not np.isnan(value) or at_an_end or np.isnan(column[max(0, place - most) : place + most + 1]).sum() > most
        )
    begins = whole_windows(found[:, None], length)
    assert all(not np.isnan(found[begin : begin + length]).any() for begin in begins)
    every = [b for b in range(len(values) - length + 1) if not np.isnan(found[b : b + length]).any()]
    assert begins.tolist() == every


@pytest.mark.parametrize(
    ("rows", "header", "words"),
    [
        (["2026-01-01,1", "2026-01-02,much"], "date,value", "numbers, or nothing, in column 'value'.*'much' in line 3"),
        (["2026-01-01,1", "2026-01-02,1e999"], "date,value", "'1e999' in line 3"),
        (["2026-01-02,1", "2026-01-01,2"], "date,value", "forward in time.*line 3"),
        (["2026-01-01,1", "soon,2"], "date,value", "ISO times.*'soon' in line 3"),
        (["2026-01-01,", "2026-01-02,nan"], "date,value", "none in 'value'"),
        (["2001-01-01,1", "2001-01-02,1", "2001-01-03,1", "2101-01-01,1"], "date,value", None),
    ],
)
def test_what_is_no_series_is_one_line(tmp_path, rows, header, words):
    path = write(tmp_path / "a.csv", rows, header)
    if words is None:  # a gap of a century is long, and no error
        assert len(read_series(path).values) > 36_000
        return
    with pytest.raises(DataCorrupt, match=words) as caught:
        read_series(path)
    assert "\n" not in str(caught.value)


def test_forecasts_are_the_next_values_and_the_end_is_the_test(tmp_path):
    path = write(tmp_path / "a.csv", [f"{n},{2 * n}" for n in range(40)], "a,b")
    data = tfc.Forecasts(path, "b", window=5, horizon=2, test_share=0.25)
    assert (data.num_train, len(data.test), data.input_shape) == (24, 4, (5, 2))
    mean, deviation = 29.0, np.std(2 * np.arange(30.0))
    assert data.normalization["b"] == pytest.approx((mean, deviation))
    inputs, targets = data.train.batch([3])
    np.testing.assert_allclose(inputs[0, :, 0] * np.std(np.arange(30.0)) + 14.5, [3, 4, 5, 6, 7], rtol=1e-5)
    np.testing.assert_allclose(targets[0] * deviation + mean, [16, 18], rtol=1e-5)
    first = data.test.batch([0])[0][0, 0, 1] * deviation + mean
    assert first == pytest.approx(60)  # row 30: no training window sees the test part
    assert data.notes().of_output("next").scaling == ((pytest.approx(mean),), (pytest.approx(deviation),))


def test_no_window_lies_over_a_long_gap(tmp_path):
    path = write(tmp_path / "a.csv", minutes([n % 7 for n in range(100)], skipped=range(30, 40)))
    data = tfc.Forecasts(path, window=8, test_share=0.4, most_gap=3)
    assert data.num_train == (30 - 9 + 1) + (20 - 9 + 1)
    assert np.isfinite(data.train.inputs).all()


def test_a_series_that_is_too_short_is_told(tmp_path):
    path = write(tmp_path / "a.csv", minutes(range(10)))
    with pytest.raises(DataUnavailable, match="must have 49 steps without a long gap to train on.*10 steps in all"):
        tfc.Forecasts(path).require()
    with pytest.raises(tfc.InvalidValue, match="Forecasts.target must be a column.*'speed'. Use one of: value"):
        _ = tfc.Forecasts(path, "speed", window=3).train
    with pytest.raises(tfc.InvalidValue, match="columns must be some of.*'speed'. Use some of: timestamp, value"):
        tfc.Forecasts(path, columns=("speed",), window=3).require()


def test_anomalies_by_spans_or_by_a_column(tmp_path):
    values = [float(n % 4) for n in range(100)]
    folder = tmp_path / "f"
    folder.mkdir()
    path = write(folder / "a.csv", minutes(values))
    spans = tmp_path / "spans.json"
    spans.write_text(json.dumps({"f/a.csv": [["2026-01-01 01:10:00", "2026-01-01 01:19:00"]]}))  # steps 70 to 79
    data = tfc.Anomalies(path, spans, window=10, step=5, test_share=0.5)
    windows, unusual = data.test.batch(range(len(data.test)))
    # Windows of the test part begin at 50, 55, ..., 90; those at 70 and no other have more than half of theirs.
    assert unusual.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0] and windows.shape == (9, 10)
    flags = [f"{row},{int(70 <= n < 80)}" for n, row in enumerate(minutes(values))]
    same = tfc.Anomalies(write(tmp_path / "b.csv", flags, "timestamp,value,anomaly"), window=10, step=5, test_share=0.5)
    np.testing.assert_array_equal(same.test.batch(range(9))[1], unusual)
    np.testing.assert_array_equal(same.test.batch(range(9))[0], windows)
    assert data.task.anomalies and same.task.anomalies
    assert tfc.Anomalies(folder, spans, window=10, step=5, test_share=0.5).num_train == data.num_train
    assert not tfc.Anomalies(path, window=10).task.anomalies


def test_training_windows_have_no_anomaly(tmp_path):
    flags = [f"{row},{int(10 <= n < 12)}" for n, row in enumerate(minutes([float(n % 4) for n in range(100)]))]
    flags = [row[:-1] + "1" if 80 <= n < 95 else row for n, row in enumerate(flags)]
    path = write(tmp_path / "b.csv", flags, "timestamp,value,anomaly")
    assert tfc.Anomalies(path, window=10, step=1, test_share=0.5).num_train == 41 - 11  # those that begin at 1 to 11


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("no json", DataCorrupt, "spans must be JSON as"),
        ('{"a.csv": [["x", "y"]]}', DataCorrupt, "spans must be JSON as"),
        ('{"a.csv": [["2026-01-01"]]}', DataCorrupt, "spans must be JSON as"),
        (None, DataUnavailable, "spans must be a JSON file"),
        ("{}", DataUnavailable, "usual and anomalous windows in the test split.*0 anomalous"),
    ],
)
def test_spans_of_another_form_are_told(tmp_path, content, error, words):
    path = write(tmp_path / "a.csv", minutes([float(n % 4) for n in range(60)]))
    if content is not None:
        (tmp_path / "spans.json").write_text(content)
    with pytest.raises(error, match=words):
        tfc.Anomalies(path, tmp_path / "spans.json", window=5).require()
