"""How many threads TensorFlow and NumPy add up with: the sums of one thread have one order on any number of cores."""

from __future__ import annotations

import os

OF_SUMS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # threads that share one operation
THREADS = (*OF_SUMS, "TF_NUM_INTEROP_THREADS")
_ASKED = "TFCOMPRESS_DETERMINISTIC"  # tells what was asked for from what threads there happen to be, in children too


def use_one_thread() -> None:
    """One thread in each operation from now on, in children too; to be called before TensorFlow is started."""
    os.environ.update(dict.fromkeys((*OF_SUMS, _ASKED), "1"))


def is_deterministic() -> bool:
    """Whether `use_one_thread` was called, here or in the process that started this one."""
    return os.environ.get(_ASKED) == "1"
