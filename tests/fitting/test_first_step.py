"""A training's step is traced once, and what comes out is what it is without that."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed, tf
from tfcompress.fitting import keras_fit

INPUTS, LABELS = np.eye(8, dtype="float32"), np.arange(8) % 2


def small(names=("first",)):
    inputs = keras.Input((8,))
    outputs = {name: keras.layers.Dense(2, name=name)(keras.layers.Dropout(0.5)(inputs)) for name in names}
    return keras.Model(inputs, outputs if len(names) > 1 else outputs[names[0]])


def trained(model, teacher=None, **settings):
    """How often the loss was traced, and the weights in the end."""
    traced = []

    def loss(targets, outputs):
        traced.append(1)
        return keras.losses.sparse_categorical_crossentropy(targets, outputs, from_logits=True)

    names = model.output_names if isinstance(model.output, dict) else ()
    split = INPUTS, dict.fromkeys(names, LABELS) if names else LABELS
    data = tfc.dataset(split, split)
    kinds = dict.fromkeys(model.output_names, "classes")
    task = tfc.Task(loss=loss, metrics=[tfc.Metric("n", lambda targets, outputs: len(targets))], kinds=kinds)
    fit = tfc.KerasFit(data, 2, 4, task=task, **settings)
    (tfc.distilled(fit, teacher) if teacher else fit)(model)
    return len(traced) / max(1, len(names)), model.get_weights()


@pytest.mark.parametrize("settings", [{}, {"optimizer": "adam"}, {"metrics": ["accuracy", "mse"]}], ids=str)
def test_a_step_is_traced_once(settings):
    assert trained(small(), **settings)[0] == 1


def test_a_students_too():
    assert trained(small(), teacher=small())[0] == 1


def test_one_that_makes_variables_is_traced_twice_and_ends_the_same(monkeypatch):
    def all_of(names):
        set_seed(3)
        return trained(small(names))

    once = all_of(["one"])
    monkeypatch.setattr(keras_fit, "make_variables", lambda model, batches: None)
    twice = all_of(["one"])
    assert (once[0], twice[0]) == (1, 2)
    assert all(map(np.array_equal, once[1], twice[1]))


def test_of_several_outputs_too():
    model = small(("one", "two"))
    assert trained(model)[0] == 1 and model.metrics_names == ["loss", "one_loss", "two_loss"]


def test_an_average_is_that_of_the_steps_whatever_callbacks_do_before_them():
    """A callback may set weights when the training begins."""
    model = small()

    class Set(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            for variable in self.model.trainable_variables:
                variable.assign(tf.ones_like(variable))

    data = tfc.dataset((INPUTS, LABELS), (INPUTS, LABELS))
    fit = tfc.KerasFit(data, 1, 8, learning_rate=1e-6, weights_average=0.5, task=tfc.Classification())
    fit(model, [Set()])
    np.testing.assert_allclose(model.layers[-1].kernel.numpy(), 1.0, atol=1e-5)


class Late(keras.layers.Layer):
    """A part of a model that makes its weights when it is first called."""

    def build(self, shape):
        self.kernel = self.add_weight("kernel", (shape[-1], shape[-1]))
        super().build(shape)

    def call(self, inputs):
        return inputs @ self.kernel


class WithLate(keras.Model):
    """Trains a layer that nobody has called before, beside itself."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.late = Late()

    def train_step(self, batch):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.late(self(batch[0], training=True))))
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        return {"loss": loss}


def test_a_layer_that_makes_its_weights_in_the_first_step_is_trained():
    inputs = keras.Input((8,))
    model = WithLate(inputs, keras.layers.Dense(2)(inputs))
    trained(model)
    assert len(model.optimizer.variables) >= 1 and model.late.built
