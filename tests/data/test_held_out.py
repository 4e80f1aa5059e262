"""Examples held out of training."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.core.errors import InvalidValue
from tfcompress.core.examples.source import Stream
from tfcompress.core.identity import fingerprint
from tfcompress.data.splits.splitting import HeldOut


def numbered(*sizes):
    return [(np.arange(size) + 1000 * place, np.arange(size)) for place, size in enumerate(sizes)]


def inputs(source):
    return set(source.batch(range(len(source)))[0].tolist())


def test_training_and_validation_share_nothing_and_leave_nothing_out():
    data = HeldOut(tfc.dataset(*numbered(50, 10)), 0.2)
    assert inputs(data.train) | inputs(data.validation) == set(range(50))
    assert not inputs(data.train) & inputs(data.validation)
    assert len(data.validation) == 10 and len(data.train) == data.num_train == 40


def test_what_is_evaluated_on_is_said():
    data = tfc.dataset(*numbered(50, 10))
    assert inputs(HeldOut(data, 0.2).test) == inputs(HeldOut(data, 0.2).validation)
    assert inputs(HeldOut(data, 0.2, "test").test) == set(range(1000, 1010))


def test_a_validation_split_of_its_own_leaves_training_whole():
    data = HeldOut(tfc.dataset(*numbered(50, 10, 7)), 0.5)
    assert len(data.train) == data.num_train == 50 and inputs(data.test) == set(range(2000, 2007))


def test_what_the_data_says_of_itself_stays():
    data = HeldOut(tfc.Digits())
    assert (data.title, data.scale, data.num_classes, data.input_shape) == (
        "scikit-learn digits",
        1 / 16,
        10,
        (8, 8, 1),
    )
    assert type(data.task) is tfc.Classification and not hasattr(HeldOut(tfc.dataset(*numbered(9, 9))), "num_classes")


def test_a_stream_needs_validation_examples():
    stream = Stream(lambda: iter([(np.zeros((4, 2)), np.zeros(4))]), 1)
    with pytest.raises(InvalidValue, match="must have validation examples, as its training examples are a stream"):
        len(HeldOut(tfc.dataset(stream, *numbered(5))).train)


@pytest.mark.parametrize("share", [0, 0.95, -1])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(InvalidValue, match="share must be above 0"):
        HeldOut(tfc.Digits(), share)


def test_too_few_examples_are_refused():
    with pytest.raises(InvalidValue, match="must have enough examples"):
        len(HeldOut(tfc.dataset(*numbered(4, 4)), 0.2).train)


def test_each_cut_is_another_data_set():
    keys = {fingerprint(HeldOut(tfc.Digits(), share, on)) for share in (0.1, 0.2) for on in ("test", "validation")}
    assert len(keys) == 4 and fingerprint(HeldOut(tfc.Digits(), 0.1, "test")) in keys
