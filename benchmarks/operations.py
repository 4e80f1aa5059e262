"""python benchmarks/operations.py --out ROWS --write: what each TFLite operation is in each mode, and who runs it.

A model of one layer (or of one TensorFlow operation) is exported in six modes. Each file is read (in what numbers does
each operation compute), and run in a child process: by the CPU's built-in kernels, by XNNPACK, by LiteRT's
`CompiledModel` on the CPU, and on the GPU alone, each compared with the built-in kernels. ROWS has a line for a layer
and a mode; lines that are there are not made again. --write makes docs/operations.md and the copy that the package
reads, tfcompress/measuring/operations.json, of the rows. The GPU is the first driver that `GpuDelegate` would take;
scripts/install_software_gpu installs one.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tfcompress" / "measuring" / "operations.json"
PAGE = ROOT / "docs" / "operations.md"
MODES = ("float32", "float16", "dynamic_range", "int8", "int16x8", "int4_weights")
RUNTIMES = ("builtin", "xnnpack", "compiled", "gpu")
CLOSE = 0.1  # of the largest output: further from the built-in kernels than that is another number
NUM_EXAMPLES = 3
TIME_LIMIT_S = 300.0

IMAGE, WIDE, SEQUENCE, VECTOR, VOLUME = (8, 8, 16), (8, 8, 128), (12, 16), (32,), (4, 8, 8, 8)


def layers() -> dict[str, tuple[tuple[Any, ...], Callable[..., Any]]]:
    """By name the shapes of inputs, and what is computed of them.

    Kernels have over 1,024 weights, below which dynamic range leaves them in float.
    """
    from tfcompress.backend.tensorflow import keras, tf

    L = keras.layers

    def one(kind: Any, shape: Any = IMAGE, *arguments: Any, **settings: Any) -> tuple[tuple[Any, ...], Any]:
        return (shape,), lambda x: kind(*arguments, **settings)(x)

    def two(kind: Any, **settings: Any) -> tuple[tuple[Any, ...], Any]:
        return (IMAGE, IMAGE), lambda x, y: kind(**settings)([x, y])

    def op(function: Any, shape: Any = IMAGE) -> tuple[tuple[Any, ...], Any]:
        return (shape,), function

    table = {
        "Dense": one(L.Dense, VECTOR, 48),
        "EinsumDense": one(L.EinsumDense, SEQUENCE, "btc,cd->btd", (None, 96), bias_axes="d"),
        "Embedding": (("words",), lambda x: L.Embedding(256, 16)(x)),
        "Conv1D": one(L.Conv1D, SEQUENCE, 32, 3, padding="same"),
        "Conv2D": one(L.Conv2D, IMAGE, 32, 3, padding="same"),
        "Conv2D, 1x1, strides 2": one(L.Conv2D, IMAGE, 96, 1, 2),
        "Conv2D, dilation_rate 2": one(L.Conv2D, IMAGE, 32, 3, dilation_rate=2, padding="same"),
        "Conv2D, groups 2": one(L.Conv2D, IMAGE, 32, 3, groups=2, padding="same"),
        "Conv2D, groups 4": one(L.Conv2D, IMAGE, 64, 3, groups=4, padding="same"),
        "Conv2D, groups 16": one(L.Conv2D, IMAGE, 128, 3, groups=16, padding="same"),
        "Conv3D": one(L.Conv3D, VOLUME, 16, 3, padding="same"),
        "Conv1DTranspose": one(L.Conv1DTranspose, SEQUENCE, 32, 3, 2, padding="same"),
        "Conv2DTranspose": one(L.Conv2DTranspose, IMAGE, 32, 3, 2, padding="same"),
        "Conv3DTranspose": one(L.Conv3DTranspose, VOLUME, 8, 3, padding="same"),
        "DepthwiseConv1D": one(L.DepthwiseConv1D, (12, 512), 3, padding="same"),
        "DepthwiseConv2D": one(L.DepthwiseConv2D, WIDE, 3, padding="same"),
        "SeparableConv1D": one(L.SeparableConv1D, (12, 512), 8, 3, padding="same"),
        "SeparableConv2D": one(L.SeparableConv2D, WIDE, 16, 3, padding="same"),
        "LSTM": one(L.LSTM, SEQUENCE, 24),
        "GRU": one(L.GRU, SEQUENCE, 24),
        "SimpleRNN": one(L.SimpleRNN, SEQUENCE, 40),
        "Bidirectional LSTM": (
            (SEQUENCE,),
            lambda x: L.Bidirectional(L.LSTM(24))(x),
        ),
        "ConvLSTM2D": one(L.ConvLSTM2D, (3, 8, 8, 4), 8, 3),
        "MultiHeadAttention": ((SEQUENCE,), lambda x: L.MultiHeadAttention(2, 16)(x, x)),
        "Attention": ((SEQUENCE, SEQUENCE), lambda x, y: L.Attention()([x, y])),
        "AdditiveAttention": ((SEQUENCE, SEQUENCE), lambda x, y: L.AdditiveAttention()([x, y])),
        "BatchNormalization": one(L.BatchNormalization),
        "LayerNormalization": one(L.LayerNormalization, SEQUENCE),
        "GroupNormalization": one(L.GroupNormalization, IMAGE, 4),
        "UnitNormalization": one(L.UnitNormalization, VECTOR),
        "Normalization": one(L.Normalization, IMAGE, mean=0.3, variance=2.0),
        "Rescaling": one(L.Rescaling, IMAGE, 0.5, 0.1),
        "MaxPooling1D": one(L.MaxPooling1D, SEQUENCE),
        "MaxPooling2D": one(L.MaxPooling2D),
        "MaxPooling3D": one(L.MaxPooling3D, VOLUME),
        "AveragePooling1D": one(L.AveragePooling1D, SEQUENCE),
        "AveragePooling2D": one(L.AveragePooling2D),
        "AveragePooling3D": one(L.AveragePooling3D, VOLUME),
        "GlobalAveragePooling1D": one(L.GlobalAveragePooling1D, SEQUENCE),
        "GlobalAveragePooling2D": one(L.GlobalAveragePooling2D),
        "GlobalMaxPooling1D": one(L.GlobalMaxPooling1D, SEQUENCE),
        "GlobalMaxPooling2D": one(L.GlobalMaxPooling2D),
        "UpSampling1D": one(L.UpSampling1D, SEQUENCE),
        "UpSampling2D, nearest": one(L.UpSampling2D),
        "UpSampling2D, bilinear": one(L.UpSampling2D, interpolation="bilinear"),
        "UpSampling3D": one(L.UpSampling3D, VOLUME),
        "Resizing, nearest": one(L.Resizing, IMAGE, 5, 6, interpolation="nearest"),
        "Resizing, bilinear": one(L.Resizing, IMAGE, 5, 6),
        "ZeroPadding1D": one(L.ZeroPadding1D, SEQUENCE),
        "ZeroPadding2D": one(L.ZeroPadding2D),
        "Cropping1D": one(L.Cropping1D, SEQUENCE),
        "Cropping2D": one(L.Cropping2D),
        "CenterCrop": one(L.CenterCrop, IMAGE, 4, 4),
        "Flatten": one(L.Flatten),
        "Reshape": one(L.Reshape, IMAGE, (64, 16)),
        "Permute": one(L.Permute, IMAGE, (2, 1, 3)),
        "RepeatVector": one(L.RepeatVector, VECTOR, 3),
        "Add": two(L.Add),
        "Subtract": two(L.Subtract),
        "Multiply": two(L.Multiply),
        "Average": two(L.Average),
        "Maximum": two(L.Maximum),
        "Minimum": two(L.Minimum),
        "Concatenate": two(L.Concatenate),
        "Dot": ((VECTOR, VECTOR), lambda x, y: L.Dot(1)([x, y])),
        "ReLU": one(L.ReLU),
        "ReLU, max_value 6": one(L.ReLU, IMAGE, 6.0),
        "LeakyReLU": one(L.LeakyReLU),
        "PReLU": one(L.PReLU, IMAGE, shared_axes=[1, 2]),
        "ELU": one(L.ELU),
        "Softmax": one(L.Softmax, VECTOR),
        "ThresholdedReLU": one(L.ThresholdedReLU, IMAGE, 0.5),
    }
    for name in ("sigmoid", "tanh", "swish", "gelu", "selu", "softplus", "softsign", "hard_sigmoid", "exponential"):
        table[f"Activation, {name}"] = one(L.Activation, IMAGE, name)
    table |= {
        "tf.abs": op(tf.abs),
        "tf.argmax": op(lambda x: tf.argmax(x, -1), VECTOR),
        "tf.cast": (("words",), lambda x: tf.cast(x, "float32")),
        "tf.clip_by_value": op(lambda x: tf.clip_by_value(x, -0.5, 0.5)),
        "tf.cos": op(tf.cos),
        "tf.cumsum": op(lambda x: tf.cumsum(x, 1), SEQUENCE),
        "tf.divide": ((IMAGE, IMAGE), lambda x, y: x / (tf.abs(y) + 1.0)),
        "tf.exp": op(tf.exp),
        "tf.floor": op(tf.floor),
        "tf.gather": op(lambda x: tf.gather(x, [3, 1, 0], axis=1), SEQUENCE),
        "tf.image.flip_left_right": op(tf.image.flip_left_right),
        "tf.math.log": op(lambda x: tf.math.log(tf.abs(x) + 0.5)),
        "tf.matmul": ((SEQUENCE, SEQUENCE), lambda x, y: tf.matmul(x, y, transpose_b=True)),
        "tf.negative": op(tf.negative),
        "tf.nn.depth_to_space": op(lambda x: tf.nn.depth_to_space(x, 2)),
        "tf.nn.space_to_depth": op(lambda x: tf.nn.space_to_depth(x, 2)),
        "tf.nn.l2_normalize": op(lambda x: tf.nn.l2_normalize(x, -1), VECTOR),
        "tf.one_hot": (("words",), lambda x: tf.one_hot(x, 8)),
        "tf.pad, reflect": op(lambda x: tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "REFLECT")),
        "tf.pow": op(lambda x: tf.pow(tf.abs(x) + 0.1, 1.5)),
        "tf.reduce_max": op(lambda x: tf.reduce_max(x, 1), SEQUENCE),
        "tf.reduce_mean": op(lambda x: tf.reduce_mean(x, 1), SEQUENCE),
        "tf.reduce_min": op(lambda x: tf.reduce_min(x, 1), SEQUENCE),
        "tf.reduce_prod": op(lambda x: tf.reduce_prod(x, 1), SEQUENCE),
        "tf.reduce_sum": op(lambda x: tf.reduce_sum(x, 1), SEQUENCE),
        "tf.reverse": op(lambda x: tf.reverse(x, [1]), SEQUENCE),
        "tf.math.rsqrt": op(lambda x: tf.math.rsqrt(tf.abs(x) + 0.5)),
        "tf.sin": op(tf.sin),
        "tf.slice": op(lambda x: x[:, 1:5]),
        "tf.strided_slice": op(lambda x: x[:, ::2]),
        "tf.split": op(lambda x: tf.concat(tf.split(x, 4, -1)[::-1], -1)),
        "tf.sqrt": op(lambda x: tf.sqrt(tf.abs(x) + 0.1)),
        "tf.square": op(tf.square),
        "tf.stack": ((SEQUENCE, SEQUENCE), lambda x, y: tf.stack([x, y], 1)),
        "tf.unstack": op(lambda x: tf.add_n(tf.unstack(x, axis=1)), (4, 16)),
        "tf.tile": op(lambda x: tf.tile(x, (1, 1, 1, 2))),
        "tf.top_k": op(lambda x: tf.math.top_k(x, 3)[0], VECTOR),
        "tf.transpose": op(lambda x: tf.transpose(x, (0, 2, 1)), SEQUENCE),
        "tf.where": op(lambda x: tf.where(x > 0.0, x, 0.1 * x)),
        "1 / x": op(lambda x: 1.0 / (tf.abs(x) + 1.0)),
        "1 - x": op(lambda x: 1.0 - x),
    }
    return table


def model_of(name: str) -> Any:
    """The model of one layer, with inputs between -1 and 1, or whole numbers below 8."""
    from tfcompress.backend.tensorflow import keras, tf

    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    shapes, compute = layers()[name]
    inputs = [
        keras.Input((6,), dtype="int32", name="words") if shape == "words" else keras.Input(shape, name=f"in_{number}")
        for number, shape in enumerate(shapes)
    ]
    outputs = compute(*inputs)
    outputs = outputs if not tf.is_tensor(outputs) else tf.identity(outputs)
    return keras.Model(inputs, outputs, name="one_layer")


def measured(name: str, modes: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """A row for each mode: the operations, and what each runtime makes of the file."""
    import tfcompress as tfc
    from tfcompress.inspecting.tflite.tflite_file import look_at
    from tfcompress.measuring.operation_table import CONTROL

    kinds = (tfc.Float32, tfc.Float16, tfc.DynamicRange, tfc.Int8, tfc.Int16x8, tfc.MixedPrecision)
    exporters = {mode: kind() for mode, kind in zip(MODES, kinds, strict=True)}
    model = model_of(name)
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 8, (48, *each.shape[1:])).astype("int32")
        if each.dtype.is_integer
        else rng.uniform(-1, 1, (48, *each.shape[1:])).astype("float32")
        for each in model.inputs
    ]
    inputs = arrays[0] if len(arrays) == 1 else tuple(arrays)
    data = tfc.dataset((inputs, np.zeros(48)), (inputs, np.zeros(48)))
    rows = []
    for mode in modes:
        row: dict[str, Any] = {"layer": name, "mode": mode}
        path = folder / f"{mode}.tflite"
        try:
            exporters[mode].convert(model, data, path)
        except tfc.TfcompressError as error:
            rows.append({**row, "refused": _short(str(error))})
            continue
        except Exception as error:  # a fault of ours, which the table should show and not hide
            rows.append({**row, "refused": f"{type(error).__name__}: {_short(str(error))}"})
            continue
        file = look_at(path)
        operations: dict[str, str] = {}
        for each in file.operators:
            if each.arithmetic != "conversion" or mode == "float32":
                kind = "control" if each.op in CONTROL else each.arithmetic
                kinds = {*operations.get(each.op, kind).split(" and "), kind}
                operations[each.op] = " and ".join(sorted(kinds))
        rows.append({**row, "bytes": file.raw_bytes, "operations": operations, "path": str(path)})
    seen = run_files([Path(row["path"]) for row in rows if "path" in row])
    for row in rows:
        if "path" in row:
            row["runs"] = seen[row.pop("path")]
    return rows


def _short(text: str) -> str:
    return " ".join(text.split())[:200]


def run_files(paths: Sequence[Path]) -> dict[str, dict[str, str]]:
    """By file and runtime "" where it runs and agrees, else the reason; a crash costs the one that crashed."""
    from tfcompress.delegates.driver import find_drivers

    found: dict[str, dict[str, str]] = {str(path): {} for path in paths}
    driver = next(iter(find_drivers()), None)
    environment = {**os.environ, **(dict(driver.environment) if driver else {})}
    left = [(str(path), runtime) for path in paths for runtime in RUNTIMES]
    while left:
        command = [sys.executable, str(Path(__file__).resolve()), "--child", *(driver.preload if driver else ())]
        child = subprocess.run(
            command,
            input=json.dumps(left),
            capture_output=True,
            text=True,
            env=environment,
            timeout=TIME_LIMIT_S,
            check=False,
        )
        replies = [json.loads(line) for line in child.stdout.splitlines() if line.startswith("{")]
        for reply in replies:
            found[reply["path"]][reply["runtime"]] = reply["reason"]
        if len(replies) < len(left):
            path, runtime = left[len(replies)]
            found[path][runtime] = f"it kills its process (exit status {child.returncode})"
            replies.append({})
        left = left[len(replies) :]
    return found


def child_main(preload: Sequence[str]) -> int:
    """Runs the files that stdin names, each by one runtime, and prints what came of it."""
    for library in preload:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    exact: dict[str, list[np.ndarray]] = {}
    for path, runtime in json.loads(sys.stdin.read()):
        with tempfile.TemporaryFile() as log:
            before = os.dup(2)
            os.dup2(log.fileno(), 2)
            try:
                reason = _try(path, runtime, exact)
            except Exception as error:  # whatever a runtime raises is what it has against the file
                reason = _short(str(error)) or type(error).__name__
            finally:
                os.dup2(before, 2)
                os.close(before)
            log.seek(0)
            text = log.read().decode(errors="replace")
        if reason and runtime in ("gpu", "compiled"):
            reason = _said(text) or reason
        if runtime == "gpu" and not reason:
            reason = "" if "Selected adapter:" in text else "not run: no adapter is named in the log"
        answers.write(json.dumps({"path": path, "runtime": runtime, "reason": reason}) + "\n")
    answers.flush()
    os._exit(0)


def _said(log: str) -> str:
    """The reasons that a log gives, "OPERATION: reason" each; "" for none."""
    listed = re.search(
        r"operations are not supported by GPU delegate:\n(.*?)\n[^\n]*operations will run", log, re.DOTALL
    )
    if listed:
        return "; ".join(dict.fromkeys(filter(None, listed[1].splitlines())))
    error = re.search(r"^ERROR: (?:\[[^\]\n]*\] *)?(\S[^\n]*)$", log, re.MULTILINE)
    return error[1] if error else ""


def _try(path: str, runtime: str, exact: dict[str, list[np.ndarray]]) -> str:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = {"builtin": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES, "xnnpack": OpResolverType.BUILTIN}
    interpreter = Interpreter(path, experimental_op_resolver_type=kernels.get(runtime, kernels["builtin"]))
    given = [_inputs(details) for details in interpreter.get_input_details()]
    ends = interpreter.get_output_details()
    if runtime in kernels:
        interpreter.allocate_tensors()
        rows = []
        for number in range(NUM_EXAMPLES):
            interpreter.reset_all_variables()
            for details, arrays in zip(interpreter.get_input_details(), given, strict=True):
                interpreter.set_tensor(details["index"], arrays[number])
            interpreter.invoke()
            rows.append([interpreter.get_tensor(details["index"]) for details in ends])
        outputs = [np.stack(column) for column in zip(*rows, strict=True)]
        if runtime == "builtin":
            exact[path] = outputs
            return ""
    else:
        outputs = _compiled(path, runtime, interpreter, given)
    return _difference(exact.get(path), outputs)


def _compiled(path: str, runtime: str, interpreter: Any, given: list[list[np.ndarray]]) -> list[np.ndarray]:
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.cpu_options import CpuOptions
    from ai_edge_litert.gpu_options import GpuOptions
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator
    from ai_edge_litert.options import Options

    on_gpu = runtime == "gpu"
    options = Options(
        hardware_accelerators=HardwareAccelerator.GPU if on_gpu else HardwareAccelerator.CPU,
        cpu_options=CpuOptions(num_threads=1),
        **({"gpu_options": GpuOptions(enforce_f32=True)} if on_gpu else {}),
    )
    model = CompiledModel.from_file(path, options=options)
    ins, outs = model.create_input_buffers(0), model.create_output_buffers(0)
    signature = next(iter(model.get_signature_list().values()))
    runner = interpreter.get_signature_runner()
    index = {details["index"]: number for number, details in enumerate(interpreter.get_input_details())}
    places = [index[runner.get_input_details()[name]["index"]] for name in signature["inputs"]]
    by_name = runner.get_output_details()
    order = [details["index"] for details in interpreter.get_output_details()]
    rows = []
    for number in range(NUM_EXAMPLES):
        for buffer, place in zip(ins, places, strict=True):
            buffer.write(given[place][number])
        model.run_by_index(0, ins, outs)
        found = {}
        for buffer, name in zip(outs, signature["outputs"], strict=True):
            details = by_name[name]
            shape = [int(size) for size in details["shape"]]
            values = np.asarray(buffer.read(int(np.prod(shape)), details["dtype"])).reshape(shape)
            found[details["index"]] = values
        rows.append([found[index] for index in order])
    return [np.stack(column) for column in zip(*rows, strict=True)]


def _inputs(details: Mapping[str, Any]) -> list[np.ndarray]:
    rng, kind = np.random.default_rng(7), np.dtype(details["dtype"])
    shape = [NUM_EXAMPLES, *details["shape"]]
    if kind.kind == "f":
        return list(rng.uniform(-1, 1, shape).astype(kind))
    if details["quantization"][0]:
        ends = np.iinfo(kind)
        return list(rng.integers(ends.min, ends.max, shape, endpoint=True).astype(kind))
    return list(rng.integers(0, 8, shape).astype(kind))


def _difference(exact: list[np.ndarray] | None, outputs: list[np.ndarray]) -> str:
    if exact is None:
        return "not compared: the built-in kernels do not run it"
    for expected, got in zip(exact, outputs, strict=True):
        a, b = expected.astype("float64"), got.astype("float64")
        if not np.isfinite(b[np.isfinite(a)]).all() or np.abs(a - b).max(initial=0) > CLOSE * np.abs(a).max(initial=0):
            return "wrong: other numbers than the built-in kernels give"
    return ""


def written(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the package reads: by layer and mode the operations, and by operation and mode what is known of it."""
    from tfcompress.running.versions import versions

    by_layer: dict[str, dict[str, Any]] = {}
    for row in rows:
        cell = {key: value for key, value in row.items() if key not in ("layer", "mode", "bytes")}
        if "runs" in cell:
            cell["runs"] = {name: reason for name, reason in cell["runs"].items() if reason}
        by_layer.setdefault(row["layer"], {})[row["mode"]] = cell
    return {"format": 1, "versions": versions(), "modes": list(MODES), "layers": by_layer}


def as_json(table: Mapping[str, Any]) -> str:
    """The table with a line for each layer."""
    head = json.dumps({key: value for key, value in table.items() if key != "layers"})
    rows = ",\n".join(f" {json.dumps(layer)}: {json.dumps(modes)}" for layer, modes in table["layers"].items())
    return f'{head[:-1]}, "layers": {{\n{rows}\n}}}}\n'


def page(table: Mapping[str, Any]) -> str:
    """docs/operations.md."""
    from tfcompress.measuring.operation_table import OperationTable, is_float

    known = OperationTable(table)
    lines = ["| operation | " + " | ".join(_HEADINGS) + " |", "|---" * (len(_HEADINGS) + 1) + "|"]
    for op in known.operations():
        cells = [", ".join(sorted(known.computes(op, mode))) for mode in MODES]
        cells += [_refusals(known, op, runtime) for runtime in ("compiled", "gpu")]
        lines.append(f"| {op} | " + " | ".join(cells) + " |")
    layers_of = [
        "| layer | becomes | in float in int8 | in float in int16x8 | not exported | does not run, or wrong |",
        "|---|---|---|---|---|---|",
    ]
    for layer, modes in table["layers"].items():
        floats = {
            mode: ", ".join(op for op, kind in modes.get(mode, {}).get("operations", {}).items() if is_float(kind))
            for mode in ("int8", "int16x8")
        }
        refused = "; ".join(f"{mode}: {_words(cell['refused'])}" for mode, cell in modes.items() if "refused" in cell)
        faults = "; ".join(
            f"{mode} on {runtime}: {_words(reason)}"
            for mode, cell in modes.items()
            for runtime, reason in cell.get("runs", {}).items()
            if runtime in ("builtin", "xnnpack") or "wrong" in reason or "kills" in reason
        )
        becomes = ", ".join(modes.get("float32", {}).get("operations", {}))
        layers_of.append(f"| {layer} | {becomes} | {floats['int8']} | {floats['int16x8']} | {refused} | {faults} |")
    versions = "\n".join(f"- {name} {version}" for name, version in table["versions"].items())
    return PREFACE.format(versions=versions, first="\n".join(lines), second="\n".join(layers_of))


_HEADINGS = (
    *("float32", "float16", "dynamic range", "int8", "int16x8", "int4 weights"),
    *("CompiledModel (CPU) refuses", "GPU refuses"),
)


def _refusals(known: Any, op: str, runtime: str) -> str:
    """By reason the modes in which a runtime refuses an operation; int16x8, which both refuse throughout, left out."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    modes = [mode for mode in MODES if mode != "int16x8"]
    for mode in modes:
        some = "" if known.is_refused(op, mode, runtime) else "some of "
        for reason in known.refusals(op, mode, runtime):
            by_reason.setdefault((some, _words(reason)), []).append(mode)
    return "; ".join(
        f"{some}{'all modes' if len(which) == len(modes) else ', '.join(which)}: {reason}"
        for (some, reason), which in by_reason.items()
    )


def _words(text: str) -> str:
    """A reason for a cell: short, and without bars."""
    text = text.replace("|", "/").replace("`", "")
    return text if len(text) <= 110 else text[:107] + "..."


PREFACE = """# Operations and modes

    python benchmarks/operations.py --out operations.jsonl --write

Each TFLite operation that Keras layers become, in each mode: what it computes in, and who refuses it. Measured: of each
layer below a model of that layer alone is exported in six modes. Each file is read for the types of its tensors, run by
the CPU's built-in kernels and by XNNPACK, by LiteRT's `CompiledModel` on the CPU, and on the GPU alone (SwiftShader, a
software Vulkan driver; the adapter is proved by the log), all compared with the built-in kernels. "hybrid": float
activations and integer weights. An empty cell: no file of that mode has it. int4 weights are of `MixedPrecision`, whose
activations are int8. The GPU takes no int16, and the buffers of `CompiledModel` in Python neither, which the last two
columns do not repeat. Other versions, and real GPUs, may say otherwise: `--gpu` of [inspect](inspecting.md) and the
checks ask the file itself. `tfcompress inspect` and the exporters read this table, from
tfcompress/measuring/operations.json.

Seen with:

{versions}

{first}

## By layer

Operations that stay in float in an integer mode stand between conversions; which layers they are of, an exporter
remarks. "Not exported" is what the exporter says.

{second}
"""


def main() -> int:
    """Adds rows to --out, and with --write makes the page and the package's copy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="LAYER", help="defaults to all")
    parser.add_argument("--out", type=Path, required=True, help="a file of rows, which is added to")
    parser.add_argument("--write", action="store_true", help=f"make {PAGE.name} and {TABLE.name} of the rows")
    options = parser.parse_args()
    from tfcompress.backend.tensorflow import start_quietly

    start_quietly()
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    done = {(row["layer"], row["mode"]) for row in rows}
    with options.out.open("a") as file:
        for name in options.names or layers():
            modes = [mode for mode in MODES if (name, mode) not in done]
            if modes:
                with tempfile.TemporaryDirectory() as folder:
                    new = measured(name, modes, Path(folder))
                file.writelines(json.dumps(row) + "\n" for row in new)
                file.flush()
                rows += new
                print(name, *({row["mode"]: row.get("operations", row.get("refused"))} for row in new), flush=True)
    if options.write:
        order = {name: number for number, name in enumerate(layers())}
        rows.sort(key=lambda row: (order[row["layer"]], MODES.index(row["mode"])))
        table = written(rows)
        TABLE.write_text(as_json(table), encoding="utf-8")
        PAGE.write_text(page(table), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(child_main(sys.argv[2:]) if sys.argv[1:2] == ["--child"] else main())
