"""Every loss against numbers worked out by hand or by NumPy, and its gradient against finite differences."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import is_quantization_aware, keras, tf
from tfcompress.core.errors import InvalidValue, UnsupportedModel
from tfcompress.distillation.losses.weighted import Ramp, WeightedSum
from tfcompress.measuring.measure import kernels, zero_share

RNG = np.random.default_rng(0)
TEACHER, STUDENT = RNG.normal(size=(2, 5, 4)) * 3 - 1  # negative logits among them
LABELS = np.array([0, 3, 1, 1, 2])
MAPS = RNG.normal(size=(2, 5, 3, 3, 4))


def softmax(z, temperature=1.0):
    e = np.exp((z - z.max(-1, keepdims=True)) / temperature)
    return e / e.sum(-1, keepdims=True)


def divergence(p, q):
    return (p * np.log(p / q)).sum(-1)


def decoupled(teacher, student, labels, temperature, alpha, beta):
    """Zhao et al. 2022, equation 7, example by example."""
    losses = []
    for z_teacher, z_student, label in zip(teacher, student, labels, strict=True):
        p, q = softmax(z_teacher, temperature), softmax(z_student, temperature)
        target = divergence(np.array([p[label], 1 - p[label]]), np.array([q[label], 1 - q[label]]))
        others = [np.delete(one, label) / (1 - one[label]) for one in (p, q)]
        losses.append(temperature**2 * (alpha * target + beta * divergence(*others)))
    return losses


def dist(teacher, student, temperature, beta, gamma):
    """Huang et al. 2022, equations 6 to 8, by NumPy's corrcoef."""
    p, q = softmax(teacher, temperature), softmax(student, temperature)
    rows = np.array([1 - np.corrcoef(a, b)[0, 1] for a, b in zip(p, q, strict=True)])
    columns = np.mean([1 - np.corrcoef(a, b)[0, 1] for a, b in zip(p.T, q.T, strict=True)])
    return temperature**2 * (beta * rows + gamma * columns)


def relational(teacher, student, distance_weight, angle_weight):
    """Park et al. 2019, sections 3.2.1 and 3.2.2, pair by pair and triple by triple."""

    def huber(x):
        return 0.5 * x**2 if abs(x) <= 1 else abs(x) - 0.5

    def distances(f):
        d = np.array([[np.linalg.norm(a - b) for b in f] for a in f])
        return d / d[d > 0].mean()

    def cosine(f, i, j, k):
        a, b = f[j] - f[i], f[k] - f[i]
        norms = np.linalg.norm(a) * np.linalg.norm(b)
        return a @ b / norms if norms else 0.0

    n = len(teacher)
    by_distance = np.vectorize(huber)(distances(teacher) - distances(student)).mean(-1)
    by_angle = [
        np.mean([huber(cosine(teacher, i, j, k) - cosine(student, i, j, k)) for j in range(n) for k in range(n)])
        for i in range(n)
    ]
    return distance_weight * by_distance + angle_weight * np.array(by_angle)


def attention(f):
    flat = (f**2).sum(-1).reshape(len(f), -1)
    return flat / np.linalg.norm(flat, axis=-1, keepdims=True)


CASES = {
    "Reconstruction": (
        tfc.losses.Reconstruction(),
        (TEACHER, STUDENT),
        np.abs(softmax(TEACHER) - softmax(STUDENT)).sum(-1),
    ),
    "MeanSquaredLogits": (tfc.losses.MeanSquaredLogits(), (TEACHER, STUDENT), ((TEACHER - STUDENT) ** 2).mean(-1)),
    "DecoupledTargets": (
        tfc.losses.DecoupledTargets(2.0, 1.5, 4.0),
        (TEACHER, STUDENT, LABELS),
        decoupled(TEACHER, STUDENT, LABELS, 2.0, 1.5, 4.0),
    ),
    "Correlation": (tfc.losses.Correlation(2.0, 1.5, 0.5), (TEACHER, STUDENT), dist(TEACHER, STUDENT, 2.0, 1.5, 0.5)),
    "Hint": (tfc.losses.Hint("a"), tuple(MAPS), ((MAPS[0] - MAPS[1]) ** 2).mean((1, 2, 3))),
    "AttentionTransfer": (
        tfc.losses.AttentionTransfer("a"),
        tuple(MAPS),
        ((attention(MAPS[0]) - attention(MAPS[1])) ** 2).sum(-1),
    ),
    "Relational": (
        tfc.losses.Relational("a", "", 3.0, 2.0),
        (TEACHER, STUDENT),
        relational(TEACHER, STUDENT, 3.0, 2.0),
    ),
}


@pytest.mark.parametrize(("loss", "given", "expected"), CASES.values(), ids=CASES)
def test_the_numbers_are_the_papers(loss, given, expected):
    np.testing.assert_allclose(loss(*given), expected, rtol=1e-6)


@pytest.mark.parametrize(("loss", "given", "expected"), CASES.values(), ids=CASES)
def test_gradients_are_those_of_finite_differences(loss, given, expected):
    teacher, student, *labels = given
    variable = tf.Variable(student)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(loss(tf.constant(teacher), variable, *labels))
    gradient = tape.gradient(total, variable).numpy()
    for place in list(np.ndindex(student.shape))[:: max(1, student.size // 12)]:
        step = np.zeros_like(student)
        step[place] = 1e-5
        up, down = (float(tf.reduce_sum(loss(teacher, student + sign * step, *labels))) for sign in (1, -1))
        assert gradient[place] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("loss", "given", "expected"), CASES.values(), ids=CASES)
def test_nothing_is_asked_of_a_student_that_equals_its_teacher(loss, given, expected):
    np.testing.assert_allclose(loss(given[0], given[0], *given[2:]), 0.0, atol=1e-9)


def test_decoupled_with_the_paper_weights_of_plain_distillation_is_soft_targets():
    p = softmax(TEACHER, 4.0)[np.arange(5), LABELS]
    parts = [
        tfc.losses.DecoupledTargets(4.0, *weights)(TEACHER, STUDENT, LABELS) for weights in ((1.0, 0.0), (0.0, 1.0))
    ]
    np.testing.assert_allclose(parts[0] + (1 - p) * parts[1], tfc.SoftTargets(4.0)(TEACHER, STUDENT), rtol=1e-6)


def test_a_weighted_sum_is_one_and_its_weights_may_change():
    both = WeightedSum(((tfc.losses.Reconstruction(), 2.0), (tfc.losses.DecoupledTargets(), Ramp(1.0, 0.0))))
    first, second = (
        tfc.losses.Reconstruction()(TEACHER, STUDENT),
        tfc.losses.DecoupledTargets()(TEACHER, STUDENT, LABELS),
    )
    for progress, weight in ((0.0, 1.0), (0.25, 0.75), (1.0, 0.0)):
        found = both(TEACHER, STUDENT, LABELS, progress)
        np.testing.assert_allclose(found, 2 * first + weight * second, rtol=1e-6)


def test_a_distiller_tells_its_losses_how_far_training_is():
    data = tfc.Digits(num_examples=16)
    inputs, labels = data.model_inputs(data.train.inputs), tf.constant(data.train.targets)
    teacher, student = network(4, 0), network(4, 1)
    loss = WeightedSum(
        ((tfc.losses.MeanSquaredLogits(), Ramp(1.0, 0.2, start=0.25, stop=0.75)), (tfc.SoftTargets(), 0.0))
    )
    distiller = tfc.Distiller(student, teacher, loss, student_loss_weight=0.0, num_steps=100)
    distiller.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    whole = np.square(teacher(inputs) - student(inputs)).mean()
    for step, weight in ((0, 1.0), (25, 1.0), (50, 0.6), (75, 0.2), (100, 0.2)):
        distiller.optimizer.iterations.assign(step)
        assert float(distiller.compute_loss(inputs, labels, distiller(inputs))) == pytest.approx(weight * whole, 1e-4)


def test_shares_of_classes_count_as_the_largest_of_them():
    shares = np.eye(4)[LABELS] * 0.6 + 0.1
    loss = tfc.losses.DecoupledTargets()
    np.testing.assert_allclose(loss(TEACHER, STUDENT, shares), loss(TEACHER, STUDENT, LABELS), rtol=1e-6)
    np.testing.assert_allclose(loss(TEACHER, STUDENT, LABELS[:, None]), loss(TEACHER, STUDENT, LABELS), rtol=1e-6)


def test_a_loss_of_layers_cannot_be_summed_by_hand():
    with pytest.raises(InvalidValue, match="one that compares layers"):
        WeightedSum(((tfc.losses.Hint("a"), 1.0),))(TEACHER, STUDENT)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tfc.losses.DecoupledTargets(temperature=0), "temperature must be above 0"),
        (lambda: tfc.SoftTargets(temperature=float("inf")), "temperature must be above 0, from 0.001 to 1,000"),
        (lambda: tfc.SoftTargets(temperature=1e-300), "temperature must be above 0, from 0.001 to 1,000"),
        (lambda: tfc.losses.DecoupledTargets(others_weight=-1), "others_weight must be at least 0"),
        (lambda: tfc.losses.Correlation(between_classes=-1), "between_classes must be at least 0"),
        (lambda: tfc.losses.AttentionTransfer(power=0), "power must be at least 1"),
        (lambda: tfc.losses.Relational(angle_weight=-1), "angle_weight must be at least 0"),
        (lambda: WeightedSum(()), "parts must be pairs"),
        (lambda: WeightedSum(((tfc.losses.Reconstruction(), -1.0),)), "parts must have weights"),
        (lambda: Ramp(-1.0), "begin must be at least 0"),
        (lambda: Ramp(start=1.0), "start must be in"),
        (lambda: Ramp(start=0.5, stop=0.5), "stop must be above start"),
    ],
)
def test_a_value_out_of_range_is_refused(make, words):
    with pytest.raises(InvalidValue, match=words):
        make()


def network(width, seed):
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(width, 3, activation="relu", name="body")(inputs)
    pooled = layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(inputs, layers.Dense(10, name="logits")(pooled), name=f"net{width}")


@pytest.mark.parametrize(
    "loss", [tfc.losses.Hint("body"), tfc.losses.AttentionTransfer("body"), tfc.losses.Relational("pooled")]
)
def test_losses_of_layers_bring_the_layers_together(loss):
    data = tfc.Digits(num_examples=128)
    teacher, student = network(6, 0), network(4, 1)
    before = student.get_weights()
    fit = tfc.KerasFit(data, epochs=4, batch_size=32, learning_rate=0.02)
    history = tfc.distilled(fit, teacher, loss, student_loss_weight=0.0)(student)
    losses = history.history["teacher_loss"]
    assert losses[-1] < 0.9 * losses[0]
    assert any((old != new).any() for old, new in zip(before, student.get_weights(), strict=True))
    assert not any("regressor" in layer.name for layer in student.layers)


def test_layers_are_found_under_tfmots_wrappers():
    data = tfc.Digits(num_examples=128)
    teacher = network(4, 0)
    fit = tfc.distilled(
        tfc.KerasFit(data, epochs=2, batch_size=16, learning_rate=0.01),
        teacher,
        WeightedSum(((tfc.SoftTargets(), 1.0), (tfc.losses.Hint("body"), Ramp(1.0, 0.1)))),
    )
    pruned = tfc.PruneLowMagnitude(0.5, tfc.ConstantSparsity()).apply(network(4, 1), fit)
    assert (pruned.get_layer("body").get_weights()[0] == 0).mean() >= 0.45
    aware = tfc.QuantizeAware().apply(pruned, fit)
    assert is_quantization_aware(aware)
    assert zero_share(kernels(aware)["body/kernel"]) >= 0.45


def test_layers_of_other_resolution_are_refused():
    wide = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 5, name="body"), keras.layers.Flatten()])
    wide.add(keras.layers.Dense(10))
    with pytest.raises(UnsupportedModel, match=r"Received: \(6, 6, 4\) of 'body' and \(4, 4, 4\) of 'body'"):
        tfc.Distiller(wide, network(4, 0), tfc.losses.Hint("body"))


def test_an_unknown_layer_is_named_with_its_neighbours():
    with pytest.raises(InvalidValue, match="Received: 'boddy'. Near it: body"):
        tfc.Distiller(network(4, 0), network(4, 0), tfc.losses.Hint("boddy"))


def test_the_mean_of_several_teachers_teaches():
    teachers = [network(4, seed) for seed in (1, 2)]
    student = network(4, 3)
    inputs = tfc.Digits().model_inputs(tfc.Digits().test.inputs[:16])
    distiller = tfc.Distiller(student, teachers, tfc.SoftTargets(1.0), student_loss_weight=0.0)
    distiller.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    found = float(distiller.compute_loss(inputs, tf.zeros(16), distiller(inputs)))
    p = np.mean([softmax(teacher.predict(inputs, verbose=0)) for teacher in teachers], axis=0)
    expected = divergence(p, softmax(student.predict(inputs, verbose=0))).mean()
    assert found == pytest.approx(expected, rel=1e-3)
    assert tfc.distilled(tfc.KerasFit(tfc.Digits()), ("one", "two")).needs == ("one", "two")


def test_a_students_earlier_self_and_a_smaller_model_may_teach():
    keras.utils.set_random_seed(0)
    data = tfc.Digits(num_examples=256)
    fit = tfc.KerasFit(data, epochs=12, batch_size=16)
    nets = {width: tfc.simple_cnn((8, 8, 1), width=width, hidden_units=16) for width in (4, 8)}
    small = tfc.Train().apply(nets[4], fit)
    large = tfc.Train().apply(nets[8], tfc.distilled(fit, small, student_loss_weight=0.5))  # reversed
    again = tfc.Train().apply(nets[8], tfc.distilled(fit, large))  # born again
    for model in (large, again):
        answers = model.predict(data.model_inputs(data.train.inputs), verbose=0).argmax(-1)
        assert (answers == data.train.targets).mean() > 0.5
