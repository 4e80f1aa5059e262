import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import InvalidRecipe, UnsupportedModel
from tfcompress.core.identity import fingerprint
from tfcompress.distillation.refit import least_squares
from tfcompress.models_io.copying import copy_model

RNG = np.random.default_rng(0)


def test_all_weights_free_is_numpys_least_squares():
    inputs, outputs = RNG.normal(size=(200, 5)), RNG.normal(size=(200, 3))
    kernel, bias = least_squares(inputs, outputs, np.ones((5, 3)), np.zeros(3), ridge=1e-9)
    expected = np.linalg.lstsq(np.c_[inputs, np.ones(200)], outputs, rcond=None)[0]
    np.testing.assert_allclose(np.vstack([kernel, bias]), expected, atol=1e-4)


def test_a_weight_takes_over_from_a_zero_by_hand():
    # Two equal inputs with weights (1, 1); the second is pruned: the first must become 2.
    column = RNG.normal(size=(100, 1))
    inputs = np.hstack([column, column])
    kernel, bias = least_squares(inputs, inputs.sum(1, keepdims=True), np.array([[1.0], [0.0]]), np.zeros(1), 1e-9)
    np.testing.assert_allclose(kernel, [[2.0], [0.0]], atol=1e-5)
    np.testing.assert_allclose(bias, [0.0], atol=1e-5)


def test_a_strong_ridge_leaves_everything_where_it_was():
    kernel, _ = least_squares(
        RNG.normal(size=(50, 2)), RNG.normal(size=(50, 2)), np.full((2, 2), 0.5), np.zeros(2), 1e9
    )
    np.testing.assert_allclose(kernel, 0.5, atol=1e-5)


def halved(model):
    """The smaller half of each kernel but the last set to zero, without any training."""
    pruned = copy_model(model)
    for layer in pruned.layers[:-1]:
        if hasattr(layer, "kernel"):
            kernel, *rest = layer.get_weights()
            layer.set_weights([np.where(np.abs(kernel) > np.median(np.abs(kernel)), kernel, 0), *rest])
    return pruned


@pytest.fixture(scope="module")
def before_and_after(trained, digits):
    pruned = halved(trained)
    return pruned, tfc.Refit(trained).apply(pruned, digits)


def test_outputs_come_back_to_the_unpruned_models(before_and_after, trained, digits):
    inputs = digits.model_inputs(digits.test.inputs)  # not among those it was fitted on
    whole, pruned, refitted = (model.predict(inputs, verbose=0) for model in (trained, *before_and_after))
    assert np.square(refitted - whole).mean() < 0.3 * np.square(pruned - whole).mean()


def test_zeros_stay_and_the_model_that_came_in_too(before_and_after, trained):
    pruned, refitted = before_and_after
    for old, new in zip(halved(trained).get_weights(), pruned.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for old, new in zip(pruned.get_weights(), refitted.get_weights(), strict=True):
        if old.ndim > 1:
            np.testing.assert_array_equal(old == 0, new == 0)


@pytest.mark.parametrize("options", [{"strides": 2}, {"padding": "same"}, {"dilation_rate": 2}, {"use_bias": False}])
def test_convolutions_of_all_kinds_are_fitted_exactly_where_nothing_is_pruned(options):
    data = tfc.Digits(num_examples=64)
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(3, 3, activation="relu", name="conv", **options)(inputs)
    teacher = keras.Model(inputs, keras.layers.Dense(10, name="logits")(keras.layers.Flatten()(x)))
    moved = copy_model(teacher)
    moved.get_layer("conv").set_weights([w + 0.1 for w in teacher.get_layer("conv").get_weights()])
    refitted = tfc.Refit(teacher, ridge=1e-9).apply(moved, data)
    seen = data.model_inputs(data.test.inputs)
    np.testing.assert_allclose(refitted.predict(seen, verbose=0), teacher.predict(seen, verbose=0), atol=2e-2)


def test_the_function_does_what_the_technique_does(before_and_after, trained, digits):
    pruned, refitted = before_and_after
    chosen = np.random.default_rng(0).permutation(len(digits.train))[:512]
    by_hand = tfc.reconstruct(pruned, trained, digits.model_inputs(digits.train.inputs[chosen]))
    for one, other in zip(by_hand.get_weights(), refitted.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_layers_that_are_not_refitted_are_remarked(digits, remarks):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.SeparableConv2D(4, 3, name="apart")(keras.layers.Conv2D(2, 3, name="conv")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(x)))
    seen = digits.model_inputs(digits.train.inputs[:8])
    tfc.reconstruct(model, model, seen)
    assert remarks == []
    kernel, *rest = model.get_layer("apart").get_weights()
    model.get_layer("apart").set_weights([kernel * 0, *rest])
    tfc.reconstruct(model, model, seen)
    assert remarks == ["Not refitted, as only Conv2D and Dense are: apart."]


def test_a_layer_that_is_used_twice_is_refused(digits):
    inputs = keras.Input((8, 8, 1))
    shared = keras.layers.Dense(1, name="shared")
    model = keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(shared(shared(inputs)))))
    with pytest.raises(UnsupportedModel, match="each layer to be used once. Received: 'shared', used 2 times"):
        tfc.reconstruct(model, model, digits.model_inputs(digits.train.inputs[:8]))


def test_a_name_is_resolved_in_a_recipe_and_refused_outside(trained, digits):
    named = tfc.Refit("unpruned")
    assert (named.needs, named.resolve({"unpruned": trained}).needs) == (("unpruned",), ())
    with pytest.raises(InvalidRecipe, match="Refit.teacher must be a Keras model outside of a recipe. Received: 'unpr"):
        named.apply(trained, digits)


def test_a_teacher_in_memory_is_named_by_its_weights(trained):
    ours, same, other = (tfc.Refit(model) for model in (trained, copy_model(trained), halved(trained)))
    assert fingerprint(ours) == fingerprint(same) != fingerprint(other)


def test_another_structure_is_refused(trained, digits):
    other = tfc.simple_cnn(digits.input_shape, width=3)
    with pytest.raises(UnsupportedModel, match="Refit expects the teacher to have 'conv1' with a kernel of"):
        tfc.Refit(other).apply(trained, digits)
