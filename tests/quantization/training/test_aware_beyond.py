"""Layers that tfmot does not know, trained quantization-aware down to the int8 file, on sounds and words made here."""

import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.examples.source import Split
from tfcompress.core.types import LEVELS, Data
from tfcompress.layers.int8.preserving import preserving
from tfcompress.measuring import tflite
from tfcompress.measuring.measure import kernels, measure, num_distinct, zero_share
from tfcompress.measuring.promises import judge_file, judge_model
from tfcompress.models_io.copying import copy_model
from tfcompress.quantization.training.coverage import gaps

layers = keras.layers
NUM_WORDS = 40


@dataclasses.dataclass(frozen=True)
class Tones(Data):
    """Three pitches in noise, (16, 4); each channel has a phase of its own."""

    title: str = "tones"
    num_train: int = 256
    num_classes: int = 3
    input_shape: tuple = (16, 4)

    def load(self):
        return tuple(self._split(number, seed) for number, seed in ((256, 0), (100, 1)))

    def _split(self, number, seed):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 3, number)
        phase = rng.uniform(0, 0.5, (number, 1, 4)) + np.arange(4) * np.pi / 4
        waves = np.sin(np.arange(16)[None, :, None] * (0.3 + 0.5 * labels)[:, None, None] + phase)
        return Split((waves + 0.1 * rng.normal(size=waves.shape)).astype("float32"), labels)


@dataclasses.dataclass(frozen=True)
class Phrases(Data):
    """Twelve words, of which four tell the class."""

    title: str = "phrases"
    num_train: int = 256
    num_classes: int = 3
    input_shape: tuple = (12,)

    def load(self):
        return tuple(self._split(number, seed) for number, seed in ((256, 0), (100, 1)))

    def _split(self, number, seed):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 3, number)
        words = rng.integers(9, NUM_WORDS, (number, 12))
        words[:, 3:7] = labels[:, None] * 3 + rng.integers(0, 3, (number, 4))
        return Split(words.astype("int32"), labels)


def listening(x):
    x = layers.Conv1D(12, 3, padding="same", use_bias=False, name="conv")(x)
    x = layers.MaxPooling1D()(layers.ReLU()(layers.BatchNormalization(name="norm")(x)))
    x = layers.DepthwiseConv1D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv1D(12, 3, padding="causal", dilation_rate=2, activation="relu", name="causal")(x)
    return layers.GlobalAveragePooling1D()(x)


def remembering(x):
    return layers.LSTM(12, name="memory")(x)


def gated(x):
    return layers.GRU(8, name="second")(layers.GRU(8, return_sequences=True, name="first")(x))


def reading(x):
    x = layers.Embedding(NUM_WORDS, 8, name="words")(x)
    y = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.LayerNormalization(name="norm")(layers.Add()([x, y]))
    y = layers.EinsumDense("abc,cd->abd", output_shape=(12, 16), bias_axes="d", activation="relu", name="wide")(x)
    x = layers.Add()([x, layers.Dense(8, name="narrow")(y)])
    return layers.GlobalAveragePooling1D()(layers.BatchNormalization(name="alone")(x))


CASES = {
    "conv1d": (listening, Tones()),
    "lstm": (remembering, Tones()),
    "transformer": (reading, Phrases()),
}
SLOW = {"gru": (gated, Tones())}


def taught(body, data, epochs=12):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(data.input_shape, dtype="int32" if data.input_shape == (12,) else "float32")
    model = keras.Model(inputs, layers.Dense(3, name="answer")(body(inputs)))
    return tfc.Train().apply(model, tfc.KerasFit(data, epochs=epochs, batch_size=32, learning_rate=0.02))


def made_aware(model, data, **settings):
    fit = tfc.KerasFit(data, epochs=3, batch_size=16, learning_rate=0.002)
    return tfc.QuantizeAware(**settings).apply(model, fit)


@pytest.fixture(scope="module")
def trained():
    """Float models by name, each trained once."""
    made = {}

    def get(name):
        if name not in made:
            body, data = {**CASES, **SLOW}[name]
            made[name] = taught(body, data)
        return made[name], {**CASES, **SLOW}[name][1]

    return get


@pytest.fixture(scope="module")
def made(trained):
    """Quantization-aware models by name, each made once, with what they were made of and their data."""
    found = {}

    def get(name):
        if name not in found:
            model, data = trained(name)
            found[name] = made_aware(model, data), model, data
        return found[name]

    return get


def answers(model, data):
    return model.predict(data.test.inputs, verbose=0)


def ops_in_float(path):
    """Names of the operations, in all graphs of the file, that give float32."""

    def look(model):
        return {
            tflite.op_name(model.operatorCodes[operator.opcodeIndex])
            for graph in model.subgraphs
            for operator in graph.operators
            if any(graph.tensors[output].type == 0 for output in operator.outputs)
        }

    return tflite.look_into(path, look)


STATE = {"WHILE", "DEQUANTIZE", "MUL", "ADD"}
IN_FLOAT = {"conv1d": set(), "transformer": set(), "lstm": STATE, "gru": {*STATE, "SUB", "RESHAPE", "SLICE"}}


@pytest.mark.parametrize("name", [*CASES, pytest.param("gru", marks=pytest.mark.slow)])
def test_the_int8_file_loads_and_agrees_with_the_fake_quantized_model(name, made, tmp_path):
    aware, model, data = made(name)
    assert gaps(model) == {}
    outputs = answers(aware, data)
    assert (outputs.argmax(-1) == data.test.targets).mean() >= 0.9
    artifact = tfc.Int8().convert(aware, data, tmp_path / "model.tflite")
    found = tfc.CpuXnnpack().run(artifact, data, {"aware": outputs})
    (agreement,) = found.agreement["aware"].values()
    assert agreement.top_1_agreement >= 0.99
    assert agreement.largest_difference < 0.1 * np.abs(outputs).max()
    assert ops_in_float(artifact.path) <= IN_FLOAT[name]
    contents = tflite.read(artifact.path)
    assert {kernel.values.dtype for kernel in contents.kernels} == {np.dtype("int8")}
    assert sum(kernel.values.size for kernel in contents.kernels) == sum(map(np.size, kernels(aware).values()))
    sizes = {kernel: values.size for kernel, values in kernels(aware).items()}
    verdicts = judge_file(tfc.QuantizeAware().promises(model), contents, sizes)
    assert [(verdict.measured, verdict.kept) for verdict in verdicts] == [(1.0, True)]

    tfc.save_model(aware, tmp_path / "aware.keras")
    again = tfc.load_model(tmp_path / "aware.keras")
    np.testing.assert_array_equal(answers(again, data), outputs)


def test_batch_normalization_is_folded_into_conv1d(made, tmp_path):
    aware, _, data = made("conv1d")
    ops = tflite.read(tfc.Int8().convert(aware, data, tmp_path / "model.tflite").path).ops
    assert not {"MUL", "ADD", "SUB", "RELU"} & set(ops)
    assert (ops.count("CONV_2D"), ops.count("DEPTHWISE_CONV_2D")) == (2, 1)


BITS = {"conv": 4, "causal": 3, "answer": 6}


def test_few_bits_are_promised_trained_kept_and_in_the_file(trained, tmp_path):
    model, data = trained("conv1d")
    technique = tfc.QuantizeAware(per_layer_bits=BITS)
    promises = technique.promises(model)
    assert {promise.kind for promise in promises} == technique.makes
    assert {(each.kernels[0], each.at_most) for each in promises if each.kind == LEVELS} == {
        ("conv/kernel", 16), ("causal/kernel", 8), ("answer/kernel", 64)
    }  # fmt: skip
    aware = made_aware(model, data, per_layer_bits=BITS)
    measured = measure(aware)
    assert measured.kernel_levels["conv/kernel"] <= 15 < measured.kernel_levels["depthwise/depthwise_kernel"]
    sizes = {name: values.size for name, values in kernels(aware).items()}
    assert all(judge_model(promise, measured, sizes).kept for promise in promises)

    copy = copy_model(aware)
    assert preserving(copy) == preserving(aware) == {f"{bits} bits": [f"quant_{name}"] for name, bits in BITS.items()}
    np.testing.assert_array_equal(answers(copy, data), answers(aware, data))
    tfc.save_model(aware, tmp_path / "aware.keras")
    np.testing.assert_array_equal(answers(tfc.load_model(tmp_path / "aware.keras"), data), answers(aware, data))

    artifact = tfc.Int8().convert(aware, data, tmp_path / "model.tflite")
    contents = tflite.read(artifact.path)
    assert all(verdict.kept for verdict in judge_file(promises, contents, sizes))
    values = {kernel.values.size: kernel.num_values for kernel in contents.kernels}
    assert values[sizes["conv/kernel"]] <= 15
    assert values[sizes["causal/kernel"]] <= 7
    assert values[sizes["answer/kernel"]] <= 63
    assert kinds_of_kernels(artifact.path) == ["INT4", "INT4", "INT8", "INT8"]
    found = tfc.CpuXnnpack().run(artifact, data, {"aware": answers(aware, data)})
    (agreement,) = found.agreement["aware"].values()
    assert agreement.top_1_agreement >= 0.99


def kinds_of_kernels(path):
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}

    def look(model):
        graph = model.subgraphs[0]
        return sorted(
            names[graph.tensors[operator.inputs[position]].type]
            for operator in graph.operators
            for position in [tflite.KERNEL_INPUT.get(tflite.op_name(model.operatorCodes[operator.opcodeIndex]))]
            if position is not None
        )

    return tflite.look_into(path, look)


def changed(model, change):
    """A copy whose kernels are changed."""
    model = copy_model(model)
    for layer in model.layers:
        layer.set_weights([change(weight) if weight.ndim > 1 else weight for weight in layer.get_weights()])
    return model


def halved(kernel):
    """The smaller half set to zero."""
    return np.where(np.abs(kernel) > np.median(np.abs(kernel)), kernel, 0)


def clustered(kernel):
    """Weights but zeros rounded to thirds of the largest, so that there are six values."""
    step = np.abs(kernel).max() / 3
    thirds = np.clip(np.ceil(np.abs(kernel) / max(step, 1e-9) - 1e-6), 0, 3)
    return (np.sign(kernel) * thirds * step).astype("float32")


@pytest.mark.parametrize("name", ["lstm", "transformer"])
@pytest.mark.parametrize("kinds", ["zeros", "clusters", "both"])
@pytest.mark.slow
def test_zeros_and_clusters_are_kept_alone_and_together_in_the_file(kinds, name, trained, tmp_path):
    model, data = trained(name)
    start = changed(model, halved) if kinds != "clusters" else model
    start = changed(start, clustered) if kinds != "zeros" else start
    before = kernels(start)
    aware = made_aware(start, data)
    for kernel, values in kernels(aware).items():
        assert (values != before[kernel]).any()
        if kinds != "clusters":
            assert zero_share(values) >= zero_share(before[kernel]) >= 0.45
        if kinds != "zeros":
            assert num_distinct(values) <= num_distinct(before[kernel]) <= 7
    contents = tflite.read(tfc.Int8().convert(aware, data, tmp_path / "model.tflite").path)
    for size in {values.size for values in before.values()}:  # names do not survive the converter
        stored = [kernel.values for kernel in contents.kernels if kernel.values.size == size]
        ours = [values for values in before.values() if values.size == size]
        assert len(stored) == len(ours)
        if kinds != "clusters":
            assert min(map(zero_share, stored)) >= min(map(zero_share, ours))
        if kinds != "zeros":
            assert max(map(num_distinct, stored)) <= max(map(num_distinct, ours)) <= 7


def test_a_model_inside_of_a_model_is_flattened(tmp_path):
    data = Tones()
    inside = keras.Input((16, 4))
    inner = keras.Model(inside, layers.Conv1D(6, 3, name="inner_conv")(inside), name="inner")

    def body(x):
        tail = [layers.BatchNormalization(name="norm"), layers.ReLU(), layers.Flatten()]
        return keras.Sequential(tail, name="tail")(inner(x))

    model = taught(body, data, epochs=4)
    assert gaps(model) == {}
    assert "inner_conv/kernel" in tfc.QuantizeAware().promises(model)[0].kernels
    aware = made_aware(model, data)
    assert set(kernels(aware)) == set(kernels(model))
    artifact = tfc.Int8().convert(aware, data, tmp_path / "model.tflite")
    assert ops_in_float(artifact.path) == set()
    assert "MUL" not in tflite.read(artifact.path).ops  # folded across the border
    found = tfc.CpuXnnpack().run(artifact, data, {"aware": answers(aware, data)})
    (agreement,) = found.agreement["aware"].values()
    assert agreement.top_1_agreement >= 0.99


@pytest.mark.parametrize("bad", [{"conv": 1}, {"conv": 9}, {"conv": 4.0}, {"conv": True}])
def test_a_bad_number_of_bits_names_its_field(bad):
    with pytest.raises(tfc.InvalidValue, match="QuantizeAware.per_layer_bits must hold whole numbers from 2 to 8"):
        tfc.QuantizeAware(per_layer_bits=bad)


def test_a_pattern_that_matches_nothing_is_named_with_what_is_near(trained):
    model, _ = trained("conv1d")
    with pytest.raises(tfc.InvalidValue, match="'con1', which matches none. Near it: .*conv"):
        tfc.QuantizeAware(per_layer_bits={"con1": 4}).promises(model)


@pytest.mark.parametrize("name", ["lstm", "conv1d"])
def test_its_file_is_no_larger_than_one_quantized_after_training(name, made, tmp_path):
    """Once an LSTM took 33,832 bytes against 14,840: each step had tensors and operations of its own."""
    aware, before, data = made(name)
    sizes = {
        part: tfc.Int8().convert(model, data, tmp_path / f"{part}.tflite").raw_bytes
        for part, model in (("aware", aware), ("after", before))
    }
    assert sizes["aware"] <= 1.05 * sizes["after"]
