import logging

import pytest

from tfcompress.core.remarks import collecting, remark


def test_where_nobody_collects_it_goes_to_the_log(caplog):
    with caplog.at_level(logging.INFO, logger="tfcompress"):
        remark("It is 50% smaller.", "It is flat.")
        remark("It guesses.", level=logging.WARNING)
    assert caplog.record_tuples == [
        ("tfcompress", logging.INFO, "It is 50% smaller."),
        ("tfcompress", logging.INFO, "It is flat."),
        ("tfcompress", logging.WARNING, "It guesses."),
    ]


def test_what_is_collected_is_said_at_once_and_not_in_the_log(caplog):
    heard = []
    with caplog.at_level(logging.INFO, logger="tfcompress"), collecting(heard.append) as said:
        remark("It is small.")
        assert heard == said == ["It is small."]
        remark("It is flat.", "It is small.")
    assert heard == said == ["It is small.", "It is flat."]
    assert not caplog.records


def test_the_innermost_collects_and_an_error_ends_it():
    with collecting() as outer:
        with pytest.raises(ValueError, match="bad"), collecting() as inner:
            remark("inside")
            raise ValueError("bad")
        remark("outside")
    assert (outer, inner) == (["outside"], ["inside"])
