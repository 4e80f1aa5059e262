"""What following the advisor brings: ten tiny models with a planted fault each, before and after.

    python benchmarks/advisor.py --write

writes docs/advisor_table.md. Latencies are of this machine, one thread; all else repeats bit by bit.
"""

import argparse
import logging
import platform
import statistics
import tempfile
from pathlib import Path

import advisor_models as models
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

import tfcompress as tfc
from tfcompress.advising.gathering import gather
from tfcompress.backend.native import captured_stderr
from tfcompress.backend.tensorflow import start_quietly
from tfcompress.delegates.latency import measure
from tfcompress.inspecting.tflite.reading import read_tflite
from tfcompress.running.report import markdown_table

PAGE = Path(__file__).parents[1] / "docs" / "advisor_table.md"
HEADS = ("planted fault", "first sentence of the advisor", "what it says to do", "figure", "before", "after", "named")
ROUNDS = 5  # of latency, of which the median counts: other processes use the machine too
PLAIN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def exported(case, folder):
    """The case's file, and what is known of it."""
    path = folder / "model.tflite"
    case.exporter.convert(case.model, case.data, path)
    return path, gather(case.model, case.data, None, path, read_tflite(path), case.exporter.mode)


def figure(case, what, path, evidence):
    """The figure that shows the fault, as a number."""
    if what == models.DB:
        return evidence.predictions_db
    if what == models.BYTES:
        return evidence.zipped_bytes
    if what == models.ACCURACY:
        inputs, targets = case.data.test.batch(range(len(case.data.test)))
        return 100 * float(np.mean(case.model.predict(inputs, verbose=0).argmax(-1) == targets))
    with captured_stderr():
        settings = {"experimental_op_resolver_type": PLAIN} if what == models.MS_BUILTIN else {}
        run = Interpreter(str(path), num_threads=1, **settings)
        run.allocate_tensors()
    return statistics.median(measure(run.invoke, 1).median_ms for _ in range(ROUNDS))


def text(what, value):
    return {models.DB: f"{value:.1f}", models.BYTES: f"{value:,}", models.ACCURACY: f"{value:.1f} %"}.get(
        what, f"{value:.4f}"
    )


def row(name, folder):
    """A line of the table, whether the fault was named, and whether the figure became better."""
    case = models.case(name)
    path, evidence = exported(case, folder)
    first = next(iter(tfc.advise(case.model, case.data, path, mode=case.exporter.mode)), None)
    named = first is not None and first.cause == case.cause and case.named in first.sentence
    before = figure(case, case.figure, path, evidence)
    mended = models.followed(case)
    after = figure(mended, case.figure, *exported(mended, folder))
    higher = case.figure in (models.DB, models.ACCURACY)
    better = after > before if higher else after < before
    told = ("nothing", "") if first is None else (first.sentence, first.follow)
    cells = (name, *told, case.figure, text(case.figure, before), text(case.figure, after), "yes" if named else "no")
    return cells, named, better


def page(lines, num_named, num_better, num_silent):
    """docs/advisor_table.md."""
    return "\n\n".join(
        [
            "# What the advisor says of planted faults",
            "    python benchmarks/advisor.py --write",
            "Ten tiny models, untrained or trained for a few steps, each with one fault that was put there "
            "(benchmarks/advisor_models.py); what `tfc.advise` says of each first; and the figure that shows the "
            "fault, before and after it was followed. dB: SQNR of the file's predictions against its own model's, "
            "centred, on 32 test examples. Where it says to train on, the change was made in an untrained model: what "
            "is shown is the figure named, not an accuracy after training. Latency: one thread, XNNPACK where nothing "
            f"else is said, median of {ROUNDS} medians, on {platform.machine()} with other processes at work.",
            f"The first sentence names the fault in {num_named} of {len(lines)}; the figure is better in {num_better} "
            f"of {len(lines)}. Of {len(models.HEALTHY)} healthy models that look like these "
            f"({', '.join(models.HEALTHY)}), nothing is said of {num_silent}.",
            markdown_table(HEADS, lines),
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write docs/advisor_table.md")
    options = parser.parse_args()
    start_quietly()
    logging.getLogger("tfcompress").setLevel(logging.ERROR)  # that the files are rough is meant
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [row(each, folder) for each in models.CASES]
        silent = 0
        for each in models.HEALTHY:
            case = models.healthy(each)
            path, _ = exported(case, folder)
            silent += tfc.advise(case.model, case.data, path) == ()
    found = page(
        [cells for cells, _, _ in rows],
        sum(named for _, named, _ in rows),
        sum(better for _, _, better in rows),
        silent,
    )
    print(found)
    if options.write:
        PAGE.write_text(found + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
