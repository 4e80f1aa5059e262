"""python benchmarks/torch_pruning.py --torch-python PATH: channel removal beside Torch-Pruning, in one run, on the CPU.

Torch-Pruning lives in an environment of its own, made by hand:

    python -m venv /tmp/torch-pruning
    /tmp/torch-pruning/bin/pip install torch torchvision torch-pruning
    python benchmarks/torch_pruning.py --torch-python /tmp/torch-pruning/bin/python

Both get the same three architectures at 224x224 with random weights, score channels by the L2 norm of their group, and
take the same share of each layer. Torch-Pruning removes --ratio of each; the share here is then searched for (untimed)
so that as many multiply-accumulates of convolutions and dense layers are left, in absolute numbers. Timed is what
either does from a model in memory to a smaller one: graph, scores, choice, removal. Torch-Pruning cuts its model where
it is, tfcompress makes another one. They take turns, so that whatever else the machine does meets both. The median of
--repeats, after one that is not counted, and the least.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tfcompress.backend.tensorflow import keras, start_quietly, tf
from tfcompress.graph.dependencies import channel_graph
from tfcompress.measuring.measure import measure
from tfcompress.pruning import channel_criteria as criteria
from tfcompress.pruning.removal.candidates import Candidate, Plan
from tfcompress.pruning.removal.greedy import PER_LAYER, choose
from tfcompress.pruning.removal.removal import remove_groups
from tfcompress.pruning.removal.scoring import scores_of
from tfcompress.running.versions import machine, versions

NAMES = ("MobileNetV2", "ResNet50", "DenseNet121")
HEADER = (
    *("architecture", "MACs before, Torch-Pruning", "after", "MACs before, tfcompress", "after", "difference"),
    *("seconds, Torch-Pruning", "least", "seconds, tfcompress", "least", "ratio"),
)


def share_for(model: Any, num_macs: int) -> float:
    """The share of each layer's channels that leaves the nearest to `num_macs`."""
    plan = Plan(model, channel_graph(model))
    scored = scores_of(plan, plan.graph.families, criteria.L2(), 0)

    def left(share: float) -> int:
        return Candidate(plan, frozenset(choose(scored, share, PER_LAYER))).num_macs

    low, high = 0.0, 1.0
    for _ in range(16):
        middle = (low + high) / 2
        low, high = (middle, high) if left(middle) > num_macs else (low, middle)
    return min((low, high), key=lambda share: abs(left(share) - num_macs))


def prune(model: Any, share: float) -> tuple[Any, float]:
    """A smaller model, and the seconds it took to make."""
    started = time.perf_counter()
    plan = Plan(model, channel_graph(model))
    scored = scores_of(plan, plan.graph.families, criteria.L2(), 0)
    smaller = remove_groups(model, plan.graph, choose(scored, share, PER_LAYER))
    return smaller, time.perf_counter() - started


class Side:
    """Torch-Pruning in a process of its own, for one architecture."""

    def __init__(self, name: str, options: argparse.Namespace):
        side = Path(__file__).with_name("torch_pruning_side.py").read_text(encoding="utf-8")
        # Not as a file beside this one: there `import torch_pruning` would find this file.
        command = [options.torch_python, "-c", side, name, str(options.ratio), str(options.threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.home()
        )

    def pruned(self) -> dict[str, Any]:
        """What one more run found."""
        print(file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"torch_pruning_side.py ended with exit code {self.process.wait()}.")
        return json.loads(line)

    def end(self) -> None:
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait()


def row(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """One architecture, by both."""
    side = Side(name, options)
    theirs = [side.pruned()]
    model = getattr(keras.applications, name)(weights=None, classifier_activation=None)
    before = measure(model).num_macs
    share = share_for(model, theirs[0]["after"])
    ours = []
    for number in range(options.repeats + 1):
        if number:
            theirs.append(side.pruned())
        gc.collect()
        smaller, spent = prune(model, share)
        ours.append(spent)
        after = measure(smaller).num_macs
        del smaller
    side.end()
    times = {"torch": [found["seconds"] for found in theirs[1:]], "ours": ours[1:]}
    return {"name": name, "torch": theirs[0], "before": before, "after": after, "times": times}


def line(found: dict[str, Any]) -> str:
    """A row of the table, in millions of multiply-accumulates."""
    torch, (theirs, ours) = found["torch"], found["times"].values()
    macs = (torch["before"], torch["after"], found["before"], found["after"])
    cells = [found["name"], *(f"{count / 1e6:,.1f} M" for count in macs), f"{found['after'] / torch['after'] - 1:+.2%}"]
    cells += [f"{seconds:.3f}" for times in (theirs, ours) for seconds in (statistics.median(times), min(times))]
    return "| " + " | ".join([*cells, f"{ratio(found):.2f}x"]) + " |"


def ratio(found: dict[str, Any]) -> float:
    """Torch-Pruning's median time over ours."""
    return statistics.median(found["times"]["torch"]) / statistics.median(found["times"]["ours"])


def main() -> int:
    """Prints the table; exit code 1 when work differs by more than 1 %, or Torch-Pruning is the faster."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"defaults to {', '.join(NAMES)}")
    parser.add_argument("--torch-python", required=True, help="the interpreter that has torch-pruning")
    parser.add_argument("--ratio", type=float, default=0.3, help="of channels that Torch-Pruning removes")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1, help="of either framework; 1 is the steadiest")
    parser.add_argument("--out", type=Path, help="a file for the table")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    start_quietly()
    rows = []
    for name in options.names or NAMES:
        rows.append(row(name, options))
        print(line(rows[-1]), flush=True)
        keras.backend.clear_session()
    table = "\n".join(["| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|", *map(line, rows)])
    others = {"torch": rows[0]["torch"]["torch"], "torch-pruning": rows[0]["torch"]["torch_pruning"]}
    text = (
        f"{table}\n\nMedian of {options.repeats} after one more, {options.threads} thread(s). Versions: "
        f"{versions() | others}. Machine: {machine()}.\n"
    )
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    apart = any(abs(found["after"] / found["torch"]["after"] - 1) > 0.01 for found in rows)
    return int(apart or any(ratio(found) < 1 for found in rows))


if __name__ == "__main__":
    sys.exit(main())
