"""Damaged .tflite files: each is read, or is one clear line with exit code 43; and running one is a Finding."""

import dataclasses
import random

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfcompress as tfc
from tfcompress.cli.inspect import main
from tfcompress.core.examples.source import Split
from tfcompress.core.tasks.task import OutputSpec
from tfcompress.core.types import Artifact, Data
from tfcompress.inspecting.tflite import reading
from tfcompress.measuring.tflite import UnreadableFile

NUM_MUTATIONS = [pytest.param(12), pytest.param(200, marks=pytest.mark.slow)]


@dataclasses.dataclass(frozen=True)
class FewDigits(Data):
    title: str = "noise"
    num_train: int = 4
    num_classes: int = 10
    scale: float = 1 / 16

    def load(self):
        rng = np.random.default_rng(0)
        split = Split(rng.integers(0, 17, (4, 8, 8, 1)).astype("uint8"), rng.integers(0, 10, 4))
        return split, split


def mutated(whole, rng):
    """A cut, or 1 to 20 flipped bits: anywhere, or at the end, where the file's structure lies."""
    content = bytearray(whole)
    kind = rng.choice(("cut", "anywhere", "structure", "structure"))
    if kind == "cut":
        return bytes(content[: rng.randrange(len(content))])
    for _ in range(rng.randint(1, 20)):
        position = rng.randrange(len(content)) if kind == "anywhere" else -rng.randrange(1, 5000)
        content[position] ^= 1 << rng.randrange(8)
    return bytes(content)


@pytest.mark.parametrize("num_mutations", NUM_MUTATIONS)
def test_a_damaged_file_is_listed_or_told_in_a_line_and_running_it_is_a_finding(files, num_mutations, tmp_path, capfd):
    rng, path, codes = random.Random(0), tmp_path / "damaged.tflite", []
    sound, data = [files[mode] for mode in ("aware", "float16")], FewDigits()

    def run(file, against):
        artifact = Artifact(file, "int8", file.stat().st_size, 0, "", outputs=(OutputSpec("logits", (None, 10)),))
        return tfc.CpuReference(time_limit_s=30).run(artifact, data, against)

    whole = [run(file, {}).outputs for file in sound]
    for number in range(num_mutations):
        path.write_bytes(mutated(sound[number % 2].read_bytes(), rng))
        codes.append(main([str(path)]))
        out, err = capfd.readouterr()
        assert (codes[-1], out == "", err.count("\n")) in ((0, False, 0), (43, True, 1)), (number, err)
        assert "Traceback" not in out + err
        found = run(path, {"whole": whole[number % 2]})
        assert found.status in ("pass", "fail"), number
        assert (found.status == "pass") == (found.reason == ""), number
    assert {0, 43} == set(codes)


def test_a_reader_that_crashes_or_hangs_is_a_sentence(files, tmp_path, monkeypatch):
    python = tmp_path / "python"
    monkeypatch.setattr(reading.sys, "executable", str(python))
    for script, words in {"kill -SEGV $$": "SIGSEGV", "sleep 60": "within 1 s", "exit 7": "exit code 7"}.items():
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        with pytest.raises(UnreadableFile, match=words):
            reading.read_tflite(files["int8"], time_limit_s=1.0)


@pytest.mark.parametrize(("table", "slot"), [("graph", 4), ("graph", 10), ("model", 12)])  # tensors, operators, buffers
def test_a_file_that_says_two_billion_tensors_ends_in_a_line(files, tmp_path, table, slot):
    content = bytearray(files["int8"].read_bytes())
    model = schema.Model.GetRootAs(content, 0)
    within = (model.Subgraphs(0) if table == "graph" else model)._tab
    length = within.Vector(within.Offset(slot)) - 4  # a flatbuffer's vector begins with its length
    content[length : length + 4] = (2**31 - 1).to_bytes(4, "little")
    (tmp_path / "long.tflite").write_bytes(content)
    with pytest.raises(UnreadableFile) as error:
        reading.read_tflite(tmp_path / "long.tflite", time_limit_s=20.0)
    assert "\n" not in str(error.value)


def test_numbers_that_are_none_are_none_in_json():
    assert reading.finite({"a": [float("nan"), 1.0, {"b": float("inf")}]}) == {"a": [None, 1.0, {"b": None}]}
