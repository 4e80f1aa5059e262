"""The softened KL divergence against numbers worked by hand, negative logits included."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import tf

# The definition, T^2 sum p (ln p - ln q), by hand for teacher [2, -1, 0.5] and student [-0.5, 1, -2], T = 1:
#   p = e^[2, -1, .5] / 9.4056568 = [.7855970, .0391126, .1752904]
#   q = e^[-.5, 1, -2] / 3.4601478 = [.1752904, .7855970, .0391126]; ln p - ln q = [1.5, -3, 1.5]
#   KL(p||q) = .7855970 * 1.5 - .0391126 * 3 + .1752904 * 1.5 = 1.3239934
#   KL(q||p) = -.1752904 * 1.5 + .7855970 * 3 - .0391126 * 1.5 = 2.0351867
TEACHER, STUDENT = np.array([[2.0, -1.0, 0.5]]), np.array([[-0.5, 1.0, -2.0]])


@pytest.mark.parametrize(("direction", "expected"), [("teacher||student", 1.3239934), ("student||teacher", 2.0351867)])
def test_equals_the_divergence_worked_by_hand(direction, expected):
    loss = tfc.SoftTargets(temperature=1.0, direction=direction)(TEACHER, STUDENT)
    np.testing.assert_allclose(loss, [expected], rtol=1e-6)


def test_is_softened_and_scaled_by_temperature_squared():
    # T = 2 halves the logits and ln p - ln q to [.75, -1.5, .75];
    #   p = e^[1, -.5, .25] / 4.6088379 = [.5897977, .1316017, .2786007]
    #   KL = .5897977 * .75 - .1316017 * 1.5 + .2786007 * .75 = .4538963; times T^2 = 4: 1.8155852
    loss = tfc.SoftTargets(temperature=2.0)(TEACHER, STUDENT)
    np.testing.assert_allclose(loss, [1.8155852], rtol=1e-6)


@pytest.mark.parametrize("direction", ["teacher||student", "student||teacher"])
def test_is_zero_when_the_student_answers_like_the_teacher(direction):
    logits = np.array([[-30.0, 2.0, 700.0], [0.0, -1e4, 3.0]])  # extreme logits must not give NaN
    loss = tfc.SoftTargets(temperature=3.0, direction=direction)(logits, logits + 5.0)  # softmax ignores the shift
    np.testing.assert_allclose(loss, [0.0, 0.0], atol=1e-9)


def test_is_one_loss_per_example():
    logits = np.random.default_rng(0).normal(size=(5, 3))
    assert tfc.SoftTargets()(logits, -logits).shape == (5,)


@pytest.mark.parametrize("direction", ["teacher||student", "student||teacher"])
def test_gradient_equals_finite_differences(direction):
    loss = tfc.SoftTargets(temperature=3.0, direction=direction)
    student = tf.Variable(STUDENT)
    with tf.GradientTape() as tape:
        value = loss(TEACHER, student)
    gradient = tape.gradient(value, student).numpy()[0]
    step = 1e-6
    for position in range(3):
        shift = np.zeros_like(STUDENT)
        shift[0, position] = step
        numeric = (loss(TEACHER, STUDENT + shift) - loss(TEACHER, STUDENT - shift)) / (2 * step)
        np.testing.assert_allclose(gradient[position], numeric[0], rtol=1e-6)


@pytest.mark.parametrize(("field", "value"), [("temperature", 0.0), ("direction", "forward")])
def test_bad_values_name_their_field(field, value):
    with pytest.raises(tfc.InvalidValue, match=f"SoftTargets.{field}"):
        tfc.SoftTargets(**{field: value})
