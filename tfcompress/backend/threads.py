"""How many threads TensorFlow and NumPy add up with: the sums of one thread have one order on any number of cores."""

from __future__ import annotations

import os

OF_SUMS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # threads that share one operation
THREADS = (*OF_SUMS, "TF_NUM_INTEROP_THREADS")


def use_one_thread() -> None:
    """One thread in each operation from now on, in children too; to be called before TensorFlow is started."""
    os.environ.update(dict.fromkeys(OF_SUMS, "1"))


def is_one_thread() -> bool:
    """Whether each operation has one thread, by `use_one_thread` or by the user's own environment."""
    return all(os.environ.get(name) == "1" for name in OF_SUMS)
