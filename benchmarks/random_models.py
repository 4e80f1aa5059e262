"""python benchmarks/random_models.py --out FILE: random small models, each exported in five modes and compared anew.

A seed gives a functional model of tf_keras: one to three inputs of images, sequences, vectors or whole numbers, three
to nine layers and operations, one to three outputs. Each mode's file is then run by ai_edge_litert itself on inputs
that neither calibration nor the exporter's own comparison (export/written/agreement.py) has seen. A file that is not
Keras's model, and of which nothing was said, is a *silent* difference; the command fails for one, for a crash, for more
than 5 % refusals, and for more than 1 % integer files whose only fault is that fresh inputs lead beyond their ranges. A
line of FILE is a seed and a mode; those that are there already are not made again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, start_quietly, tf
from tfcompress.core.remarks import collecting

L = keras.layers
EXPORTERS = {
    "float32": tfc.Float32(),
    "float16": tfc.Float16(),
    "dynamic_range": tfc.DynamicRange(),
    "int8": tfc.Int8(num_representative=64),
    "int16x8": tfc.Int16x8(num_representative=64),
}
# Centred SQNR below which a file is another model, and the noise that its types cannot avoid beside an output's size.
# In integer modes the exporter remarks what is below 20 dB on training examples. Fresh ones go beyond the ranges that
# calibration saw, which cost up to 7 dB more: 12 are the least that may go without a remark.
BOUNDS_DB = {"float32": 60.0, "float16": 40.0, "dynamic_range": 12.0, "int8": 12.0, "int16x8": 12.0}
ROUNDING = {"float32": 1e-5, "float16": 5e-3, "dynamic_range": 0.01, "int8": 0.01, "int16x8": 0.01}
NUM_TRAIN, NUM_FRESH = 96, 12
MOST_REFUSED, MOST_BEYOND = 0.05, 0.01


def random_model(seed: int, in_float32: bool = False) -> Any:
    """A functional model of batch size None; the same seed gives the same one, weights included.

    Args:
      seed: of the model.
      in_float32: whether one of mixed precision is made in float32 instead.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    maker = _Maker(np.random.default_rng(seed), in_float32)
    model = maker.model(f"random_{seed}")
    _disturb(model, maker.rng)
    return model


def examples(model: Any, count: int, seed: int) -> list[np.ndarray]:
    """Inputs that the model takes, (count, ...) each: uniform in [-1, 1], whole numbers below 8."""
    rng = np.random.default_rng(seed)
    found = []
    for tensor in model.inputs:
        shape = (count, *tensor.shape[1:])
        whole = tensor.dtype.is_integer
        found.append(rng.integers(0, 8, shape).astype("int32") if whole else rng.uniform(-1, 1, shape).astype("f"))
    return found


def outcome(seed: int, mode: str, folder: Path) -> dict[str, Any]:
    """What became of one model in one mode, and why.

    "equal"; "rough", which was remarked; "refused"; "crash"; "silent"; or "beyond": numbers that integers cut off, as
    fresh inputs lead beyond the ranges that calibration saw. A file of the same model whose ranges were taken from the
    fresh inputs, too, is then equal on them.
    """
    model = random_model(seed)
    arrays = examples(model, NUM_TRAIN, seed + 1_000_000)
    data = _data(arrays)
    found: dict[str, Any] = {"seed": seed, "mode": mode, "layers": [type(layer).__name__ for layer in model.layers]}
    with collecting() as said:
        try:
            artifact = EXPORTERS[mode].convert(model, data, folder / f"{seed}-{mode}.tflite")
        except tfc.TfcompressError as error:
            return {**found, "outcome": "refused", "why": str(error)}
        except Exception as error:  # anything else is a fault of ours, and no refusal
            return {**found, "outcome": "crash", "why": f"{type(error).__name__}: {error}"}
    fresh = examples(model, NUM_FRESH, seed + 2_000_000)
    model = random_model(seed, in_float32=True)  # in mixed precision Keras's own numbers are rounded to float16
    try:
        worst, why = compared(artifact.path, model, fresh, mode, getattr(artifact, "needs_reset", True))
    except (RuntimeError, ValueError) as error:
        worst, why = -math.inf, f"the file does not run: {' '.join(str(error).split())}"
    artifact.path.unlink()
    remarked = any(f"The {mode} file is rough" in sentence for sentence in said)
    kind = "equal" if not why else "rough" if remarked and worst > -math.inf else "silent"
    found |= {"db": None if math.isinf(worst) else round(worst, 1), "why": why}
    if kind == "silent" and worst > -math.inf and mode.startswith("int"):
        every = [np.concatenate(pair) for pair in zip(arrays, fresh, strict=True)]
        exporter = dataclasses.replace(EXPORTERS[mode], num_representative=NUM_TRAIN + NUM_FRESH)
        with collecting():
            within = exporter.convert(random_model(seed), _data(every), folder / f"{seed}-{mode}.tflite")
        best, still = compared(within.path, model, fresh, mode, getattr(within, "needs_reset", True))
        within.path.unlink()
        kind, found["db_within"] = "silent" if still else "beyond", None if math.isinf(best) else round(best, 1)
    return {**found, "outcome": kind}


def _data(arrays: list[np.ndarray]) -> Any:
    inputs = arrays[0] if len(arrays) == 1 else tuple(arrays)
    labels = np.zeros(len(arrays[0]))
    return tfc.dataset((inputs, labels), (inputs, labels))


def compared(path: Path, model: Any, arrays: Sequence[np.ndarray], mode: str, needs_reset: bool) -> tuple[float, str]:
    """The worst output's centred SQNR of a file against `model`, and what is wrong with it; "" for nothing.

    `needs_reset` says that an app must reset the file's variables before each call.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    runner = interpreter.get_signature_runner()
    names = [tensor.node.layer.name for tensor in model.inputs]
    outputs = model(list(arrays) if len(arrays) > 1 else arrays[0], training=False)
    exact = dict(zip(model.output_names, [np.asarray(each) for each in tf.nest.flatten(outputs)], strict=True))
    kinds, ends = runner.get_input_details(), runner.get_output_details()
    rows: dict[str, list[np.ndarray]] = {name: [] for name in exact}
    for number in range(len(arrays[0])):
        given = {
            name: _encoded(array[number : number + 1], kinds[name]) for name, array in zip(names, arrays, strict=True)
        }
        if needs_reset and number:
            interpreter.reset_all_variables()
        for name, values in runner(**given).items():
            rows[name].append(_decoded(values, ends[name]))
    worst, faults, bound = math.inf, list[str](), BOUNDS_DB[mode]
    for name, expected in exact.items():
        got = np.concatenate(rows[name]).reshape(expected.shape)
        if expected.dtype.kind in "iub":
            if (got != expected).mean() > (0.0 if mode == "float32" else 0.1):
                faults.append(f"{name}: {(got != expected).mean():.0%} of the numbers differ")
                worst = min(worst, -math.inf if mode == "float32" else 0.0)
            continue
        if not np.isfinite(got[np.isfinite(expected)]).all():
            faults.append(f"{name}: no number")
            continue
        exactly, seen = expected.astype("float64"), got.astype("float64")
        noise = float(np.sqrt(np.mean((seen - exactly) ** 2)))
        spread = float(np.sqrt(np.mean((exactly - exactly.mean(0)) ** 2)))
        size = float(np.sqrt(np.mean(exactly**2)))
        decibels = 20 * math.log10(spread / noise) if noise and spread else math.inf
        unavoidable = max(ROUNDING[mode] * size, float(ends[name]["quantization"][0]), 1e-7)
        if decibels < bound and noise > unavoidable:
            faults.append(f"{name}: {decibels:.1f} dB")
            worst = min(worst, decibels)
        elif decibels < bound:
            continue
        worst = min(worst, decibels)
    return worst, "; ".join(faults)


def _encoded(array: np.ndarray, kind: dict[str, Any]) -> np.ndarray:
    scale, zero_point = kind["quantization"]
    if not scale:
        return array.astype(kind["dtype"])
    ends = np.iinfo(kind["dtype"])
    return np.clip(np.round(array / scale) + zero_point, ends.min, ends.max).astype(kind["dtype"])


def _decoded(values: np.ndarray, kind: dict[str, Any]) -> np.ndarray:
    scale, zero_point = kind["quantization"]
    return (values.astype("float32") - zero_point) * scale if scale else values


def _disturb(model: Any, rng: np.random.Generator) -> None:
    """Gives biases and statistics numbers that a trained model could have, in the place of zeros and ones."""
    for weight in model.weights:
        name, shape = weight.name.rpartition("/")[2].partition(":")[0], weight.shape
        if name in ("bias", "beta", "moving_mean", "mean"):
            weight.assign(rng.normal(0, 0.2, shape).astype(weight.dtype.name))
        elif name in ("gamma", "moving_variance", "variance"):
            weight.assign(rng.uniform(0.5, 1.5, shape).astype(weight.dtype.name))
        elif name == "alpha":
            weight.assign(rng.uniform(0.1, 0.4, shape).astype(weight.dtype.name))


class _Maker:
    """Draws a graph: open tensors that nothing uses yet, and one layer after another on some of them."""

    def __init__(self, rng: np.random.Generator, in_float32: bool) -> None:
        self.rng = rng
        self.half = rng.random() < 0.06  # a model of mixed precision
        self.policy = "mixed_float16" if self.half and not in_float32 else "float32"

    def model(self, name: str) -> Any:
        keras.mixed_precision.set_global_policy(self.policy)
        try:
            inputs = [self._input(number) for number in range(self._of(1, 1, 1, 2, 2, 3))]
            opened = [self._number(tensor) for tensor in inputs]
            for _ in range(int(self.rng.integers(3, 10))):
                self._step(opened)
            wanted = self._of(1, 1, 1, 2, 2, 3)
            while len(opened) > wanted:
                opened.append(self._merge(opened.pop(self._index(opened)), opened.pop(self._index(opened))))
            outputs = [self._end(tensor) for tensor in opened]
        finally:
            keras.mixed_precision.set_global_policy("float32")
        if len(inputs) == 1 and self.rng.random() < 0.15:  # a model inside of a model
            inner = keras.Model(inputs, outputs, name="inner")
            again = keras.Input(inputs[0].shape[1:], dtype=inputs[0].dtype, name="outer_in")
            return keras.Model(again, inner(again), name=name)
        return keras.Model(inputs, outputs, name=name)

    def _of(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def _index(self, opened: list[Any]) -> int:
        return int(self.rng.integers(len(opened)))

    def _input(self, number: int) -> Any:
        shape = self._of(
            *((8, 8, 3), (7, 9, 2), (12, 10, 1), (6, 6, 8), (9, 5, 4), (16, 16, 3)),
            *((10, 4), (7, 6), (12, 1), (16, 3), (6,), (9,), (20,), (5, 5, 5), "words"),
        )
        if shape == "words":
            return keras.Input((int(self.rng.integers(4, 10)),), dtype="int32", name=f"in_{number}")
        return keras.Input(shape, name=f"in_{number}")

    def _number(self, tensor: Any) -> Any:
        if tensor.dtype.is_integer:
            return L.Embedding(8, self._of(4, 6))(tensor)
        return L.Activation("linear")(tensor) if self.half else tensor  # in the type that layers compute in

    def _step(self, opened: list[Any]) -> None:
        place = self._index(opened)
        tensor = opened[place]
        roll = self.rng.random()
        if roll < 0.15 and len(opened) > 1:
            other = opened.pop(place)
            opened.append(self._merge(other, opened.pop(self._index(opened))))
        elif roll < 0.3:  # a branch that comes back: residual, gate, concatenation
            opened[place] = self._join(tensor, self._like(tensor, self._layer(tensor)))
        elif roll < 0.36 and len(opened) < 3:
            opened.append(self._layer(tensor))
            opened[place] = self._layer(tensor)
        else:
            opened[place] = self._layer(tensor)

    def _layer(self, tensor: Any) -> Any:
        rank = len(tensor.shape)
        makers: dict[int, Sequence[Callable[[Any], Any]]] = {
            4: (*[self._on_images] * 6, *[self._elementwise] * 2, self._moving),
            3: (*[self._on_sequences] * 6, *[self._elementwise] * 2, self._moving),
            2: (*[self._on_vectors] * 3, self._elementwise),
        }
        return self._of(*makers[rank])(tensor)

    def _activation(self) -> Any:
        return self._of(None, None, "relu", "relu", "swish", "sigmoid", "tanh", "elu", "gelu", "softplus", "relu6")

    def _on_images(self, x: Any) -> Any:
        filters, padding, name = self._of(3, 4, 6, 8), self._of("same", "same", "valid"), self._activation()
        size = self._of(1, 2, 3, 3, (1, 3))
        if min(x.shape[1:3]) < 4:
            padding, size = "same", self._of(1, 2, 3)
        stride = self._of(1, 1, 1, 2)
        groups = 2 if x.shape[-1] % 2 == 0 and filters % 2 == 0 and self.rng.random() < 0.1 else 1
        half = (max(1, x.shape[1] // 2), max(1, x.shape[2] // 2))
        pool = {"pool_size": self._of(2, 3), "strides": self._of(None, 1, 2), "padding": "same"}
        return self._of(
            lambda: L.Conv2D(filters, size, stride, padding, activation=name, groups=groups)(x),
            lambda: L.Conv2D(filters, size, stride, padding, use_bias=False)(x),
            lambda: L.ReLU()(L.BatchNormalization()(L.Conv2D(filters, size, stride, padding, use_bias=False)(x))),
            lambda: L.Conv2D(filters, 3, padding="same", dilation_rate=2)(x),
            lambda: L.DepthwiseConv2D(3, stride, "same", depth_multiplier=self._of(1, 1, 2), activation=name)(x),
            lambda: L.SeparableConv2D(filters, 3, padding="same", activation=name)(x),
            lambda: L.Conv2DTranspose(filters, self._of(2, 3), stride, padding="same", activation=name)(x),
            lambda: L.MaxPooling2D(**pool)(x),
            lambda: L.AveragePooling2D(**pool)(x),
            lambda: L.GlobalAveragePooling2D(keepdims=self._of(True, False))(x),
            lambda: L.GlobalMaxPooling2D()(x),
            lambda: L.UpSampling2D(2, interpolation=self._of("nearest", "bilinear"))(x) if x.shape[1] < 12 else x + 1.0,
            lambda: L.Resizing(*half, interpolation=self._of("nearest", "bilinear"))(x),
            lambda: L.ZeroPadding2D(self._of(1, ((0, 1), (1, 0))))(x),
            lambda: L.Cropping2D(((0, 1), (1, 0)))(x) if min(x.shape[1:3]) > 3 else x * 0.5,
            lambda: L.Dense(filters, activation=name)(x),
            lambda: L.Flatten()(x) if np.prod(x.shape[1:]) < 800 else L.GlobalAveragePooling2D()(x),
            lambda: L.Reshape((x.shape[1] * x.shape[2], x.shape[3]))(x),
            lambda: x[:, ::2, 1:, :] if min(x.shape[1:3]) > 2 else tf.abs(x),
            lambda: tf.reduce_mean(x, axis=(1, 2), keepdims=self._of(True, False)),
            lambda: tf.image.flip_left_right(x),
            lambda: tf.nn.space_to_depth(x, 2) if x.shape[1] % 2 == 0 == x.shape[2] % 2 else tf.square(x),
        )()

    def _on_sequences(self, x: Any) -> Any:
        filters, name, length = self._of(3, 4, 6, 8), self._activation(), x.shape[1]
        heads = {"num_heads": self._of(1, 2), "key_dim": 4}
        return self._of(
            lambda: L.Conv1D(filters, self._of(1, 2, 3), padding=self._of("same", "causal"), activation=name)(x),
            lambda: L.Conv1D(filters, 3, strides=2, padding="same")(x),
            lambda: L.BatchNormalization()(L.Conv1D(filters, 3, padding="same", use_bias=False)(x)),
            lambda: L.DepthwiseConv1D(3, padding="same", activation=name)(x),
            lambda: L.SeparableConv1D(filters, 3, padding="same")(x),
            lambda: L.MaxPooling1D(2, padding="same")(x),
            lambda: L.AveragePooling1D(2, padding="same")(x),
            lambda: L.GlobalAveragePooling1D()(x),
            lambda: L.GlobalMaxPooling1D()(x),
            lambda: L.UpSampling1D(2)(x) if length < 20 else x - 0.5,
            lambda: L.ZeroPadding1D(1)(x),
            lambda: L.Cropping1D((1, 0))(x) if length > 2 else x * 2.0,
            lambda: L.Dense(filters, activation=name)(x),
            lambda: L.EinsumDense("btc,cd->btd", (None, filters), bias_axes="d")(x),
            lambda: L.LSTM(filters, return_sequences=self._of(True, False))(x) if length < 17 else L.Flatten()(x),
            lambda: L.LayerNormalization()(x),
            lambda: L.MultiHeadAttention(**heads)(x, x) if length < 17 else L.Softmax()(x),
            lambda: L.Attention()([x, x]) if length < 17 else tf.abs(x),
            lambda: L.Flatten()(x),
            lambda: L.TimeDistributed(L.Dense(filters, activation=name))(x),
            lambda: x[:, -1],
            lambda: x[:, 1:] - x[:, :-1] if length > 1 else tf.negative(x),
            lambda: tf.reduce_max(x, axis=1),
            lambda: tf.reverse(x, axis=[1]),
            lambda: tf.concat(tf.split(x, 2, axis=2)[::-1], axis=2) if x.shape[2] % 2 == 0 else tf.square(x),
            lambda: tf.stack(tf.unstack(x, axis=1)[::-1], axis=1) if length < 9 else tf.abs(x),
            lambda: tf.matmul(x, x, transpose_b=True) if length < 17 else x * 0.3,
            lambda: tf.expand_dims(x, 2),
        )()

    def _on_vectors(self, x: Any) -> Any:
        units, name, size = self._of(3, 4, 6, 8, 12), self._activation(), x.shape[1]
        return self._of(
            lambda: L.Dense(units, activation=name)(x),
            lambda: L.Dense(units, use_bias=False)(x),
            lambda: L.Dense(units, activation="relu")(L.BatchNormalization()(x)),
            lambda: L.BatchNormalization()(x),
            lambda: L.LayerNormalization()(x) if size > 2 else x * 2.0,
            lambda: L.UnitNormalization()(x) if size > 1 else tf.abs(x),
            lambda: L.RepeatVector(self._of(3, 5))(x),
            lambda: L.Reshape((size // 2, 2))(x) if size % 2 == 0 else L.Reshape((size, 1))(x),
            lambda: L.Reshape((2, size // 4, 2))(x) if size % 4 == 0 else tf.expand_dims(x, -1),
            lambda: L.Softmax()(x),
            lambda: x[:, : size - 1] if size > 1 else -x,
            lambda: tf.gather(x, list(range(size - 1, -1, -1)), axis=1),
        )()

    def _elementwise(self, x: Any) -> Any:
        per_channel = 0.75 if self.half else self.rng.uniform(0.5, 1.5, x.shape[-1]).astype("float32")
        activation = self._of(
            *("relu", "relu6", "sigmoid", "tanh", "swish", "elu", "selu", "gelu", "softplus", "softsign"),
            *("hard_sigmoid", "exponential", "softmax"),
        )
        return self._of(
            lambda: L.Activation(activation)(x),
            lambda: L.Activation(activation)(x),
            lambda: L.ReLU(max_value=self._of(None, 6.0, 1.0), negative_slope=self._of(0.0, 0.0, 0.1))(x),
            lambda: L.LeakyReLU(0.2)(x),
            lambda: L.PReLU(shared_axes=list(range(1, len(x.shape) - 1)) or None)(x),
            lambda: L.ELU()(x),
            lambda: L.BatchNormalization()(x),
            lambda: L.Rescaling(0.5, self._of(0.0, -0.25))(x),
            lambda: L.Dropout(0.3)(x),
            lambda: L.GaussianNoise(0.1)(x),
            lambda: 1.0 - x,
            lambda: 2.0 * x,
            lambda: x / 3.0,
            lambda: x * per_channel,
            lambda: per_channel - x,
            lambda: tf.abs(x),
            lambda: tf.square(x),
            lambda: tf.sqrt(tf.abs(x) + 0.1),
            lambda: tf.math.rsqrt(tf.square(x) + 0.5),
            lambda: tf.exp(-tf.abs(x)),
            lambda: tf.math.log(tf.abs(x) + 0.5),
            lambda: tf.maximum(x, 0.1),
            lambda: tf.minimum(x, per_channel),
            lambda: tf.clip_by_value(x, -0.5, 0.5),
            lambda: 1.0 / (1.0 + tf.square(x)),
            lambda: tf.where(x > 0.0, x, 0.1 * x),
            lambda: tf.sin(x),
            lambda: tf.nn.l2_normalize(x, axis=-1, epsilon=1e-3),
        )()

    def _moving(self, x: Any) -> Any:
        if len(x.shape) == 4:
            return self._of(
                lambda: L.Permute((2, 1, 3))(x),
                lambda: L.Permute(self._of((2, 3, 1), (3, 1, 2)))(x),
                lambda: L.Reshape((x.shape[2], x.shape[1], x.shape[3]))(x),
                lambda: tf.transpose(x, (0, 2, 1, 3)),
                lambda: tf.pad(x, ((0, 0), (1, 0), (0, 1), (0, 0)), "REFLECT") if min(x.shape[1:3]) > 1 else x * 1.5,
                lambda: tf.tile(x, (1, 1, 1, 2)),
            )()
        return self._of(
            lambda: L.Permute((2, 1))(x),
            lambda: 1.0 - L.Permute((2, 1))(x),
            lambda: L.Reshape((x.shape[2], x.shape[1]))(x),
            lambda: tf.transpose(x, (0, 2, 1)),
            lambda: tf.pad(x, ((0, 0), (2, 1), (0, 0))),
        )()

    def _join(self, x: Any, y: Any) -> Any:
        return self._of(
            *(lambda kind=kind: kind()([x, y]) for kind in (L.Add, L.Add, L.Multiply, L.Subtract, L.Average)),
            *(lambda kind=kind: kind()([x, y]) for kind in (L.Maximum, L.Minimum, L.Concatenate)),
            lambda: x + y,
            lambda: x * L.Activation("sigmoid")(y),
            lambda: x / (1.0 + tf.square(y)),
        )()

    def _like(self, x: Any, y: Any) -> Any:
        """`y` in the shape of `x`."""
        if tuple(y.shape[1:]) == tuple(x.shape[1:]):
            return y
        if len(y.shape) == len(x.shape) == 4 and all(
            a % b == 0 for a, b in zip(x.shape[1:3], y.shape[1:3], strict=True)
        ):
            times = [a // b for a, b in zip(x.shape[1:3], y.shape[1:3], strict=True)]
            y = L.UpSampling2D(times)(y) if max(times) > 1 else y
            return y if y.shape[-1] == x.shape[-1] else L.Conv2D(x.shape[-1], 1)(y)
        return L.Reshape(x.shape[1:])(L.Dense(int(np.prod(x.shape[1:])))(self._vector(y)))

    def _merge(self, x: Any, y: Any) -> Any:
        if tuple(x.shape[1:]) != tuple(y.shape[1:]):
            if len(x.shape) == len(y.shape) == 2 and self.rng.random() < 0.5:
                return L.Concatenate()([x, y])
            y = self._like(x, y) if np.prod(x.shape[1:]) < 400 else self._vector(y)
            x = x if tuple(x.shape[1:]) == tuple(y.shape[1:]) else self._like(y, x)
        if len(x.shape) == 2 and self.rng.random() < 0.2:
            return L.Dot(axes=1)([x, y])
        return self._join(x, y)

    def _vector(self, x: Any) -> Any:
        if len(x.shape) == 4 and np.prod(x.shape[1:]) > 400:
            return L.GlobalAveragePooling2D()(x)
        return x if len(x.shape) == 2 else L.Flatten()(x)

    def _end(self, x: Any) -> Any:
        """An output: of a model of mixed precision in float32, as it should be."""
        roll = self.rng.random()
        if roll < 0.3 and len(x.shape) > 2:
            x = self._vector(x)
        if roll < 0.5 and len(x.shape) == 2:
            return L.Dense(self._of(1, 3, 5), activation=self._of(None, "softmax", "sigmoid"), dtype="float32")(x)
        if 0.5 < roll < 0.53 and len(x.shape) == 2:
            return tf.argmax(L.Activation("linear", dtype="float32")(x), axis=-1)
        return L.Activation("linear", dtype="float32")(x)


def made_already(path: Path) -> dict[tuple[int, str], dict[str, Any]]:
    """The rows of an earlier run, by seed and mode."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    return {(row["seed"], row["mode"]): row for row in rows}


def sweep(seeds: Iterable[int], modes: Sequence[str], path: Path) -> list[dict[str, Any]]:
    """The rows of these seeds and modes; those that `path` lacks are made, in a child process, and added to it.

    A child that dies has crashed on the row that it had begun: the row says so, and another child goes on.
    """
    wanted = [(seed, mode) for seed in seeds for mode in modes]
    while left := [each for each in wanted if each not in made_already(path)]:
        command = [sys.executable, str(Path(__file__).resolve()), "--out", str(path), "--child"]
        end = subprocess.run(command, input=json.dumps(left), text=True, check=False)
        still = [each for each in left if each not in made_already(path)]
        if end.returncode == 0 or not still:
            break
        seed, mode = still[0]
        with path.open("a") as file:
            row = {"seed": seed, "mode": mode, "outcome": "crash", "why": f"exit status {end.returncode}"}
            file.write(json.dumps(row) + "\n")
    rows = made_already(path)
    return [rows[each] for each in wanted if each in rows]


def work(wanted: Iterable[tuple[int, str]], path: Path) -> None:
    """The child: adds a row to `path` for each seed and mode."""
    with tempfile.TemporaryDirectory() as folder, path.open("a") as file:
        for seed, mode in wanted:
            file.write(json.dumps(outcome(seed, mode, Path(folder))) + "\n")
            file.flush()


def summary(rows: Sequence[dict[str, Any]]) -> tuple[str, bool]:
    """A table of outcomes by mode, and whether they are what they should be."""
    counts = Counter((row["mode"], row["outcome"]) for row in rows)
    kinds = ("equal", "rough", "beyond", "refused", "silent", "crash")
    lines = ["| mode | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    for mode in dict.fromkeys(row["mode"] for row in rows):
        lines.append(f"| {mode} | " + " | ".join(str(counts[mode, kind]) for kind in kinds) + " |")
    total = Counter(row["outcome"] for row in rows)
    few = total["refused"] <= MOST_REFUSED * len(rows) and total["beyond"] <= MOST_BEYOND * len(rows)
    good = few and not total["silent"] and not total["crash"]
    return "\n".join(lines), good


def main() -> int:
    """Prints the table and what is silent or refused; exit code 1 where that is too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a file of rows, which is added to")
    parser.add_argument("--seeds", default="0:500", help="FIRST:END (default 0:500)")
    parser.add_argument("--modes", nargs="+", default=list(EXPORTERS), choices=list(EXPORTERS))
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        start_quietly()
        work(json.loads(sys.stdin.read()), options.out)
        return 0
    first, end = map(int, options.seeds.split(":"))
    rows = sweep(range(first, end), options.modes, options.out)
    table, good = summary(rows)
    for row in rows:
        if row["outcome"] in ("beyond", "silent", "refused", "crash"):
            print(row["outcome"], row["seed"], row["mode"], row["why"])
    print(table)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
