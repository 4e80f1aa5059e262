import pytest

import tfcompress as tfc
from tfcompress.core.selection import by_layer


def test_the_first_pattern_that_matches_counts():
    chosen = by_layer(["conv1", "conv2", "logits"], 8, {"conv1": 2, "conv*": 4}, "Owner")
    assert chosen == {"conv1": 2, "conv2": 4, "logits": 8}


def test_a_value_of_none_is_a_value():
    assert by_layer(["a"], 8, {"a": None}, "Owner") == {"a": None}


def test_a_pattern_without_a_match_names_what_is_near():
    with pytest.raises(tfc.InvalidValue, match="Owner.per_layer.*'conv9', which matches none. Near it: conv1"):
        by_layer(["conv1", "logits"], 8, {"conv9": 4}, "Owner")
