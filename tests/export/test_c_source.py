"""A file as C++ source: what the compiler makes of it is the file again."""

import shutil
import subprocess

import pytest

import tfcompress as tfc
from tfcompress.core.errors import InvalidValue, UnreadableModel
from tfcompress.export.c_source import bytes_in, c_source, identifier, registrations, resolver_method
from tfcompress.measuring.targets.file_operations import FileOp, ends_of, operations_of

PROGRAM = """
#include <cstdint>
#include <cstdio>
#include "model.h"
struct Resolver {
  void AddConv2D() { std::fputs("AddConv2D\\n", stderr); }
  void AddFullyConnected() { std::fputs("AddFullyConnected\\n", stderr); }
  void AddMaxPool2D() { std::fputs("AddMaxPool2D\\n", stderr); }
  void AddReshape() { std::fputs("AddReshape\\n", stderr); }
  void AddMean() { std::fputs("AddMean\\n", stderr); }
};
int main() {
  Resolver resolver;
  model_add_operations(resolver);
  std::fprintf(stderr, "%d %d %g %d\\n", MODEL_NUM_OPERATIONS, MODEL_ARENA_BYTES, MODEL_INPUT_0_SCALE,
               MODEL_INPUT_0_ZERO_POINT);
  if (reinterpret_cast<uintptr_t>(model) % 16 != 0 || model_len != MODEL_BYTES) return 1;
  return std::fwrite(model, 1, model_len, stdout) != model_len;
}
"""
WARNINGS = ["-Wall", "-Wextra", "-Werror"]


@pytest.fixture(scope="module")
def path(trained, export):
    return export(trained, tfc.Int8())[0].path


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
def test_what_gcc_makes_of_it_is_the_file_and_registers_its_operations(path, tmp_path):
    header, source = c_source(path, "model", 1234, "measured by hand").write(tmp_path)
    (tmp_path / "main.cc").write_text(PROGRAM)
    subprocess.run(["g++", *WARNINGS, "-std=c++11", "main.cc", source.name, "-o", "main"], cwd=tmp_path, check=True)
    subprocess.run(["gcc", *WARNINGS, "-x", "c", "-fsyntax-only", header.name], cwd=tmp_path, check=True)  # plain C too
    ran = subprocess.run([tmp_path / "main"], capture_output=True)
    assert ran.returncode == 0 and ran.stdout == path.read_bytes()
    (inputs, _), ops = ends_of(path), {each.op for each in operations_of(path)}
    *methods, numbers = ran.stderr.decode().split("\n")[:-1]
    assert methods == sorted(resolver_method(op) for op in ops)
    assert numbers == f"{len(ops)} 1234 {inputs[0].scale:g} {inputs[0].zero_point}"


def test_ends_are_those_that_the_interpreter_has(path, export, trained):
    file = export(trained, tfc.Int8())[1]
    inputs, outputs = ends_of(path)
    for (ours,), theirs in ((inputs, file.input), (outputs, file.output)):
        assert (ours.scale, ours.zero_point) == theirs["quantization"]
        assert (ours.shape, ours.dtype) == (tuple(theirs["shape"]), theirs["dtype"])


def test_an_arena_that_was_not_measured_has_no_constant_and_says_why(path):
    made = c_source(path, "model", None, "tflite-micro is not installed")
    assert "ARENA_BYTES" not in made.header
    assert "The tensor arena: not measured, as tflite-micro is not installed. */" in made.header


def test_a_note_ends_no_comment(path):
    assert "a * / b" in c_source(path, "model", 1, "a */ b").header


def test_names_that_are_none_in_c_are_refused_with_one_that_is(path, tmp_path):
    with pytest.raises(InvalidValue, match="c_source.name must be a name in C. Received: '8-bit'. Use '_8_bit'"):
        c_source(path, "8-bit")
    assert c_source(path).name == identifier(path.stem)


def test_what_is_no_file_is_refused(tmp_path):
    wrong = tmp_path / "wrong.tflite"
    wrong.write_bytes(b"not a file at all")
    with pytest.raises(UnreadableModel, match="is not a .tflite file"):
        c_source(wrong)


def test_a_custom_operation_is_the_firmwares():
    custom = FileOp(0, 0, "MyOp*/", True, "x", (), (), (), 1, False, False)
    assert registrations([custom]) == ["/* resolver.AddCustom(MyOp* /, ...); */"]


def test_bytes_are_read_back():
    assert bytes_in("{0x00, 0x7f,\n 0xff}") == b"\x00\x7f\xff"
