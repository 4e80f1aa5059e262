"""A small network trained on digits, and its pruned and quantization-aware selves, made once a session."""

import gc
import os
import signal
from pathlib import Path

import pytest

from tfcompress.backend.tensorflow import prepare_environment

prepare_environment()
# Two processes run on two cores: threads of TensorFlow's own would wait for each other, and for the other process.
for threads in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(threads, "1")
os.environ.setdefault("TFCOMPRESS_HURRIED_LATENCY", "1")  # half a second for each check of each file is most of a check
# TensorFlow's graphs are millions of objects, and Python's default is to walk the young ones every 700 allocations.
gc.set_threshold(50_000, 20, 20)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So a worker of pytest-xdist begins, and so would its children: tests of Ctrl-C could not reach them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("TFDS_DATA_DIR", str(Path(__file__).parents[2] / "shared" / "data" / "tfds"))


@pytest.fixture
def remarks():
    """What is remarked while a test runs, as a run would collect it."""
    from tfcompress.core.remarks import collecting

    with collecting() as said:
        yield said


@pytest.fixture(scope="session")
def digits():
    import tfcompress as tfc

    return tfc.Digits()


@pytest.fixture(scope="session")
def trained(digits):
    """SimpleCNN after 220 steps: sure enough of its answers that rounding changes few of them."""
    import tfcompress as tfc
    from tfcompress.backend.tensorflow import set_seed, start_quietly

    start_quietly()
    set_seed(0)
    return tfc.Train().apply(tfc.simple_cnn(digits.input_shape), tfc.KerasFit(digits, epochs=10))


@pytest.fixture(scope="session")
def sparse(trained):
    """`trained` with the smaller half of each kernel set to zero."""
    import numpy as np

    from tfcompress.models_io.copying import copy_model

    model = copy_model(trained)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            kernel = layer.kernel.numpy()
            layer.kernel.assign(np.where(np.abs(kernel) > np.median(np.abs(kernel)), kernel, 0))
    return model


@pytest.fixture(scope="session")
def aware(sparse, digits):
    """`sparse` made quantization-aware, its zeros kept."""
    import tfcompress as tfc
    from tfcompress.backend.tensorflow import set_seed

    set_seed(0)
    return tfc.QuantizeAware().apply(sparse, tfc.KerasFit(digits, epochs=2, learning_rate=0.01))
