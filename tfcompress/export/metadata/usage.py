"""The page beside a file: what goes in and what comes out, and lines of Python, Kotlin, Swift and C++ that run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...core.examples.notes import Notes, TensorNotes
from ...measuring.file_run import FileRun
from ...measuring.notes.in_file import FileNotes, labels_file, vocabulary_file
from ...measuring.tensors import TensorType
from .by_target import targets_section

SHOWN = 12  # names of classes on the page


def readme(file: str, content: bytes, about: FileNotes, beside: Sequence[str] = (), needs_reset: bool = False) -> str:
    """The page of a file, in Markdown.

    Args:
      file: its name.
      content: of the file.
      about: what it says of itself.
      beside: names of files that belong to it. Defaults to none.
      needs_reset: whether its variables must be reset before each sequence. Defaults to False.
    """
    run = FileRun(content)
    inputs, outputs = run.inputs, run.output_types
    recipe = f" with the recipe {about.recipe}" if about.recipe else ""
    parts = [
        f"# {file}",
        f"{about.description}. {len(content):,} bytes, made by tfcompress {about.version}{recipe}.",
        tensor_table(run, about.notes),
    ]
    if any(kind.scale for kind in (*inputs.values(), *outputs.values())):
        parts.append("An int8 number q stands for scale (q - zero_point); the file has both, and the lines read them.")
    parts += [f"{name}, beside it, takes sound, and makes the spectrogram itself." for name in beside]
    if any(notes.labels or notes.vocabulary for notes in _all(inputs, outputs, about)):
        parts.append(f"Names of classes and words are in the file: `unzip {file}` gives them as text, one a line.")
    parts.append(f"## Python\n\n```python\n{_python(file, inputs, outputs, about)}\n```")
    if len(inputs) > 1 or len(outputs) > 1:
        parts.append(
            "The lines below are for one input and one output; this file has more: give and take them by name."
        )
    number = str(next(iter(inputs.values())).dtype)
    for title, code in (("Kotlin", KOTLIN), ("Swift", SWIFT), ("C++", CPP)):
        written = code.replace("FILE", file).replace("STEM", file.rpartition(".")[0])
        for word, by_dtype in TYPES.items():
            written = written.replace(word, by_dtype.get(number, by_dtype["float32"]))
        parts.append(f"## {title}\n\n```{title.lower().replace('++', 'pp')}\n{written.strip()}\n```")
    parts.append(targets_section(file, content, needs_reset))
    return "\n\n".join(parts) + "\n"


def tensor_table(run: FileRun, notes: Notes) -> str:
    """What goes into a file and what comes out of it, in Markdown."""
    rows = [*_rows("in", run.inputs, notes.of_input), *_rows("out", run.output_types, notes.of_output)]
    return "\n".join(("| | name | shape | type | what it is |", "|---|---|---|---|---|", *rows))


def python_lines(file: str, run: FileRun, notes: Notes) -> str:
    """Lines of Python that run a file of this name."""
    return _python(file, run.inputs, run.output_types, FileNotes(file, "", "", "", "", notes))


def _rows(which: str, kinds: Mapping[str, TensorType], notes: Callable[[str], TensorNotes]) -> list[str]:
    """The lines of a table."""
    return [
        f"| {which} | {name} | {'x'.join(map(str, kind.shape))} | {_type(kind)} | {_meaning(notes(name))} |"
        for name, kind in kinds.items()
    ]


def _all(inputs: Mapping[str, TensorType], outputs: Mapping[str, TensorType], about: FileNotes) -> list[TensorNotes]:
    return [*map(about.notes.of_input, inputs), *map(about.notes.of_output, outputs)]


def _type(kind: TensorType) -> str:
    if kind.dtype == "uint8":  # bytes as they are stored, whatever scale the file gives them
        return "uint8"
    return f"{kind.dtype}, scale {kind.scale:.6g}, zero point {kind.zero_point}" if kind.scale else str(kind.dtype)


def _meaning(notes: TensorNotes) -> str:
    more = f" and {len(notes.labels) - SHOWN} more" if len(notes.labels) > SHOWN else ""
    labels = f": {', '.join(notes.labels[:SHOWN])}{more}" if notes.labels else ""
    scaled = f", as (x - {_numbers(notes.scaling[0])}) / {_numbers(notes.scaling[1])}" if notes.scaling else ""
    return f"{notes.meaning}{scaled}{labels}".replace("|", "\\|")


def _numbers(values: Sequence[float]) -> str:
    return f"{values[0]:.7g}" if len(values) == 1 else f"[{', '.join(f'{value:.7g}' for value in values)}]"


def _python(file: str, inputs: Mapping[str, TensorType], outputs: Mapping[str, TensorType], about: FileNotes) -> str:
    """Lines that need NumPy and ai-edge-litert alone, and tfcompress where there is a spectrogram to be made."""
    notes = _all(inputs, outputs, about)
    has_archive = any(each.labels or each.vocabulary for each in notes)
    has_words = any(each.vocabulary for each in notes)
    used = ["import re"] * has_words + ["import zipfile"] * has_archive
    lines = [*used, *([""] if used else []), "import numpy as np", "from ai_edge_litert.interpreter import Interpreter"]
    if any("log_mel" in each.settings for each in notes):
        lines += ["", "from tfcompress import LogMel"]
    lines += ["", f'run = Interpreter("{file}").get_signature_runner()']
    if has_archive:
        lines.append(f'archive = zipfile.ZipFile("{file}")')
    lines.append("given = {}")
    for name, kind in inputs.items():
        lines += _given(name, kind, about.notes.of_input(name), len(inputs) == 1)
    lines.append("found = run(**given)")
    for name, kind in outputs.items():
        lines += _found(name, kind, about.notes.of_output(name), len(outputs) == 1)
    return "\n".join(lines)


def _given(name: str, kind: TensorType, notes: TensorNotes, alone: bool) -> list[str]:
    """Lines that make an input."""
    shape = tuple(kind.shape)
    if notes.vocabulary:
        return [
            f'words = archive.read("{vocabulary_file(name, alone)}").decode().splitlines()',
            "number = {word: place for place, word in enumerate(words)}",
            f'text = re.findall(r"""{notes.settings["words"]}""", "Where is my card?".lower())[: {shape[1]}]',
            f'given["{name}"] = np.zeros({shape}, "int32")',
            f'given["{name}"][0, : len(text)] = [number.get(word, 1) for word in text]',
        ]
    if "log_mel" in notes.settings:
        settings = {key: value for key, value in notes.settings["log_mel"].items() if key != "num_samples"}
        arguments = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        made = [
            f"features = LogMel({arguments})",
            "samples = np.zeros(features.num_samples)  # your recording, in [-1, 1]",
            "x, _ = features(samples, None)",
            "x = x[None]",
        ]
    else:
        made = [f"x = np.zeros({shape})  # yours"]
    if notes.scaling and not notes.sample_rate:
        made.append(f"x = (x - {_numbers(notes.scaling[0])}) / {_numbers(notes.scaling[1])}")
        made = [line.replace("([", "np.array([") for line in made]
    if not kind.scale or kind.dtype == "uint8":  # bytes are what is stored, whatever they stand for
        return [*made, f'given["{name}"] = x.astype("{kind.dtype}")']
    return [
        *made,
        f'scale, zero_point = run.get_input_details()["{name}"]["quantization"]',
        f'given["{name}"] = np.clip(np.round(x / scale) + zero_point, -128, 127).astype("int8")',
    ]


def _found(name: str, kind: TensorType, notes: TensorNotes, alone: bool) -> list[str]:
    """Lines that say what comes out."""
    lines = [f'y = found["{name}"].astype("float32")']
    if kind.scale:
        lines.append(f'scale, zero_point = run.get_output_details()["{name}"]["quantization"]')
        lines.append("y = (y - zero_point) * scale")
    if notes.labels:
        lines.append(f'labels = archive.read("{labels_file(name, alone)}").decode().splitlines()')
        each = "[labels[place] for place in y[0].argmax(-1).flat]"
        lines.append(f'print("{name}:", {each})')
    elif notes.scaling:
        lines.append(f'print("{name}:", y[0] * {_numbers(notes.scaling[1])} + {_numbers(notes.scaling[0])})')
    else:
        lines.append(f'print("{name}:", y[0])')
    return lines


# What stands for a word of the lines below, by the type of the input.
TYPES = {
    "C_TYPE": {"int8": "int8_t", "uint8": "uint8_t", "int32": "int32_t", "float32": "float"},
    "JAVA_ARRAY": {"int8": "ByteArray", "uint8": "ByteArray", "int32": "IntArray", "float32": "FloatArray"},
    "SWIFT_TYPE": {"int8": "Int8", "uint8": "UInt8", "int32": "Int32", "float32": "Float32"},
}

KOTLIN = """
// implementation("com.google.ai.edge.litert:litert:2.+"); FILE in src/main/assets
val model = CompiledModel.create(assets, "FILE", CompiledModel.Options(Accelerator.CPU))
val inputs = model.createInputBuffers()
val outputs = model.createOutputBuffers()
inputs[0].write(x)  // x: JAVA_ARRAY, the numbers that the table above asks for
model.run(inputs, outputs)
val y = outputs[0].readInt8()  // readFloat() of a file whose outputs are float32
"""

SWIFT = """
// pod "TensorFlowLiteSwift"; FILE in the bundle
let path = Bundle.main.path(forResource: "STEM", ofType: "tflite")!
let interpreter = try Interpreter(modelPath: path)
try interpreter.allocateTensors()
try interpreter.copy(x.withUnsafeBufferPointer { Data(buffer: $0) }, toInputAt: 0)  // x: [SWIFT_TYPE]
try interpreter.invoke()
let output = try interpreter.output(at: 0)  // output.data, output.quantizationParameters
"""

CPP = """
auto model = tflite::FlatBufferModel::BuildFromFile("FILE");
tflite::ops::builtin::BuiltinOpResolver resolver;
std::unique_ptr<tflite::Interpreter> interpreter;
tflite::InterpreterBuilder(*model, resolver)(&interpreter);
interpreter->AllocateTensors();
C_TYPE* x = interpreter->typed_input_tensor<C_TYPE>(0);  // fill it
interpreter->Invoke();
const TfLiteTensor* y = interpreter->output_tensor(0);  // y->data, y->params.scale, y->params.zero_point
"""
