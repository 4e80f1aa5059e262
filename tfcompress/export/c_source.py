"""A .tflite as C++ source: an aligned array for flash, the operations to register, and what goes in and comes out."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ..core.disk import output_errors
from ..core.errors import ConversionFailed, InvalidValue
from ..measuring.targets.file_operations import FileOp, ends_of, operations_of
from ..measuring.tensors import TensorType

ALIGNMENT = 16
BYTES_A_LINE = 12
# Methods of tflite::MicroMutableOpResolver that are not named as the other operations are.
IRREGULAR = {
    "PADV2": "AddPadV2",
    "CUMSUM": "AddCumSum",
    "BATCH_MATMUL": "AddBatchMatMul",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
}
_BYTE = re.compile(r"0x([0-9a-f]{2})")


@dataclasses.dataclass(frozen=True)
class CSource:
    """A header and a source file, as texts, and the name that both begin with."""

    name: str
    header: str
    source: str

    def write(self, folder: str | Path) -> tuple[Path, Path]:
        """Writes NAME.h and NAME.cc into a folder, which is made; gives their paths.

        Raises:
          OutputNotWritable, OutputFull: when they cannot be written.
        """
        folder = Path(folder)
        paths = folder / f"{self.name}.h", folder / f"{self.name}.cc"
        with output_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for path, text in zip(paths, (self.header, self.source), strict=True):
                path.write_text(text, encoding="utf-8")
        return paths


def c_source(
    path: str | Path, name: str | None = None, arena_bytes: int | None = None, arena_note: str = "nobody asked"
) -> CSource:
    """Makes C++ source of a .tflite, for TensorFlow Lite for Microcontrollers.

    The header has the array and its length, the size of the arena where it is known, a function that registers the
    file's operations, and shape, type, scale and zero point of each input and output.

    Args:
      path: the file.
      name: what names in the source begin with. Defaults to None: the file's name, as far as C takes it.
      arena_bytes: of the tensor arena. Defaults to None: not measured, and the header has no such constant.
      arena_note: how it was measured, or why not.

    Raises:
      InvalidValue: for a name that is none in C.
      UnreadableModel: when the file is no whole .tflite.
      ConversionFailed: when the source has other bytes than the file.
    """
    path = Path(path)
    content = path.read_bytes()
    operations, (inputs, outputs) = operations_of(path), ends_of(path)
    name = identifier(path.stem) if name is None else name
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise InvalidValue(f"c_source.name must be a name in C. Received: {name!r}. Use {identifier(name)!r}.")
    tensors = {"INPUT": inputs, "OUTPUT": outputs}
    header = _header(path.name, name, content, operations, tensors, arena_bytes, arena_note)
    source = _source(path.name, name, content)
    if bytes_in(source) != content:
        raise ConversionFailed(
            f"The source of {path} has other bytes than the file. That is a bug of tfcompress: please report it."
        )
    return CSource(name, header, source)


def identifier(text: str) -> str:
    """A name in C that is like a text.

    >>> identifier("keyword_spotting-quantized-int8"), identifier("8 bits")
    ('keyword_spotting_quantized_int8', '_8_bits')
    """
    plain = re.sub(r"\W", "_", text, flags=re.ASCII) or "model"
    return f"_{plain}" if plain[0].isdigit() else plain


def bytes_in(source: str) -> bytes:
    """The bytes of the array in a source file that `c_source` made.

    >>> bytes_in("const unsigned char m[] = {0x1c, 0xff};")
    b'\\x1c\\xff'
    """
    return bytes(int(digits, 16) for digits in _BYTE.findall(source))


def resolver_method(op: str) -> str:
    """The method of `tflite::MicroMutableOpResolver` that registers an operation.

    >>> resolver_method("DEPTHWISE_CONV_2D"), resolver_method("RELU6"), resolver_method("CUMSUM")
    ('AddDepthwiseConv2D', 'AddRelu6', 'AddCumSum')
    """
    words = (part if part[0].isdigit() else part.capitalize() for part in op.split("_"))
    return IRREGULAR.get(op) or f"Add{''.join(words)}"


def registrations(operations: Collection[FileOp]) -> list[str]:
    """The lines that register a file's operations at a resolver, each once.

    Of a custom operation the firmware has the registration, and the line is a comment.
    """
    kinds = dict.fromkeys((each.op, each.is_custom) for each in operations)
    return [
        f"/* resolver.AddCustom({_comment(op)}, ...); */" if custom else f"resolver.{resolver_method(op)}();"
        for op, custom in sorted(kinds)
    ]


def _header(
    file: str,
    name: str,
    content: bytes,
    operations: Sequence[FileOp],
    tensors: Mapping[str, Sequence[TensorType]],
    arena_bytes: int | None,
    arena_note: str,
) -> str:
    upper, lines = name.upper(), registrations(operations)
    arena = (
        [f"/* The least tensor arena, {_comment(arena_note)}. */", f"#define {upper}_ARENA_BYTES {arena_bytes}"]
        if arena_bytes
        else [f"/* The tensor arena: not measured, as {_comment(arena_note)}. */"]
    )
    return "\n".join(
        [
            f"/* {_comment(file)} for TensorFlow Lite for Microcontrollers. Written by tfcompress export --c.",
            f" * SHA-256 {hashlib.sha256(content).hexdigest()} */",
            f"#ifndef {upper}_H_",
            f"#define {upper}_H_",
            "",
            "#ifdef __cplusplus",
            'extern "C" {',
            "#endif",
            "",
            f"#define {upper}_ALIGNMENT {ALIGNMENT}",
            f"#define {upper}_BYTES {len(content)}",
            f"extern const unsigned char {name}[{upper}_BYTES];",
            f"extern const unsigned int {name}_len;",
            "",
            *arena,
            "",
            *(line for which, kinds in tensors.items() for line in _tensors(upper, which, kinds)),
            "#ifdef __cplusplus",
            "}",
            "",
            f"/* tflite::MicroMutableOpResolver<{upper}_NUM_OPERATIONS> resolver; */",
            f"#define {upper}_NUM_OPERATIONS {len(lines)}",
            "template <typename Resolver>",
            f"void {name}_add_operations(Resolver& resolver) {{",
            *(f"  {line}" for line in lines),
            "}",
            "#endif",
            "",
            f"#endif /* {upper}_H_ */",
            "",
        ]
    )


def _tensors(upper: str, which: str, kinds: Sequence[TensorType]) -> list[str]:
    lines = [f"#define {upper}_NUM_{which}S {len(kinds)}"]
    for number, kind in enumerate(kinds):
        shape = "x".join(map(str, kind.shape)) or "one number"
        scaled = f": real = {kind.scale!r} * (q {-kind.zero_point:+d})" if kind.scale else ""
        size = 1
        for axis in kind.shape:
            size *= axis
        lines += [
            f"/* {which.lower()} {number}, {_comment(kind.name)}: {shape}, {kind.dtype}{scaled} */",
            f"#define {upper}_{which}_{number}_SIZE {size}",
        ]
        if kind.scale:
            lines += [
                f"#define {upper}_{which}_{number}_SCALE {kind.scale!r}f",
                f"#define {upper}_{which}_{number}_ZERO_POINT {kind.zero_point}",
            ]
    return [*lines, ""]


def _source(file: str, name: str, content: bytes) -> str:
    rows = (content[begin : begin + BYTES_A_LINE] for begin in range(0, len(content), BYTES_A_LINE))
    return "\n".join(
        [
            f"/* {_comment(file)}, written by tfcompress export --c. */",
            f'#include "{name}.h"',
            "",
            f"alignas({name.upper()}_ALIGNMENT) const unsigned char {name}[{name.upper()}_BYTES] = {{",
            *(f"    {', '.join(f'0x{byte:02x}' for byte in row)}," for row in rows),
            "};",
            f"const unsigned int {name}_len = {name.upper()}_BYTES;",
            "",
        ]
    )


def _comment(text: str) -> str:
    """A text that ends no comment, in one line."""
    return " ".join(text.split()).replace("*/", "* /").replace("/*", "/ *").rstrip(".")
