"""The calls of functional models of both Keras, and a walk through them with other values."""

import pytest

from tfcompress.backend.calls import calls, has_calls, replay
from tfcompress.backend.tensorflow import keras
from tfcompress.layers.twins import keras3


@pytest.fixture(params=["tf_keras", "keras"])
def framework(request):
    """Either Keras."""
    return keras if request.param == "tf_keras" else keras3()


def branched(framework):
    """Two inputs, a layer called twice, a list of tensors, and a number among the arguments."""
    layers = framework.layers
    left, right = framework.Input((4,), name="left"), framework.Input((4,), name="right")
    shared = layers.Dense(4, name="shared")
    joined = layers.Concatenate(name="joined")([shared(left), shared(right)])
    return framework.Model([left, right], [layers.Dense(2, name="end")(joined), joined])


def test_each_call_comes_after_those_that_it_reads(framework):
    found = calls(branched(framework))
    assert sorted(call.layer.name for call in found) == ["end", "joined", "left", "right", "shared", "shared"]
    seen = set()
    for call in found:
        assert seen.issuperset(id(tensor) for tensor in call.inputs)
        seen.update(id(tensor) for tensor in call.outputs)
    assert {call.layer.name: len(call.inputs) for call in found} == {
        **{"left": 0, "right": 0, "shared": 1, "joined": 2, "end": 1}
    }


def test_calls_of_another_model_are_not_seen(framework):
    model = branched(framework)
    framework.layers.ReLU(name="elsewhere")(model.outputs[0])
    assert "elsewhere" not in [call.layer.name for call in calls(model)]


def test_a_replay_follows_values_of_any_kind(framework):
    """Each value is what was walked through; a layer of its own kind in each branch."""

    def again(call, place):
        return ["(" + " ".join(place(tensor) for tensor in call.inputs) + f"){call.layer.name}"]

    ended, joined = replay(branched(framework), ["x", "y"], again)
    assert joined == "((x)shared (y)shared)joined"
    assert ended == f"({joined})end"


def test_a_replay_refuses_another_number_of_inputs(framework):
    with pytest.raises(ValueError, match="zip"):
        replay(branched(framework), ["x"], lambda call, place: "z")


def test_a_model_with_a_call_method_only_has_no_calls():
    class Own(keras.Model):
        pass

    assert has_calls(branched(keras))
    assert not has_calls(Own())
