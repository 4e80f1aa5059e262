"""The encoding that suits the zeros of a pruned model: plain, or TFLite's sparse one, whichever file is smaller."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..backend.child import run_limited
from ..backend.native import captured_stderr
from ..backend.search_path import for_children
from ..backend.tensorflow import tf
from ..core.errors import ConversionFailed, expect
from ..core.temporaries import in_temporary_folder
from ..core.types import Artifact, Exporter
from ..measuring.tflite import zipped_bytes
from .float32 import Float32

SIZES = ("raw_bytes", "zipped_bytes")
TIME_LIMIT_S = 300

# Loads a file under each kernel set of the CPU, runs it on one random example, and compares with the plain file's.
_TRIAL = """
from tfcompress.backend.child import die_with_parent
die_with_parent()
import sys
from pathlib import Path
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType as kernels

def outputs_of(path, resolver):
    interpreter = Interpreter(path, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for details in interpreter.get_input_details():
        drawn = rng.normal(size=details["shape"]) * (1 if details["dtype"] == np.float32 else 40)
        interpreter.set_tensor(details["index"], drawn.astype(details["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(details["index"]).astype("float64") for details in interpreter.get_output_details()]

plain, sparse = sys.argv[1:]
fault = ""
for resolver in (kernels.BUILTIN, kernels.BUILTIN_WITHOUT_DEFAULT_DELEGATES, kernels.BUILTIN_REF):
    expected = outputs_of(plain, resolver)
    try:
        found = outputs_of(sparse, resolver)
    except (RuntimeError, ValueError) as error:
        fault = f"{resolver.name}: {error}"
        break
    off = max(float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-9)) for a, b in zip(expected, found))
    if not off <= 1e-3:
        fault = f"{resolver.name}: outputs differ by {off:.2g} of the largest"
        break
Path("fault.txt").write_text(fault)
"""


@dataclasses.dataclass(frozen=True)
class Encoding:
    """A way of storing one model: "plain" or "sparse", its bytes, and why it cannot be used ("" when it can)."""

    name: str
    raw_bytes: int
    zipped_bytes: int
    refused: str = ""


@dataclasses.dataclass(frozen=True)
class Smallest:
    """Writes the file of `exporter`, plain or with its zeros encoded, whichever is smaller and runs on every CPU.

    TFLite's sparse encoding stores the positions and values of what is not zero; a runtime unfolds it when it loads the
    file, so that nothing gets faster. It is taken only when the file loads under each kernel set of the CPU (XNNPACK,
    built-in, reference) and gives the plain one's outputs, which is tried in a process of its own.

    Args:
      exporter: how the model is written. Defaults to `Float32()`.
      by: what is compared: "raw_bytes", what the file takes on a device, or "zipped_bytes", what a download takes;
        zipping finds zeros itself, so that by it the plain file mostly wins. Defaults to "raw_bytes".

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> Smallest(by="zipped_bytes").mode
    'float32_smallest'
    """

    exporter: Exporter = Float32()
    by: str = "raw_bytes"

    def __post_init__(self) -> None:
        expect(isinstance(self.exporter, Exporter), self, "exporter", "must be an exporter", "Use Float32().")
        expect(self.by in SIZES, self, "by", f"must be one of {SIZES}", "Use 'raw_bytes'.")

    @property
    def mode(self) -> str:
        """What the file is."""
        return f"{self.exporter.mode}_smallest"

    def convert(self, model: Any, data: Any, path: str | Path) -> Artifact:
        """Writes `path`, whole or not at all. Raises `ConversionFailed`."""
        path = Path(path)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".partial-") as folder:
            plain = Path(folder) / "plain.tflite"
            made = self.exporter.convert(model, data, plain)
            files = {"plain": plain, "sparse": Path(folder) / "sparse.tflite"}
            usable = [found for found in encodings(plain, files["sparse"]) if not found.refused]
            smallest = min(usable, key=lambda found: getattr(found, self.by))
            os.replace(files[smallest.name], path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        raw, zipped = smallest.raw_bytes, smallest.zipped_bytes
        return dataclasses.replace(made, path=path, mode=self.mode, raw_bytes=raw, zipped_bytes=zipped, sha256=digest)


def encodings(plain: Path, sparse: Path) -> tuple[Encoding, Encoding]:
    """Writes the .tflite file `plain` sparse-encoded to `sparse`; returns the bytes of both, and whether they serve."""
    data = plain.read_bytes()
    try:
        encoded = _encode(data)
    except ConversionFailed as error:
        return Encoding("plain", len(data), zipped_bytes(data)), Encoding("sparse", 0, 0, str(error))
    sparse.write_bytes(encoded)
    refused = _trial(plain, sparse)
    return (
        Encoding("plain", len(data), zipped_bytes(data)),
        Encoding("sparse", len(encoded), zipped_bytes(encoded), refused),
    )


def _encode(data: bytes) -> bytes:
    """What Optimize.EXPERIMENTAL_SPARSITY does with a converted file; thus it serves each exporter's."""
    home = tf.lite.TFLiteConverter.__module__.rpartition(".")[0]
    try:
        with captured_stderr():
            return importlib.import_module(f"{home}.convert").mlir_sparsify(data)
    except Exception as error:  # MLIR's own classes
        raise ConversionFailed(
            f"TensorFlow could not encode the zeros of the file. Its reason: {error} Export without Smallest."
        ) from error


def _trial(plain: Path, sparse: Path) -> str:
    """Why `sparse` cannot be used, "" when it can; in a child, as native code that meets a new file may crash."""
    command = [sys.executable, "-c", _TRIAL, str(plain.resolve()), str(sparse.resolve())]
    with in_temporary_folder("try") as folder:
        end = run_limited(command, TIME_LIMIT_S, folder, {"PYTHONPATH": for_children()})
        return end.death or (folder / "fault.txt").read_text()
