import json

import pytest

from tfcompress.core.errors import InvalidValue
from tfcompress.running.strategy import Strategy, open_team, parse_strategy

TWO = ["10.0.0.1:1000", "10.0.0.2:1000"]


def config(cluster, kind="worker", index=0):
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", Strategy()),
        ("mirrored", Strategy("mirrored")),
        ("mirrored:1", Strategy("mirrored", 1)),
        ("mirrored:12", Strategy("mirrored", 12)),
    ],
)
def test_what_can_be_asked_for(text, expected):
    assert parse_strategy(text) == expected


@pytest.mark.parametrize(
    "text", ["", "Mirrored", "mirrored:", "mirrored:0", "mirrored:-1", "mirrored:x", "mirrored:1.5", "none:2", "tpu"]
)
def test_anything_else_is_refused_by_name(text):
    with pytest.raises(InvalidValue, match=f"^--strategy must be none, mirrored, .* Received: '{text}'. Use mirrored"):
        parse_strategy(text)


@pytest.mark.parametrize(
    ("environment", "is_chief", "worker"),
    [
        (config({"worker": TWO}), True, "worker 0 of 2"),
        (config({"worker": TWO}, index=1), False, "worker 1 of 2"),
        (config({"chief": TWO[:1], "worker": TWO[1:]}, "chief"), True, "worker 0 of 2"),
        (config({"chief": TWO[:1], "worker": TWO[1:]}), False, "worker 1 of 2"),
        (config({"worker": TWO[:1]}), True, "worker 0 of 1"),
    ],
)
def test_a_worker_finds_its_place(monkeypatch, environment, is_chief, worker):
    monkeypatch.setenv("TF_CONFIG", environment)
    assert parse_strategy("multi_worker") == Strategy("multi_worker", None, is_chief, worker)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ("", "must name all workers, and this one. Received: no such environment variable."),
        ("{", "must be JSON. Received: '{'"),
        ("[]", "must have a cluster and a task."),
        ("{}", "must have a cluster and a task."),
        (config({}), "must have a cluster of workers"),
        (config({"worker": []}), "must have a cluster of workers"),
        (config({"worker": "10.0.0.1:1000"}), "must have a cluster of workers"),
        (
            config({"worker": ["10.0.0.1"]}),
            "must have a cluster of workers, and at most one chief, each a list of host",
        ),
        (config({"worker": TWO, "ps": TWO}), "must have a cluster of workers"),
        (config({"chief": TWO, "worker": TWO}), "must have a cluster of workers, and at most one chief"),
        (config({"worker": TWO}, "chief"), "must have a task whose type is one of worker."),
        (config({"worker": TWO}, index=2), "must have a task whose index is below 2."),
        (config({"worker": TWO}, index="0"), "must have a task whose index is below 2."),
        (json.dumps({"cluster": {"worker": TWO}, "task": 0}), "must have a task whose type is one of worker."),
    ],
)
def test_a_wrong_tf_config_is_told_in_one_line(monkeypatch, environment, words):
    monkeypatch.setenv("TF_CONFIG", environment)
    with pytest.raises(InvalidValue, match=f"^TF_CONFIG {words}") as caught:
        parse_strategy("multi_worker")
    assert "\n" not in str(caught.value)
    assert "Use TF_CONFIG='{" in str(caught.value)


@pytest.mark.parametrize("asked", [None, "none", Strategy()])
def test_no_strategy_is_one_replica(asked):
    team = open_team(asked)
    assert (team.strategy, team.num_replicas, team.num_workers, team.is_chief) == (None, 1, 1, True)


def test_a_strategy_that_was_not_tried_is_refused():
    with pytest.raises(InvalidValue, match=r"^strategy must be a MirroredStrategy.* Received: object"):
        open_team(object())


def test_to_divide_a_cpu_that_is_in_use_is_refused():
    from tfcompress.backend.tensorflow import tf

    tf.constant(1.0)  # TensorFlow now has its devices
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has accelerators")
    with pytest.raises(InvalidValue, match="^strategy=mirrored:9 must come before TensorFlow's first computation"):
        open_team("mirrored:9")
