"""python benchmarks/sparsity_pays.py: what zeros are worth in a .tflite, by pattern and export mode, in one run.

SimpleCNN on digits, trained, then pruned in several patterns to equal sparsity. Of each file: raw, zipped and
sparse-encoded bytes, whether the encoded file serves on every CPU kernel set, and the median time of one inference by
XNNPACK of the plain and of the encoded file, one thread. Claim: zeros make zipped files smaller; nothing is claimed of
time, which is printed. Exits with 1 when a pruned file zips no smaller than the dense one of its mode.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

import tfcompress as tfc
from tfcompress.backend.tensorflow import set_seed, start_quietly
from tfcompress.export.sparse import encodings

RUNS, WARM_UP = 300, 30
PATTERNS = {
    "weights, 75 %": tfc.PruneLowMagnitude(0.75),
    "blocks of 1 x 4, 75 %": tfc.PruneLowMagnitude(0.75, block_size=(1, 4)),
    "2 of 4, 50 %": tfc.PruneLowMagnitude(0.5, m_by_n=(2, 4)),
    "whole filters zero, 75 %": tfc.PruneWeights(0.75, tfc.scores.L2()),
    "filters removed (tree), 75 %": tfc.PruneTree(0.75, levels=("filter",)),
    "tree with all levels, 90 %": tfc.PruneTree(0.9),
}
EXPORTERS = (tfc.Float32(), tfc.Float16(), tfc.DynamicRange(), tfc.Int8())


def interpreters(files: list[Path]) -> list[Interpreter]:
    """Loaded files with an example in each."""
    loaded = []
    for file in files:
        interpreter = Interpreter(str(file), num_threads=1)
        interpreter.allocate_tensors()
        (details,) = interpreter.get_input_details()
        interpreter.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
        loaded.append(interpreter)
    return loaded


def medians_ms(files: list[Path]) -> list[float]:
    """Median time of one run of each file; they take turns, so that a busy moment touches all."""
    loaded = interpreters(files)
    times: list[list[float]] = [[] for _ in loaded]
    for number in range(WARM_UP + RUNS):
        for interpreter, found in zip(loaded, times, strict=True):
            begin = time.perf_counter()
            interpreter.invoke()
            if number >= WARM_UP:
                found.append((time.perf_counter() - begin) * 1000)
    return [statistics.median(found) for found in times]


def main() -> int:
    """Prints the table and gives the exit code."""
    start_quietly()
    set_seed(0)
    data = tfc.Digits()
    fit = tfc.KerasFit(data, epochs=10)
    dense = tfc.Train().apply(tfc.simple_cnn(data.input_shape), fit)
    models = {"dense": dense} | {name: technique.apply(dense, fit) for name, technique in PATTERNS.items()}
    inputs, labels = data.model_inputs(data.test.inputs), data.test.targets
    print("| pattern | accuracy | mode | raw B | zipped B | sparse raw B | sparse zipped B | ms | sparse ms |")
    print("|---|---|---|---|---|---|---|---|---|")
    missed, whole = 0, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in models.items():
            accuracy = float((model(inputs).numpy().argmax(-1) == labels).mean())
            for exporter in EXPORTERS:
                plain, sparse = Path(folder) / "plain.tflite", Path(folder) / "sparse.tflite"
                exporter.convert(model, data, plain)
                of_plain, of_sparse = encodings(plain, sparse)
                times = medians_ms([plain] if of_sparse.refused else [plain, sparse])
                whole.setdefault(exporter.mode, of_plain.zipped_bytes)
                missed += name != "dense" and of_plain.zipped_bytes >= whole[exporter.mode]
                encoded = f"{of_sparse.raw_bytes:,} | {of_sparse.zipped_bytes:,}"
                if of_sparse.refused:
                    encoded = f"refused: {of_sparse.refused[:60]} | "
                slower = f"{times[1]:.4f}" if len(times) > 1 else ""
                print(
                    f"| {name} | {accuracy:.2%} | {exporter.mode} | {of_plain.raw_bytes:,} | "
                    f"{of_plain.zipped_bytes:,} | {encoded} | {times[0]:.4f} | {slower} |",
                    flush=True,
                )
    print(f"\n{len(labels)} test images; medians of {RUNS} runs, one thread, XNNPACK.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
