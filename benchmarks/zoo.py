"""What each recipe comes to on real data: one table of all of them, made by one command.

    python benchmarks/zoo.py [--data-dir ../shared/data] [--out runs/zoo] [--rows a,b] [--table docs/zoo.md] [--smoke]

Each row is a recipe, run by its own command in a process of its own; what an earlier call has finished is not done
again. `--table` alone, with no row to run (`--rows none`), writes the page of what is there. A row without its data is
in the table as "not run", and why. Exits with 1 when a run ended in an error or its verdict is "fail".
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NAB = "timeseries/nab"
MODELS = "benchmarks/zoo_models.py"
# By row: the recipe, its settings with DATA for the data folder, what must be there, and the task in words.
ROWS: dict[str, tuple[str, tuple[str, ...], str, str]] = {
    "digits": ("digits", (), "", "handwritten digits"),
    "speech": (
        "keyword_spotting",
        ("data=DATA/speech/fsdd.npz", "from_sound=true"),
        "speech/fsdd.npz",
        "spoken digits",
    ),
    "speech, a new speaker": (
        "keyword_spotting",
        ("data=DATA/speech/fsdd.npz", "held_out=theo"),
        "speech/fsdd.npz",
        "spoken digits of a speaker who was not trained on",
    ),
    "speech, convolutions over time": (
        "keyword_spotting",
        ("data=DATA/speech/fsdd.npz", "network=conv1d"),
        "speech/fsdd.npz",
        "spoken digits",
    ),
    "speech, a GRU": (
        "keyword_spotting",
        ("data=DATA/speech/fsdd.npz", "network=gru"),
        "speech/fsdd.npz",
        "spoken digits",
    ),
    "intents": (
        "text_intents",
        ("data=DATA/text/banking77_train.csv",),
        "text/banking77_train.csv",
        "customers' questions, 77 intents",
    ),
    "slots": ("text_slots", ("data=DATA/text/snips",), "text/snips", "intent, and a slot for each word"),
    "forecast": (
        "forecast_csv",
        (f"data=DATA/{NAB}/realKnownCause/nyc_taxi.csv",),
        f"{NAB}/realKnownCause/nyc_taxi.csv",
        "the next of taxi passengers",
    ),
    "anomalies": (
        "anomaly_csv",
        (f"data=DATA/{NAB}/artificialWithAnomaly", f"spans=DATA/{NAB}/combined_windows.json"),
        f"{NAB}/combined_windows.json",
        "unusual days in six series",
    ),
    "images": ("cifar10", ("data_dir=DATA/tfds",), "tfds/cifar10", "CIFAR-10 (JPEG copy), ten classes"),
    "resnet8": (
        MODELS,
        ("model=resnet8_cifar10", "models_dir=MODELS", "data_dir=DATA/tfds", "num_examples=1000"),
        "../models/mlperf_tiny/resnet8_cifar10.h5",
        "CIFAR-10, MLPerf Tiny's model as it comes",
    ),
    "vww": (
        MODELS,
        ("model=mobilenet_vww", "models_dir=MODELS", "data_dir=DATA/tfds"),
        "../models/mlperf_tiny/mobilenet_vww.h5",
        "is there a person, MLPerf Tiny's model",
    ),
    "emotion": (
        MODELS,
        ("model=mini_xception", "models_dir=MODELS", "data_dir=DATA/tfds"),
        "../models/emotion/fer2013_mini_xception.h5",
        "seven emotions of a face",
    ),
    "dtln": (MODELS, ("model=dtln", "models_dir=MODELS"), "../models/dtln/model.h5", "noise suppression, one frame"),
}
# Rows whose inputs are not the model's own: there is nothing to be right about.
WITHOUT_DATA = {
    "vww": "images of CIFAR-10, enlarged",
    "emotion": "images of CIFAR-10, enlarged",
    "dtln": "noise that swells",
}
NETWORKS = {  # of rows whose recipe has a function for it
    "intents": "text_cnn",
    "slots": "text_tagger",
    "images": "simple_cnn",
    "resnet8": "ResNet-8",
    "vww": "MobileNetV1 0.25",
    "emotion": "mini Xception",
    "dtln": "two LSTMs of one step",
}
HEADS = (
    *("task", "data", "network, parameters", "metric", "float, Keras", "file", "its metric", "bytes", "zipped", "ms"),
    "refused by the GPU",
)


def command_of(row: str, data_dir: Path) -> list[str]:
    """What a user types for a row, after `tfcompress`."""
    recipe, settings, _, _ = ROWS[row]
    places = {"=DATA": f"={data_dir}", "=MODELS": f"={data_dir.parent / 'models'}"}
    for name, place in places.items():
        settings = tuple(each.replace(name, place) for each in settings)
    return ["recipe", recipe, *(part for each in settings for part in ("--set", each))]


def run(row: str, options: argparse.Namespace) -> bool:
    """Runs a row, and says whether it ended well."""
    needed = options.data_dir / ROWS[row][2]
    folder = folder_of(row, options.out)
    if not needed.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "not_run.txt").write_text(f"{needed} is not there\n")
        return True
    (folder / "not_run.txt").unlink(missing_ok=True)
    starts = "import sys; from tfcompress.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", starts, *command_of(row, options.data_dir), "--out", str(folder)]
    done = subprocess.run([*command, *(["--smoke"] if options.smoke else [])], cwd=ROOT)
    return done.returncode in (0, 61)  # 61: no check could judge a file


def folder_of(row: str, out: Path) -> Path:
    return out / "".join(letter if letter.isalnum() else "_" for letter in row)


def text(kind: Mapping[str, Any], values: Mapping[str, float]) -> str:
    value = values.get(kind["name"])
    if value is None:
        return "-"
    return f"{value:.2%}" if kind["unit"] == "%" else f"{value:.4g}"


def lines_of(row: str, out: Path) -> list[tuple[str, ...]]:
    """The lines of a row: a file each."""
    _, _, _, task = ROWS[row]
    folder = folder_of(row, out)
    why = folder / "not_run.txt"
    if why.exists() or not (folder / "report.json").exists():
        reason = why.read_text().strip() if why.exists() else "no report yet"
        return [(task, "-", "-", "-", f"not run: {reason}", *["-"] * 6)]
    report = json.loads((folder / "report.json").read_text())
    stages, no_data = {stage["name"]: stage for stage in report["stages"]}, row in WITHOUT_DATA
    first = report["stages"][0]
    kinds = headlines(first)
    lines = []
    for number, file in enumerate(report["files"]):
        stage = stages[file["stage"]]
        findings = list(file["findings"].values())
        metrics = next((seen["metrics"] for seen in findings if seen["metrics"]), {})
        latency = next((seen["latency"] for seen in findings if seen["latency"]), None)
        network = f"{stage['measurement']['num_parameters']:,}"
        if not number:
            network = f"{NETWORKS.get(row, first['start'])}, {network}"
        lines.append(
            (
                task if not number else "",
                ""
                if number
                else WITHOUT_DATA[row]
                if no_data
                else f"{report['data']}, {first['num_examples']:,} in the test",
                network,
                "" if number else "not run: no data" if no_data else " / ".join(kind["name"] for kind in kinds),
                "-" if no_data else " / ".join(text(kind, stage["metrics"]) for kind in kinds),
                f"{file['stage']} {file['mode']}",
                "-" if no_data else " / ".join(text(kind, metrics) for kind in kinds),
                f"{file['raw_bytes']:,}",
                f"{file['zipped_bytes']:,}",
                f"{latency['median_ms']:.3f}" if latency else "-",
                refused(findings),
            )
        )
    return lines


def headlines(stage: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The headline metric, and the first one of each other output; RMSE beside MAE."""
    outputs = stage["outputs"]
    kinds = stage["metric_kinds"]
    if len(outputs) > 1:
        return [next(kind for kind in kinds if kind["name"].startswith(f"{name} ")) for name in outputs]
    return [kinds[0], *(kind for kind in kinds[1:] if kind["name"] == "RMSE")]


def refused(findings: Iterable[Mapping[str, Any]]) -> str:
    gpu = next((seen for seen in findings if seen["check"] == "gpu"), None)
    if gpu is None or gpu["status"] == "not run":
        return "not run"
    return ", ".join(dict.fromkeys(refusal["op"] for refusal in gpu["refusals"])) or gpu["status"]


def page(out: Path, data_dir: Path) -> str:
    """The table, in Markdown, with the command of each row."""
    rows = {row: lines_of(row, out) for row in ROWS}
    reports = [path for row in ROWS if (path := folder_of(row, out) / "report.json").exists()]
    machines = {json.loads(path.read_text())["machine"].get("cpu", "") for path in reports} - {""}
    drawn = [HEADS, ["---"] * len(HEADS), *(line for lines in rows.values() for line in lines)]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in drawn)
    commands = "\n".join(f"tfcompress {shlex.join(command_of(row, data_dir))}" for row in ROWS)
    models = str(data_dir.parent / "models")
    told = "; ".join(sorted(machines)) or "a machine that did not say what it is"
    parts = (
        "# The zoo",
        "Written by `python benchmarks/zoo.py --table docs/zoo.md`. One seed each. Metrics are those of the test "
        "split: of the Keras model, and of the file as XNNPACK runs it; bytes include names of classes, words and all "
        f"else that a file says of itself. ms: one example, one thread, median, on {told}, which other processes used "
        'too. "pass" in the last column: the GPU delegate takes all of the file and gives what the CPU gives.',
        table,
        "## The command of each row",
        "DATA is a folder of real data for development, and MODELS one of models that others made; neither comes with "
        "tfcompress, and benchmarks/ is in the source alone. [speech.md](speech.md), "
        "[text.md](text.md) and [series.md](series.md) have the commands for your own.",
        f"```text\n{commands.replace(str(data_dir), 'DATA').replace(models, 'MODELS')}\n```",
    )
    return "\n\n".join(parts) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "zoo")
    parser.add_argument("--rows", default=",".join(ROWS), help='of the table, or "none"; a comma in a name is a space')
    parser.add_argument("--table", type=Path)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    options.data_dir, options.out = options.data_dir.resolve(), options.out.resolve()
    asked = list(ROWS) if options.rows == parser.get_default("rows") else options.rows.split(",")
    known = {row.replace(",", ""): row for row in ROWS}
    unknown = [row for row in asked if row not in {*known, *ROWS, "none"}]
    if unknown:
        parser.error(f"--rows must be some of {', '.join(known)}, or none. Received: {unknown[0]!r}.")
    ended_well = [run(known.get(row, row), options) for row in asked if row != "none"]
    if options.table:
        options.table.write_text(page(options.out, options.data_dir), encoding="utf-8")
    return 0 if all(ended_well) else 1


if __name__ == "__main__":
    sys.exit(main())
