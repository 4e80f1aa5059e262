"""What scripts/fuzz takes for a fault, and what it does not: readers that do each on purpose."""

import json
import random
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "fuzz"
# Processes are forked, which a process with TensorFlow's threads had better not do: the script is run as itself.
PLANTED = """
import os, sys, time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

loader = SourceFileLoader("fuzz", sys.argv.pop(1))
fuzz = module_from_spec(spec_from_loader("fuzz", loader))
loader.exec_module(fuzz)
fuzz.LONGEST_S, fuzz.MEMORY_BYTES = 1, 300 << 20
from tfcompress.core.errors import DataCorrupt

def refused(path, origin):
    raise DataCorrupt("data must be whole. Received: this. Mend it.")

def raised(path, origin):
    raise KeyError("planted")

def wordy(path, origin):
    raise DataCorrupt("data must be whole." + chr(10) + "Received: this.")

def crashed(path, origin):
    os.abort()

def slow(path, origin):
    while True:
        time.sleep(0.1)

def left(path, origin):
    os._exit(3)

def large(path, origin):
    bytearray(600 << 20)

def seldom(path, origin):
    if not path.read_bytes().startswith(b"whole"):
        raise KeyError("planted")

def kinds(folder):
    whole = folder / "whole.bin"
    whole.write_bytes(b"whole" + bytes(200))
    readers = {"taken": lambda path, origin: path.read_bytes(), "refused": refused, "raised": raised, "wordy": wordy}
    readers |= {"keras": crashed, "crashed": crashed, "slow": slow, "left": left, "large": large, "seldom": seldom}
    readers["h5"] = readers[os.environ.get("PLANTED_H5", "slow")]
    return {name: ([whole], fuzz.of_bytes, reader) for name, reader in readers.items()}

fuzz.kinds = kinds
sys.exit(fuzz.main())
"""


@pytest.fixture(scope="module")
def fuzz():
    """The script as a module."""
    loader = SourceFileLoader("fuzz", str(SCRIPT))
    module = module_from_spec(spec_from_loader("fuzz", loader))
    loader.exec_module(module)
    return module


def campaign(*arguments):
    command = [sys.executable, "-c", PLANTED, str(SCRIPT), "--seed", "1", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("raised", "4x raised: KeyError: 'planted' at "),
        ("wordy", "4x wordy: not one line, but 'data must be whole.\\nReceived: this.'\n"),
        ("crashed", "4x crashed: the process died: SIGABRT\n"),
        ("keras", "4x keras: the process died: SIGABRT\n"),  # a run folder's are read in the user's process
        ("slow", "2x slow: the process died: no answer within 1 s\n"),
        ("left", "4x left: the process died: exit code 3\n"),
        ("large", "4x large: MemoryError at "),
    ],
)
def test_a_planted_fault_is_reported_with_each_file(kind, said, tmp_path):
    number = 2 if kind == "slow" else 4
    code, out = campaign(kind, "--files", number, "--keep", tmp_path / "kept")
    assert code == 1, out
    assert said in out
    assert f"{kind}: {number} damaged files in " in out  # one that ends its process does not end the campaign
    assert out.endswith(f"\n{number} faults\n")
    assert len(list((tmp_path / "kept").iterdir())) == number


@pytest.mark.parametrize("kind", ["taken", "refused"])
def test_a_file_that_is_taken_or_refused_is_no_fault(kind):
    code, out = campaign(kind, "--files", 300)
    assert code == 0
    assert out.endswith("0 model files took longer than 1 s, 0 ended their reader\n0 faults\n")
    assert f"{kind}: 300 damaged files in " in out


@pytest.mark.parametrize(
    ("reader", "said"),
    [
        ("slow", "2 model files took longer than 1 s, 0 ended their reader"),
        ("crashed", "0 model files took longer than 1 s, 2 ended their reader"),
    ],
)
def test_what_a_model_file_does_to_the_child_that_reads_it_is_counted_apart(reader, said, monkeypatch):
    monkeypatch.setenv("PLANTED_H5", reader)
    code, out = campaign("h5", "--files", 2)
    assert code == 0
    assert out.endswith(f"{said}\n0 faults\n")


def test_a_kept_file_is_the_one_that_failed(tmp_path):
    code, out = campaign("seldom", "--files", 300, "--keep", tmp_path)
    assert code == 1
    kept = list(tmp_path.iterdir())
    assert 0 < len(kept) < 200
    assert not [path for path in kept if path.read_bytes().startswith(b"whole")]


def test_an_unknown_kind_is_an_error_of_the_command_line():
    command = [sys.executable, "-c", PLANTED, str(SCRIPT), "tiflite"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "unknown kinds tiflite; there are taken, " in done.stderr


def test_the_same_seed_damages_alike_and_nearly_every_file_is_damaged(fuzz):
    whole = bytes(range(256)) * 8
    once, again = ([fuzz.of_bytes(whole, random.Random(seed)) for seed in range(300)] for _ in range(2))
    assert once == again
    assert sum(content != whole for content in once) > 280
    assert len(set(once)) > 280


def test_json_is_damaged_as_json(fuzz):
    whole = json.dumps({"layers": [{"units": 3}, {"name": "a"}], "version": 1}).encode()
    damaged = [fuzz.of_json(whole, random.Random(seed)) for seed in range(300)]
    readable = 0
    for content in damaged:
        try:
            json.loads(content)
            readable += 1
        except ValueError:
            continue
    assert readable > 200
    assert len(set(damaged)) > 150


def test_whatever_is_no_json_is_damaged_as_bytes(fuzz):
    assert fuzz.of_bytes_or_json(b"\x00\xff", random.Random(3)) == fuzz.of_bytes(b"\x00\xff", random.Random(3))
