"""Nine tasks on real data, each by 15 lines of a user's code at most: trained, compressed, exported and checked.

    python benchmarks/tasks.py [--data-dir ../shared/data] [--rows a,b] [--out runs/tasks] [--smoke] [--table FILE]

Each row trains a small float model, exports it as float32, float16, dynamic range and int8, then prunes it, removes
channels, trains it quantization-aware, and removes channels with the float model as the teacher; every file is run on
three kernel sets of the CPU and on the GPU. A step that a fault stops is in the table with that fault, and the row goes
on; so it does when a step ends the Python that runs it. A finished step is kept in `--out` and not done again.

Writes a table in Markdown, and its figures as .json beside it. Exits with 1 when a step failed, when a file's verdict
is no "pass", or when int8 after training is more than 2 % worse than the float model.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tasks_rows import ROWS

ROOT = Path(__file__).resolve().parents[1]
CHECKS = ("cpu-xnnpack", "cpu-builtin", "cpu-reference", "gpu")
STEPS = ("after training", "pruned", "channels", "aware", "distilled")
TECHNIQUES = {
    "pruned": "PruneLowMagnitude(0.5)",
    "channels": "PruneChannels(0.3)",
    "aware": "QuantizeAware()",
    "distilled": "PruneChannels(0.3), the float model as the teacher",
}
ALLOWED = 0.02  # of the headline metric of the float model: what int8 may lose
MUCH = 0.1  # likewise, of what techniques lose: more is told


def how_of(step: str, smoke: bool) -> dict[str, Any]:
    """What `tfc.compress` is told in a step, beside the row's own code."""
    import tfcompress as tfc

    every = [tfc.Float32(), tfc.Float16(), tfc.DynamicRange(), tfc.Int8()]
    techniques: dict[str, list[Any]] = {
        "after training": [],
        "pruned": [tfc.PruneLowMagnitude(0.5)],
        "channels": [tfc.PruneChannels(0.3)],
        "aware": [tfc.QuantizeAware()],
        "distilled": [tfc.PruneChannels(0.3)],
    }
    return {
        "techniques": techniques[step],
        "exports": [tfc.Int8()] if techniques[step] else every,
        "distil": step == "distilled",
        "checks": [tfc.CpuXnnpack()] if smoke else None,
        "verbose": 0,
    }


def work(row: str, options: argparse.Namespace) -> None:
    """All of a row's steps that are not done yet, in this process; what each has found is written as it ends."""
    from tfcompress.backend.tensorflow import set_seed, start_quietly

    start_quietly()
    rows = importlib.import_module(f"tasks_rows.{row}")
    folder = options.out / row
    train, test = rows.read(options.data_dir, options.smoke)
    path = folder / "model.keras"
    if not path.exists():
        begin = time.monotonic()
        set_seed(0)
        rows.keras.utils.set_random_seed(0)
        rows.trained(train, options.smoke).save(folder / "part.keras")
        (folder / "part.keras").rename(path)
        write(folder / "model.json", {"seconds": round(time.monotonic() - begin)})
    for step in STEPS:
        if (folder / f"{step}.json").exists():
            continue
        write(folder / "now.json", {"step": step})
        begin = time.monotonic()
        model = rows.keras.models.load_model(path, compile=False)
        how = how_of(step, options.smoke)
        epochs = 1 if options.smoke else rows.EPOCHS
        run = folder / "runs" / step.replace(" ", "_")
        shutil.rmtree(run, ignore_errors=True)
        try:
            small = rows.compress(model, train, test, how.pop("techniques"), epochs, out=run, name=row, **how)
            found = figures(small.report)
        except Exception as error:
            (folder / f"{step}.log").write_text(traceback.format_exc())
            found = {"fault": f"{type(error).__name__}: {first_line(error)}"}
        write(folder / f"{step}.json", {**found, "seconds": round(time.monotonic() - begin)})
        print(f"{row}: {step}: {found.get('fault') or found['verdict']}", flush=True)


def figures(report: Any) -> dict[str, Any]:
    """What the table needs of a report."""
    first, last = report.stages[0], report.stages[-1]
    heads = [f"{output} " for output in first.outputs] if len(first.outputs) > 1 else []
    of_heads = [[kind for kind in first.metric_kinds if kind.name.startswith(head)][:1] for head in heads]
    kinds = dict.fromkeys((first.metric_kinds[0], *(kind for found in of_heads for kind in found)))
    return {
        "verdict": report.verdict,
        "failures": [*report.failures, *report.not_judged],
        "metrics": [dataclasses.asdict(kind) for kind in kinds],  # the headline, and the first one of each other output
        "float": dict(first.metrics),
        "parameters": first.measurement.num_parameters,
        "keras": dict(last.metrics),
        "parameters after": last.measurement.num_parameters,
        "remarks": [first_line(remark) for stage in report.stages for remark in stage.remarks],
        "files": [
            {
                "stage": file.stage,
                "mode": file.variant.removeprefix(f"{file.stage} "),
                "bytes": file.raw_bytes,
                "zipped": file.zipped_bytes,
                "metrics": next((dict(seen.metrics) for seen in file.findings.values() if seen.metrics), {}),
                "checks": {seen.check: "refused" if seen.refusals else seen.status for seen in file.findings.values()},
                "reasons": {seen.check: seen.reason for seen in file.findings.values() if seen.reason},
                "devices": {seen.check: seen.device for seen in file.findings.values() if seen.device},
            }
            for file in report.files
        ],
    }


def first_line(value: Any) -> str:
    """As much of a message as fits into a table."""
    told = next(iter(str(value).strip().splitlines()), "")
    return told if len(told) <= 240 else f"{told[:240]}..."


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=1) + "\n")
    part.rename(path)


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def run_row(row: str, options: argparse.Namespace) -> None:
    """A row in processes of its own: where one dies, its step is marked, and the next process goes on behind it."""
    folder = options.out / row
    folder.mkdir(parents=True, exist_ok=True)
    flags = ["--data-dir", str(options.data_dir), "--out", str(options.out), *(["--smoke"] if options.smoke else [])]
    while any(not (folder / f"{step}.json").exists() for step in STEPS):
        (folder / "now.json").unlink(missing_ok=True)
        with (folder / "log").open("a") as log:
            command = [sys.executable, str(Path(__file__).resolve()), "--work", row, *flags]
            ended = subprocess.run(command, stderr=log, stdout=log if options.quiet else None, cwd=ROOT)
        step = read(folder / "now.json").get("step")
        if ended.returncode and step and not (folder / f"{step}.json").exists():
            how = f"signal {-ended.returncode}" if ended.returncode < 0 else f"exit {ended.returncode}"
            write(folder / f"{step}.json", {"fault": f"it ended the Python that ran it ({how})", "seconds": 0})
        elif ended.returncode:
            sys.exit(f"{row}: the float model was not made; see {folder / 'log'}")


def text(kinds: Iterable[Mapping[str, Any]], values: Mapping[str, float]) -> str:
    """The metrics that a row shows, one after another."""
    told = [(kind["unit"], values[kind["name"]]) for kind in kinds if kind["name"] in values]
    return " / ".join(f"{value:.2%}" if unit == "%" else f"{value:.4g}" for unit, value in told) or "-"


def loss_of(metric: Mapping[str, Any], before: float, after: float) -> float:
    """By which share of `before` a value is worse; below 0 where it is better."""
    return (before - after if metric["higher_is_better"] else after - before) / abs(before or 1)


def file_of(step: Mapping[str, Any], mode: str) -> dict[str, Any]:
    """The last stage's file of a mode; empty where there is none."""
    found = [file for file in step.get("files", ()) if file["mode"] == mode]
    return found[-1] if found else {}


def cells(steps: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any], Mapping[str, Any]]]:
    """(step, mode, file, what its step found) of each file that a row should have."""
    first = steps["after training"]
    modes = [("after training", mode, file_of(first, mode), first) for mode in ("float32", "float16", "dynamic_range")]
    return [*modes, *((step, "int8", file_of(steps[step], "int8"), steps[step]) for step in STEPS)]


def checks_of(file: Mapping[str, Any]) -> str:
    """A file's verdicts: "pass" once where the checks agree."""
    seen = {name: status for name, status in file.get("checks", {}).items() if (name, status) != ("kernels", "not run")}
    if not seen:
        return "-"
    return ", ".join(f"{name} {status}" for name, status in seen.items() if status != "pass") or "pass"


def table(rows: Mapping[str, Any]) -> str:
    """The Markdown page."""
    heads = ("Keras", "float32", "float16", "dynamic range", "int8", "pruned", "channels", "aware", "distilled")
    quality, sizes, verdicts = [], [], []
    notes: list[str] = []
    devices = dict.fromkeys(
        file["devices"]["gpu"]
        for steps in rows.values()
        for _, _, file, _ in cells(steps)
        if file.get("devices", {}).get("gpu")
    )
    for steps in rows.values():
        first = next((step for step in steps.values() if isinstance(step, dict) and "metrics" in step), None)
        kinds = first["metrics"] if first else []
        told = [
            "fault" if "fault" in step else text(kinds, file.get("metrics", {})) for _, _, file, step in cells(steps)
        ]
        original = text(kinds, first["float"]) if first else "-"
        names = " / ".join(kind["name"] for kind in kinds)
        parameters = f"{first['parameters']:,}" if first else "-"
        quality.append((steps["task"], steps["data"], parameters, names, original, *told))
        sizes.append(
            (
                steps["task"],
                *(f"{file['bytes']:,} ({file['zipped']:,})" if file else "-" for _, _, file, _ in cells(steps)),
            )
        )
        verdicts.append((steps["task"], *(checks_of(file) for _, _, file, _ in cells(steps))))
        notes.extend(notes_of(steps, first))
    parts = [
        "# Nine tasks on real data",
        "Written by `python benchmarks/tasks.py`; what is behind each row is in `benchmarks/tasks_rows/`. One seed. "
        f"The last four columns are int8 files: {'; '.join(f'{name}: {how}' for name, how in TECHNIQUES.items())}. "
        "What is not quantization-aware becomes int8 after that training.",
        "## The headline metric, on the test split, of the file as XNNPACK runs it",
        drawn(("task", "data", "parameters", "metric", *heads), quality),
        "## Bytes of the file, and zipped",
        drawn(("task", *heads[1:]), sizes),
        "## Verdicts",
        f'"pass": {", ".join(CHECKS)} all gave the outputs of the Keras model, as closely as the task asks. "gpu '
        f'refused": its delegate does not take all operations. The GPU: {"; ".join(devices) or "not run"}.',
        drawn(("task", *heads[1:]), verdicts),
        "## What did not go well",
        "\n".join(f"- {note}" for note in dict.fromkeys(notes)) or "Nothing.",
    ]
    return "\n\n".join(parts) + "\n"


def notes_of(steps: Mapping[str, Any], first: Mapping[str, Any] | None) -> Iterable[str]:
    """Faults, failed checks, what stays in float, and int8 files that lose too much."""
    told: dict[str, list[str]] = {}
    for name in STEPS:
        step = steps[name]
        if "fault" in step:
            told.setdefault(step["fault"], []).append(name)
        for remark in step.get("remarks", ()):
            if "in float" in remark:
                told.setdefault(remark, []).append(name)
        for file in step.get("files", ()):
            label = f"{name} {file['mode']}" if file["stage"] != "original" else f"{file['mode']}"
            for check, why in file["reasons"].items():
                if file["checks"][check] != "pass" and (check, file["checks"][check]) != ("kernels", "not run"):
                    told.setdefault(f"{check}: {first_line(why)}", []).append(label)
        if name in steps.get("why", {}) and step.get("verdict") != "pass":
            told.setdefault(steps["why"][name], []).append(name)
    for why, where in told.items():
        yield f"{steps['task']} ({', '.join(dict.fromkeys(where))}): {why}"
    for step, allowed in {**dict.fromkeys(STEPS, MUCH), "after training": ALLOWED}.items():
        for kind, lost in lost_by_int8(steps, first, step):
            if lost > allowed:
                yield f"{steps['task']} ({step} int8): {kind} is {lost:.1%} worse than the float model's"


def lost_by_int8(
    steps: Mapping[str, Any], first: Mapping[str, Any] | None, step: str = "after training"
) -> Iterable[tuple[str, float]]:
    """What a step's int8 file loses of each metric that a row shows, as a share of the float model's."""
    after = file_of(steps[step], "int8").get("metrics", {})
    for kind in first["metrics"] if first else ():
        name = kind["name"]
        if first and name in after:
            yield name, loss_of(kind, first["float"][name], after[name])


def drawn(heads: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    written = [[cell.replace("|", "\\|") for cell in line] for line in (heads, *lines)]
    rule = ["---"] * len(written[0])
    return "\n".join("| " + " | ".join(line) + " |" for line in (written[0], rule, *written[1:]))


def all_found(options: argparse.Namespace) -> dict[str, Any]:
    """What the rows have found, as far as they have run."""
    rows = {}
    for row in ROWS:
        steps = {step: read(options.out / row / f"{step}.json") for step in STEPS}
        if any(steps.values()):
            told = importlib.import_module(f"tasks_rows.{row}")
            why = getattr(told, "WHY", {})
            rows[row] = {
                "task": told.TASK,
                "data": told.DATA,
                "why": why,
                "model": read(options.out / row / "model.json"),
                **steps,
            }
    return rows


def bad(steps: Mapping[str, Any]) -> bool:
    """Whether a row has a fault, a file that is no "pass", or an int8 file that loses too much."""
    if any(steps[step].get("verdict") != "pass" for step in STEPS):
        return True
    lost = [lost for _, lost in lost_by_int8(steps, steps["after training"])]
    return not lost or max(lost) > ALLOWED


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=ROOT.parent / "shared" / "data", help="default: %(default)s")
    parser.add_argument("--rows", default=",".join(ROWS), help="some of: %(default)s")
    parser.add_argument("--out", type=Path, help="default: runs/tasks, or runs/tasks_smoke")
    parser.add_argument(
        "--smoke", action="store_true", help="few examples, one epoch, one check: whether rows run at all"
    )
    parser.add_argument("--table", type=Path, help="the page to write; default: tasks_table.md in --out")
    parser.add_argument("--quiet", action="store_true", help="each row's output goes into its log")
    parser.add_argument("--work", choices=ROWS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out = (options.out or ROOT / "runs" / ("tasks_smoke" if options.smoke else "tasks")).resolve()
    options.data_dir = options.data_dir.resolve()
    if options.work:
        work(options.work, options)
        return 0
    chosen = options.rows.split(",")
    unknown = set(chosen) - set(ROWS)
    if unknown:
        parser.error(f"--rows must be among {', '.join(ROWS)}. Received: {', '.join(sorted(unknown))}.")
    if not options.data_dir.is_dir():
        parser.error(f"--data-dir must be the folder of the data. Received: {options.data_dir}, which is not there.")
    for row in chosen:
        run_row(row, options)
    found = all_found(options)
    page = options.table or options.out / "tasks_table.md"
    page.write_text(table(found))
    write(page.with_suffix(".json"), found)
    print(f"\n{page.read_text()}")
    return 1 if any(bad(found[row]) for row in chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
