"""The Distiller: what it weighs, whom it trains, and that a student may be pruned or quantization-aware meanwhile."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import is_quantization_aware, keras, tf
from tfcompress.core.tasks.task import OutputSpec
from tfcompress.measuring.measure import kernels, zero_share

INPUTS = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
LABELS = np.arange(64) % 3


def network(seed=0):
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    inputs = keras.Input((6,), name="x")
    hidden = layers.Dense(8, activation="relu", name="hidden")(inputs)
    return keras.Model(inputs, layers.Dense(3, name="logits")(hidden))


def compiled(student, teacher, loss=None, weight=0.1):
    distiller = tfc.Distiller(student, teacher, loss or tfc.SoftTargets(2.0), weight)
    distiller.compile(
        keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    return distiller


def test_loss_is_the_weighted_sum_of_labels_and_teacher():
    student, teacher = network(0), network(1)
    loss = tfc.SoftTargets(2.0)
    logits, taught = student.predict(INPUTS, verbose=0), teacher.predict(INPUTS, verbose=0)
    hard = keras.losses.sparse_categorical_crossentropy(LABELS, logits, from_logits=True).numpy().mean()
    soft = loss(taught, logits).numpy().mean()
    told = compiled(student, teacher, loss, weight=0.3).evaluate(
        INPUTS, LABELS, batch_size=64, verbose=0, return_dict=True
    )
    assert told["loss"] == pytest.approx(0.3 * hard + 0.7 * soft, rel=1e-5)
    assert (told["student_loss"], told["teacher_loss"]) == pytest.approx((hard, soft), rel=1e-5)


def test_trains_the_student_and_never_the_teacher():
    student, teacher = network(0), network(1)
    before = [weight.copy() for weight in teacher.get_weights()], [weight.copy() for weight in student.get_weights()]
    compiled(student, teacher).fit(INPUTS, LABELS, epochs=1, verbose=0)
    assert all(np.array_equal(old, new) for old, new in zip(before[0], teacher.get_weights(), strict=True))
    assert not any(np.array_equal(old, new) for old, new in zip(before[1], student.get_weights(), strict=True))


def test_student_learns_to_answer_like_the_teacher():
    student, teacher = network(0), network(1)
    teacher.layers[-1].set_weights([weight * 5 for weight in teacher.layers[-1].get_weights()])
    compiled(student, teacher, weight=0.0).fit(INPUTS, LABELS, epochs=150, verbose=0)
    same = student.predict(INPUTS, verbose=0).argmax(-1) == teacher.predict(INPUTS, verbose=0).argmax(-1)
    assert same.mean() > 0.9


def test_holds_no_weight_of_the_teacher():
    student, teacher = network(0), network(1)
    held = {id(weight) for weight in compiled(student, teacher).weights}
    assert held >= {id(weight) for weight in student.weights}
    assert not held & {id(weight) for weight in teacher.weights}


def test_early_stopping_and_history_work_as_in_any_model():
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=100.0)  # nothing improves by 100
    history = compiled(network(0), network(1)).fit(INPUTS, LABELS, epochs=9, callbacks=[stop], verbose=0)
    assert len(history.history["accuracy"]) == 2


class Few(tfc.Data):
    """Sixty-four examples in memory."""

    title, num_train, num_classes, input_shape = "few", 64, 3, (6,)

    def load(self):
        split = tfc.Split(INPUTS, LABELS)
        return split, split


def test_prunes_while_distilling():
    fit = tfc.distilled(tfc.KerasFit(Few(), epochs=4, batch_size=8), network(1))
    pruned = tfc.PruneLowMagnitude(0.5).apply(network(0), fit)
    assert [zero_share(kernel) for kernel in kernels(pruned).values()] == [0.5, 0.5]


def test_makes_quantization_aware_while_distilling():
    fit = tfc.distilled(tfc.KerasFit(Few(), epochs=2, batch_size=8), network(1))
    assert is_quantization_aware(tfc.QuantizeAware().apply(network(0), fit))


def test_models_that_end_in_softmax_are_compared_by_the_logits_behind_it():
    inputs = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    bodies = [keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]) for _ in range(2)]
    with_softmax = [keras.Sequential([body, keras.layers.Softmax()]) for body in bodies]
    losses = []
    for teacher, student in (bodies, with_softmax):
        distiller = tfc.Distiller(student, teacher, tfc.SoftTargets(temperature=3.0), student_loss_weight=0.0)
        distiller.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=student is bodies[1]))
        losses.append(float(distiller.compute_loss(inputs, tf.zeros(16), distiller(inputs))))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4) and losses[0] > 0.01


def test_a_regularizers_term_counts_in_full_whatever_the_labels_weigh():
    student = network(1)
    student.add_loss(lambda: 3.0 * tf.reduce_sum(tf.abs(student.get_layer("hidden").kernel)))
    term = 3.0 * np.abs(student.get_layer("hidden").kernel.numpy()).sum()
    losses = []
    for weight in (0.0, 0.5):
        distiller = tfc.Distiller(student, network(1), tfc.SoftTargets(), student_loss_weight=weight)
        distiller.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        losses.append(float(distiller.compute_loss(INPUTS, tf.constant(LABELS), distiller(INPUTS))))
    labels = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    own = float(labels(LABELS, student(INPUTS)))
    np.testing.assert_allclose(losses, [term, 0.5 * own + term], rtol=1e-4)


def tagger(seed):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4, 6), name="words")
    return keras.Model(inputs, keras.layers.Dense(3, name="tags")(inputs))


def test_a_teacher_is_not_heard_where_targets_do_not_count():
    student, teacher = tagger(0), tagger(1)
    words = INPUTS.reshape(16, 4, 6)
    tags = np.tile([1, 2, 0, 0], (16, 1))  # two of four are padding
    task = tfc.Classification(ignore=0).bind((OutputSpec("tags", (None, 4, 3)),))
    distiller = tfc.Distiller(student, teacher, tfc.SoftTargets(2.0), 0.0, outputs=task.outputs)
    distiller.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0))
    told = distiller.evaluate(words, tags, batch_size=16, verbose=0, return_dict=True)["teacher_loss"]
    each = tfc.SoftTargets(2.0)(teacher.predict(words, verbose=0), student.predict(words, verbose=0)).numpy()
    assert told == pytest.approx(each[:, :2].mean(), rel=1e-5)
    assert told != pytest.approx(each.mean(), rel=1e-3)
