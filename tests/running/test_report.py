import dataclasses
import json

import pytest

from tfcompress.core.tasks.task import ACCURACY, MetricKind
from tfcompress.core.types import SPARSITY, Advice, Agreement, Finding, Latency, Promise, Refusal
from tfcompress.measuring.measure import Measurement
from tfcompress.measuring.promises import Verdict
from tfcompress.running.records import FileRecord, StageRecord, findings_from_json, stage_from_json
from tfcompress.running.report import (
    Report,
    _share,
    headings,
    headline,
    markdown_table,
    report_from_json,
    rows,
    to_markdown,
    write,
)
from tfcompress.running.store import Store

LATENCY = Latency(0.25, 0.5, 1000, 1)
AGREED = {"keras": {"logits": Agreement(31.7, 0.9991, 0.5, 0.9972)}}
METRICS = {"accuracy": 0.975}
PASSED = Finding("cpu-xnnpack", "pass", "", "", "a CPU", 360, METRICS, AGREED, LATENCY, 2**20, 7, 6)
BUILTIN = Finding("cpu-builtin", "pass", num_examples=360, metrics=METRICS)
WRONG = Finding("cpu-builtin", "fail", "top-1 agreement with keras is 50.0%")
NO_GPU = Finding("gpu", "not run", "no driver was found", "Run scripts/install_software_gpu.")
REFUSED = Finding("gpu", "fail", "refused", refusals=(Refusal("GATHER", "not supported"), Refusal("X", "neither")))


def stage(name="baseline", **changes):
    measurement = Measurement(13_706, 20_000, (), 0.0, {}, False)
    record = StageRecord(
        *(name, "key", "Train()", {}, "simple_cnn", 1_320, 12.4, {"accuracy": 0.9812}, 360, measurement),
        *({}, (), (), {}),
        metric_kinds=(ACCURACY,),
        outputs=("logits",),
    )
    return dataclasses.replace(record, **changes)


def file(stage="baseline", mode="float32", raw=60_000, zipped=50_000, findings=(PASSED,), **changes):
    named = {str(position): finding for position, finding in enumerate(findings)}
    record = FileRecord(stage, mode, f"tflite/{stage}-{mode}.tflite", "key", "sha", raw, zipped, 0.25, (), named)
    return dataclasses.replace(record, **changes)


def report(files=(), stages=None):
    stages = stages or (stage(), stage("pruned"))
    return Report(
        recipe="digits",
        title="A tour",
        data="scikit-learn digits",
        settings={"epochs": 60},
        versions={"python": "3.11"},
        machine={"cpu": "fast"},
        command="python -m tfcompress.recipe digits",
        seconds=61.7,
        stages=tuple(stages),
        files=tuple(files),
    )


def row(**changes):
    found = report([file(**changes)])
    return dict(zip(headings(found), rows(found)[0], strict=True))


def test_a_row_tells_the_file():
    assert row() == {
        "variant": "baseline float32",
        "accuracy, Keras": "98.12%",
        "accuracy, TFLite": "97.50%",
        "raw bytes": "60,000",
        "zipped bytes": "50,000",
        "parameters": "13,706",
        "MACs": "20,000",
        "sparsity": "25.0%",
        "latency, ms (p90)": "0.250 (0.500)",
        "CPU": "pass (1 of 1)",
        "GPU": "not run",
    }


def test_remarks_stand_with_their_stage_and_file():
    text = to_markdown(report([file(remarks=("too few examples.",))], [stage(remarks=("a tree:\nroot",))]))
    assert "\n- baseline float32: too few examples.\n" in text
    assert "\n- baseline: a tree:\n\n```\nroot\n```\n" in text


def test_there_is_a_row_a_file_in_order():
    files = [file(), file("pruned", "int8"), file("pruned", "float16")]
    assert [cells[0] for cells in rows(report(files))] == ["baseline float32", "pruned int8", "pruned float16"]


@pytest.mark.parametrize(
    ("findings", "cpu", "gpu"),
    [
        ((), "not run", "not run"),
        ((PASSED, BUILTIN), "pass (2 of 2)", "not run"),
        ((PASSED, WRONG), "builtin fail", "not run"),
        ((PASSED, dataclasses.replace(BUILTIN, status="not run")), "builtin not run", "not run"),
        ((NO_GPU,), "not run", "not run"),
        ((PASSED, NO_GPU), "pass (1 of 1)", "not run"),
        ((PASSED, REFUSED), "pass (1 of 1)", "refused (2 ops)"),
        ((PASSED, Finding("gpu", "pass")), "pass (1 of 1)", "pass"),
        ((PASSED, Finding("gpu", "fail", "other answers")), "pass (1 of 1)", "fail"),
    ],
)
def test_cpu_and_gpu_are_told_apart_and_not_run_is_never_a_pass(findings, cpu, gpu):
    cells = row(findings=findings)
    assert (cells["CPU"], cells["GPU"]) == (cpu, gpu)


def test_what_was_not_measured_is_not_available():
    cells = row(findings=(dataclasses.replace(PASSED, status="not run", metrics={}, latency=None),))
    assert (cells["accuracy, TFLite"], cells["latency, ms (p90)"]) == ("not available", "not available")


def test_the_headline_sets_the_smallest_zipped_file_beside_the_first():
    small = dataclasses.replace(PASSED, metrics={"accuracy": 0.97})
    files = [
        file(raw=60_000, zipped=50_000),
        file("pruned", "int8", raw=16_000, zipped=5_000, findings=(small,)),
        file("pruned", "float16", raw=10_000, zipped=9_000),
    ]
    # 60/16 = 3.75, to one digit 3.8 (half to even); 50/5 = 10; 97.0 - 97.5
    assert headline(report(files)) == (
        "pruned int8 against baseline float32: 3.8x smaller, 10.0x smaller zipped, accuracy -0.50 points"
    )


def test_the_headline_claims_no_accuracy_that_was_not_measured():
    files = [file(), file("pruned", "int8", raw=30_000, zipped=25_000, findings=())]
    assert headline(report(files)) == "pruned int8 against baseline float32: 2.0x smaller, 2.0x smaller zipped"


@pytest.mark.parametrize(
    ("raw", "zipped", "said"),
    [
        (120_000, 50_000, "2.0x larger, as large zipped"),
        (61_000, 20_000, "as large, 2.5x smaller zipped"),
        (40_000, 75_000, "1.5x smaller, 1.5x larger zipped"),
    ],
)
def test_a_larger_file_is_said_to_be_larger(raw, zipped, said):
    files = [file(raw=60_000, zipped=50_000), file("pruned", "int8", raw=raw, zipped=zipped, findings=())]
    assert headline(report(files)) == f"pruned int8 against baseline float32: {said}"


@pytest.mark.parametrize("files", [[], [file()]])
def test_one_file_has_no_headline(files):
    assert headline(report(files)) == ""


FULL = report(
    [file(findings=(PASSED, WRONG, NO_GPU, REFUSED))],
    [stage(promises=(Promise(SPARSITY, 0.5),), verdicts=(Verdict(SPARSITY, 0.5, 0.25, False),)), stage("pruned")],
)


def test_markdown_opens_with_the_verdict_and_the_table_and_ends_with_the_promises():
    lines = to_markdown(FULL).splitlines()
    assert lines[:3] == ["# digits: fail", "", "A tour"]
    assert lines[4].startswith("| variant | accuracy, Keras |")
    assert lines[6].startswith("| baseline float32 | 98.12% |")
    assert "## Promised and measured" in lines[-8:]
    assert "| baseline (Keras) | sparsity | 50.00% | 25.00% | broken |" in lines[-8:]


def test_markdown_says_why_the_verdict_is_fail():
    text = to_markdown(FULL)
    why = text.partition("## Why the verdict is fail")[2].partition("## Checks")[0].split("\n- ")[1:]
    assert [line.strip() for line in why] == [
        "baseline: promised sparsity >= 0.5, measured 0.25",
        "tflite/baseline-float32.tflite: cpu-builtin: top-1 agreement with keras is 50.0%",
    ]


def test_markdown_tells_what_was_not_run_with_reason_and_fix_and_what_was_refused():
    text = to_markdown(FULL)
    assert "- gpu: no driver was found Run scripts/install_software_gpu." in text
    assert "- gpu refused GATHER: not supported" in text
    assert "| gpu | not run | - |" in text


def test_markdown_tells_how_it_was_made():
    text = to_markdown(FULL)
    assert "Made by `python -m tfcompress.recipe digits` in 62 s." in text
    assert "Accuracy: scikit-learn digits, 360 test examples." in text
    assert "1 thread(s), median of 1,000 runs" in text
    for cells in (
        "| epochs | 60 |",
        "| python | 3.11 |",
        "| cpu | fast |",
        "| baseline | simple_cnn | Train() | 1,320 |",
    ):
        assert cells in text


def test_a_report_without_failures_passes_and_gives_no_reasons():
    text = to_markdown(report([file()]))
    assert text.startswith("# digits: pass\n")
    assert "Why the verdict" not in text
    assert text.endswith("No stage promised anything.\n")


def test_a_report_without_files_is_whole():
    assert "# digits: pass" in to_markdown(report())


def test_json_loads_back(tmp_path):
    store = Store(tmp_path)
    write(FULL, store)
    value = json.loads((tmp_path / "report.json").read_text())
    assert (value["verdict"], value["failures"]) == ("fail", list(FULL.failures))
    assert [stage_from_json(item) for item in value["stages"]] == list(FULL.stages)
    assert findings_from_json(value["files"][0]) == FULL.files[0].findings
    assert value["settings"] == {"epochs": 60}
    assert (tmp_path / "report.md").read_text() == to_markdown(FULL)


def test_a_bar_in_a_cell_does_not_split_it():
    assert markdown_table(("a",), [("1|2",)]).splitlines()[-1] == "| 1\\|2 |"


def test_removed_channels_are_told_as_a_share_of_the_weights():
    assert _share("channels removed", 0.903) == "90.3% of weights"


MAE = MetricKind("MAE", higher_is_better=False)


def test_a_metric_of_ones_own_goes_through_the_whole_report():
    stages = [stage(metrics={"MAE": 1.5, "R2": 0.91}, metric_kinds=(MAE, MetricKind("R2")), outputs=("a", "b"))]
    by_output = {"a": Agreement(40.0, 1.0, 0.25), "b": Agreement(12.5, 0.9, 3.0)}
    found = dataclasses.replace(PASSED, metrics={"MAE": 1.75, "R2": 0.9}, agreement={"keras": by_output})
    made = report([file(findings=(found,)), file(mode="int8", raw=15_000, findings=(found,))], stages)
    assert dict(zip(headings(made), rows(made)[0], strict=True))["MAE, Keras"] == "1.5"
    assert headline(made).endswith(", MAE +0")
    text = to_markdown(made)
    assert "| MAE | R2 | SQNR, dB, Keras | largest difference, Keras |" in text
    assert "| 1.75 | 0.9 | a 40.0, b 12.5 | a 0.25, b 3 |" in text
    assert "MAE: scikit-learn digits, 360 test examples." in text


@pytest.mark.parametrize(
    ("max_drop", "fails"), [(None, False), (0.2, True), (0.3, False), ("10%", True), ("20%", False)]
)
def test_a_file_that_is_worse_than_allowed_fails(max_drop, fails):
    stages = [stage(metrics={"MAE": 1.5}, metric_kinds=(MAE,))]  # an error: 1.75 is worse by 0.25, a sixth
    found = dataclasses.replace(PASSED, metrics={"MAE": 1.75})
    made = dataclasses.replace(report([file(findings=(found,))], stages), max_drop=max_drop)
    assert (made.verdict == "fail") is fails
    if fails:
        assert made.failures == (
            f"tflite/baseline-float32.tflite: MAE 1.75 is further from baseline's 1.5 than max_drop={max_drop} allows",
        )


def test_what_was_lost_without_a_limit_is_said_and_what_was_gained_is_not():
    stages = [stage(metrics={"MAE": 1.5}, metric_kinds=(MAE,))]
    files = [file(findings=(dataclasses.replace(PASSED, metrics={"MAE": value}),)) for value in (1.5, 1.75)]
    made = report(files, stages)
    said = (
        "Without a limit: MAE, of which baseline float32 has 1.75 and baseline 1.5; the verdict looks at it when "
        "max_drop is set."
    )
    assert made.without_limit == said and said in str(made) and said in to_markdown(made)
    assert dataclasses.replace(made, max_drop=0.3).without_limit == ""
    for value in (1.5, 1.5 + 1e-9):  # the same, and the same as far as the report shows it
        one = file(findings=(dataclasses.replace(PASSED, metrics={"MAE": value}),))
        assert report([one], stages).without_limit == ""


def test_a_file_that_no_check_could_judge_is_no_pass():
    kernels = {"kernels": Finding("kernels", "pass")}
    unseen = dataclasses.replace(file(), findings={"0": NO_GPU, **kernels})
    found = report([unseen])
    assert found.verdict == "not judged"
    assert found.not_judged == ("tflite/baseline-float32.tflite: no driver was found",)
    assert "## What could not be judged" in to_markdown(found)
    assert report([dataclasses.replace(file(), findings={"0": NO_GPU, "1": PASSED, **kernels})]).verdict == "pass"
    assert report([dataclasses.replace(file(), findings={"0": NO_GPU, "1": WRONG})]).verdict == "fail"


def test_it_prints_as_a_table_and_notebooks_show_one():
    found = report([file(), file("pruned", "int8", raw=6_000, zipped=5_000)])
    lines = str(found).splitlines()
    assert lines[0].split()[0] == "variant"
    assert lines[2].startswith("pruned int8")
    assert "Verdict: pass" in lines
    assert "<td>pruned int8</td>" in found._repr_html_()


ADVICE = tuple(Advice(f"cause {n}", f"Sentence {n}.", "conv", "3 dB", "do this") for n in range(4))


def test_advice_is_in_both_reports_and_three_pieces_are_under_the_table(tmp_path):
    advised = dataclasses.replace(report([file()]), advice=ADVICE)
    assert "## What to do next" in to_markdown(advised)
    assert "- Sentence 3. Worth: 3 dB. Next: do this." in to_markdown(advised)
    assert "Advice: Sentence 2." in str(advised) and "Sentence 3." not in str(advised)
    store = Store(tmp_path)
    store.open()
    write(advised, store)
    store.close()
    value = json.loads((tmp_path / "report.json").read_text())
    assert value["advice"][0] == {
        **{"cause": "cause 0", "sentence": "Sentence 0.", "layer": "conv", "worth": "3 dB", "follow": "do this"}
    }
    assert report_from_json(value).advice == ADVICE


def test_without_advice_there_is_no_such_heading():
    assert "What to do next" not in to_markdown(report([file()]))


def test_a_report_of_a_version_without_advice_is_read(tmp_path):
    store = Store(tmp_path)
    store.open()
    write(report([file()]), store)
    store.close()
    value = json.loads((tmp_path / "report.json").read_text())
    del value["advice"]
    assert report_from_json(value).advice == ()
