"""python benchmarks/loading_cost.py: the time and the memory that bringing MobileNetV2 in takes.

Each figure is of a fresh process, as a user's is, with TensorFlow and both Keras imported: the time to build the model
with keras, then to bring it in, from memory and from a file; and how far the process's peak of memory rises over what
it is after one prediction of the model, as TensorFlow's own working memory is no part of loading a model. For scale:
the time in which tf_keras builds the same model.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from tfcompress.backend.tensorflow import keras
from tfcompress.layers.twins import keras3
from tfcompress.models_io.loading.door import load_with_report
from tfcompress.models_io.loading.equality import NUM_EXAMPLES
from tfcompress.running.versions import machine, versions

TIME_LIMIT, MEMORY_LIMIT = 2.0, 3.0  # times building it; times the size of its weights


def measure() -> dict[str, float]:
    """Seconds and bytes, in this process."""
    import numpy as np

    keras_2, keras_3 = use_both()
    started = time.monotonic()
    model = keras_3.applications.MobileNetV2(weights=None)
    seconds = {"build": time.monotonic() - started}
    model(np.zeros((NUM_EXAMPLES, *model.input_shape[1:]), "float32"))
    peak = peak_bytes()
    started = time.monotonic()
    load_with_report(model)
    seconds["bring in from memory"] = time.monotonic() - started
    rise = peak_bytes() - peak
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        model.save(path)
        started = time.monotonic()
        load_with_report(path)
        seconds["bring in from .keras"] = time.monotonic() - started
    started = time.monotonic()
    keras_2.applications.MobileNetV2(weights=None)
    seconds["build with tf_keras"] = time.monotonic() - started
    return {**seconds, "model_bytes": 4 * model.count_params(), "rise_bytes": rise}


def use_both() -> tuple[Any, Any]:
    """tf_keras and Keras 3, imported to the point where they have made a layer."""
    for framework in (keras, keras3()):
        framework.layers.Dense(1)(framework.Input((1,)))
    return keras, keras3()


def peak_bytes() -> int:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> int:
    """Prints the medians; exit code 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--here", action="store_true", help="measure once, in this process (what the benchmark starts)")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure()))
        return 0
    command = [sys.executable, __file__, "--here"]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(options.runs)]
    found = [json.loads(run.stdout.splitlines()[-1]) for run in runs]
    medians = {key: statistics.median(one[key] for one in found) for key in found[0]}
    rise, size = medians.pop("rise_bytes"), medians.pop("model_bytes")
    for what, seconds in medians.items():
        print(f"{what}: {seconds:.2f} s, {seconds / medians['build']:.2f} times building it")
    print(f"peak memory: {rise / 1e6:.0f} MB more, {rise / size:.1f} times the model's {size / 1e6:.0f} MB")
    print(f"limits: {TIME_LIMIT:g} times building it, {MEMORY_LIMIT:g} times the model; medians of {options.runs} runs")
    print(f"versions: {versions()}; machine: {machine()}")
    return int(medians["bring in from memory"] > TIME_LIMIT * medians["build"] or rise > MEMORY_LIMIT * size)


if __name__ == "__main__":
    sys.exit(main())
