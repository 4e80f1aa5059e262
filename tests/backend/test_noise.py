import logging
import os
import subprocess
import sys

from tfcompress.backend.noise import noise_to

SCRIPT = """
import logging, os, sys
from pathlib import Path
from tfcompress.backend.noise import noise_to
logging.basicConfig()
logging.getLogger("tensorflow").addHandler(logging.StreamHandler(sys.stderr))
with noise_to(Path("run.log")):
    os.write(2, b"native\\n")
    logging.getLogger("tensorflow").warning("of TensorFlow")
    print("the user's own", file=sys.stderr)
    logging.getLogger("mine").warning("and their log")
os.write(2, b"afterwards\\n")
"""


def test_native_code_and_tensorflow_write_into_the_log_and_others_on_stderr(tmp_path):
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stderr == "the user's own\nWARNING:mine:and their log\nafterwards\n"
    assert (tmp_path / "run.log").read_text() == "native\nof TensorFlow\n"


def test_without_noise_there_is_no_log(tmp_path):
    with noise_to(tmp_path / "run.log"):
        assert os.path.exists(tmp_path / "run.log")
    assert not list(tmp_path.iterdir())


def test_an_error_inside_leaves_loggers_and_stderr_as_they_were(tmp_path):
    before = sys.stderr, logging.getLogger("absl").handlers, logging.getLogger("absl").propagate
    try:
        with noise_to(tmp_path / "run.log"):
            os.write(2, b"last words")
            raise ValueError
    except ValueError:
        assert (sys.stderr, logging.getLogger("absl").handlers, logging.getLogger("absl").propagate) == before
    assert (tmp_path / "run.log").read_text() == "last words"
