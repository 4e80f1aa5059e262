"""python benchmarks/start_up.py: `--help` beside `import tensorflow`, medians of fresh processes in one run.

Claim: help comes in at most a tenth of the time that importing TensorFlow takes. Exits with 1 when it does not.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 7
COMMANDS = {
    "import tensorflow": ["-c", "import tensorflow"],
    "tfcompress --help": [str(Path(sys.executable).with_name("tfcompress")), "--help"],
    "--help": ["-m", "tfcompress.recipe", "--help"],
    "--list": ["-m", "tfcompress.recipe", "--list"],
    "cifar10 --help": ["-m", "tfcompress.recipe", "cifar10", "--help"],
}
AT_MOST = 0.1


def seconds(arguments: list[str]) -> float:
    """Wall-clock time of one fresh process."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - begin


def main() -> int:
    """Prints the table and gives the exit code."""
    times = {name: [] for name in COMMANDS}
    for _ in range(RUNS):  # in turn, so that a busy moment of the machine touches all of them
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
    medians = {name: statistics.median(found) for name, found in times.items()}
    peer = medians["import tensorflow"]
    print(f"| command | median of {RUNS}, s | of import tensorflow |\n|---|---|---|")
    for name, median in medians.items():
        print(f"| {name} | {median:.3f} | {median / peer:.3f} |")
    return 0 if max(medians["tfcompress --help"], medians["--help"]) <= AT_MOST * peer else 1


if __name__ == "__main__":
    sys.exit(main())
