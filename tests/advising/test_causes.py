"""Each cause as a function of figures: what it says, and the figures beside it of which it says nothing."""

import dataclasses

import pytest

from tfcompress.advising.advisor import advice_from
from tfcompress.advising.evidence import KERNEL, Evidence, FileOp, InputRange, Order, OtherScale, Rounded

CONV = Rounded("conv", "Conv2D", "CONV_2D", channels=(1.0, 1.0, 1.0), predictions_db=10.5)


def causes(evidence):
    return [each.cause for each in advice_from(evidence)]


def rough(**changes):
    """A file at 10 dB, of which one tensor makes nine tenths of the noise."""
    return Evidence("int8", predictions_db=10.0, rounded=(dataclasses.replace(CONV, **changes),))


def test_of_a_healthy_file_nothing_is_said():
    assert advice_from(Evidence("int8", predictions_db=35.0, rounded=(CONV,))) == ()


@pytest.mark.parametrize(
    ("cause", "guilty", "harmless"),
    [
        ("outlier channel", {"channels": (1.0, 1.0, 50.0)}, {"channels": (1.0, 1.0, 7.0)}),
        (
            "unequal kernel ranges",
            {"what": KERNEL, "channels": (0.1, 0.1, 9.0)},
            {"what": KERNEL, "channels": (0.1, 0.1, 9.0), "scales": 3},
        ),
        ("calibration", {"clipping": 0.9, "clipped": 0.2, "farthest": (3, 1)}, {"clipping": 0.1, "clipped": 0.001}),
        ("unbounded residual", {"op": "ADD", "largest": 40.0}, {"op": "ADD", "largest": 3.0}),
        ("pooling", {"op": "AVERAGE_POOL_2D", "levels": 9}, {"op": "AVERAGE_POOL_2D", "levels": 200}),
    ],
)
def test_the_reason_for_the_noise_is_named_and_is_not_where_it_is_another(cause, guilty, harmless):
    (advice,) = advice_from(rough(**guilty))
    assert (advice.cause, advice.layer) == (cause, "conv")
    assert "10.0 dB" in advice.sentence and advice.worth and advice.follow
    assert causes(rough(**harmless)) == ["worst layer"]


def test_no_layer_is_named_where_none_makes_a_third_of_the_noise():
    evidence = Evidence(
        predictions_db=10.0,
        rounded=(dataclasses.replace(CONV, predictions_db=20.0, channels=(1.0, 1.0, 50.0)),),
        operations=(FileOp(0, "CONV_2D", "int8"),),
    )
    assert causes(evidence) == ["rounding everywhere"]


def test_what_is_left_without_a_tensor_is_the_noise_of_the_others():
    others = [Rounded("b", "", "", predictions_db=33.0103), Rounded("c", "", "", predictions_db=33.0103)]
    # two times 10^-3.30103 are 10^-3
    assert Evidence(predictions_db=10.0, rounded=(CONV, *others)).without(CONV) == pytest.approx(30.0, abs=1e-3)


def test_an_outlier_that_can_be_moved_is_to_be_equalized_and_another_is_not():
    (movable,) = advice_from(rough(channels=(1.0, 1.0, 50.0), can_be_equalized=True))
    (other,) = advice_from(rough(channels=(1.0, 1.0, 50.0)))
    assert "Equalize" in movable.follow and "Equalize" not in other.follow


def test_classes_in_another_order_are_told_when_the_order_holds_on_other_examples():
    (advice,) = advice_from(Evidence(order=Order(0.1, 0.9, (1, 2, 0), 64)))
    assert advice.cause == "label order"
    # the model's class 0 is the data's 1: a target of 1 becomes 0
    assert "[2, 0, 1][target]" in advice.follow
    assert causes(Evidence(order=Order(0.3, 0.4, (1, 2, 0), 64))) == []
    assert causes(Evidence(order=Order(0.9, 0.9, (0, 1, 2), 64))) == []


def test_inputs_of_another_scale_are_told_by_the_model_or_by_the_file():
    (advice,) = advice_from(Evidence(other_scale=OtherScale("divided by 255", 0.95, 0.1, 96)))
    assert advice.cause == "input scale" and "divided by 255" in advice.sentence
    assert causes(Evidence(inputs=(InputRange("image", 0.0, 1.0, 0.0, 255.0),))) == ["input scale"]
    assert causes(Evidence(inputs=(InputRange("image", 0.0, 255.0, 0.0, 1.0),))) == ["input scale"]
    assert causes(Evidence(inputs=(InputRange("image", 0.0, 1.0, 0.0, 1.4),))) == []
    assert causes(Evidence(inputs=(InputRange("image", None, None, 0.0, 255.0),))) == []


def conv(number, numbers=1000, macs=100_000, **settings):
    return FileOp(number, "CONV_2D", "int8", "conv", numbers, macs, on_xnnpack=True, **settings)


def test_swish_is_told_where_it_takes_a_part_of_the_time():
    def evidence(numbers, of=(3, 4)):
        sigmoid = FileOp(1, "LOGISTIC", "int8", "act", numbers, inputs=(3,), outputs=(4,), on_xnnpack=True)
        product = FileOp(2, "MUL", "int8", "act", numbers, inputs=of, outputs=(5,), on_xnnpack=True)
        return Evidence("int8", operations=(conv(0, outputs=(3,)), sigmoid, product))

    (advice,) = advice_from(evidence(10_000))
    assert (advice.cause, advice.layer) == ("swish", "act")
    assert advice.worth.startswith("about 33 %")  # 50,000 of 150,000
    assert causes(evidence(1_000)) == []
    assert causes(evidence(10_000, of=(8, 4))) == []  # a gate: the sigmoid of something else


def test_floats_between_integers_are_an_island_and_floats_at_the_end_are_none():
    into = FileOp(1, "DEQUANTIZE", "conversion", numbers=1000, inputs=(3,), outputs=(4,))
    island = FileOp(2, "SIN", "float32", "wave", 1000, inputs=(4,), outputs=(5,))
    back = FileOp(3, "QUANTIZE", "conversion", numbers=1000, inputs=(5,), outputs=(6,))
    (advice,) = advice_from(Evidence("int8", operations=(conv(0), into, island, back, conv(4))))
    assert (advice.cause, advice.layer) == ("float island", "wave") and "SIN" in advice.sentence
    assert causes(Evidence("int8", operations=(conv(0), conv(4), into, island))) == []
    few = [dataclasses.replace(each, numbers=10) for each in (into, island, back)]
    assert causes(Evidence("int8", operations=(conv(0), *few, conv(4)))) == []


def test_what_xnnpack_leaves_is_told_where_it_is_a_part_of_the_file():
    def evidence(op, numbers):
        left = FileOp(1, op, "int8", "act", numbers, on_xnnpack=False)
        return Evidence("int8", operations=(conv(0), left, conv(2)))

    (advice,) = advice_from(evidence("HARD_SWISH", 1000))
    assert advice.cause == "off XNNPACK" and "relu6" in advice.follow
    assert causes(evidence("HARD_SWISH", 100)) == []
    for op in ("GATHER", "MAX_POOL_2D"):  # there is nothing to put in its place
        assert causes(evidence(op, 1000)) == []


def test_a_table_is_told_where_it_is_most_of_the_file_and_could_be_smaller():
    def evidence(stored, size=60_000, raw=80_000):
        table = FileOp(0, "GATHER", "int8", "words", constant_bytes=size, stored_as=stored)
        return Evidence("int8", raw, operations=(table,))

    (in_int8,), (in_float,) = advice_from(evidence("int8")), advice_from(evidence("float32"))
    assert "embedding_bits=4" in in_int8.follow and in_int8.worth.startswith("about 30,000 bytes")
    assert "Int8()" in in_float.follow and in_float.worth.startswith("about 45,000 bytes")
    assert causes(evidence("int4")) == causes(evidence("int8", 30_000)) == causes(evidence("int8", 1_000, 1_500)) == []
