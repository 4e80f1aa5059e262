import ctypes
import json
import os
import signal
import socket
import time
from types import SimpleNamespace

import pytest

from tfcompress.backend.cluster import wait_at_most
from tfcompress.backend.tensorflow import eager_context, tf
from tfcompress.core.errors import InvalidValue, WorkerLost
from tfcompress.running import strategy
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
    ("environment", "is_chief", "worker", "others"),
    [
        (config({"worker": TWO}), True, "worker 0 of 2", TWO[1:]),
        (config({"worker": TWO}, index=1), False, "worker 1 of 2", TWO[:1]),
        (config({"chief": TWO[:1], "worker": TWO[1:]}, "chief"), True, "worker 0 of 2", TWO[1:]),
        (config({"chief": TWO[:1], "worker": TWO[1:]}), False, "worker 1 of 2", TWO[:1]),
        (config({"worker": TWO[:1]}), True, "worker 0 of 1", []),
    ],
)
def test_a_worker_finds_its_place(monkeypatch, environment, is_chief, worker, others):
    monkeypatch.setenv("TF_CONFIG", environment)
    assert parse_strategy("multi_worker") == Strategy("multi_worker", None, is_chief, worker, tuple(others))


def test_a_chief_says_which_workers_do_not_come(monkeypatch):
    monkeypatch.setattr(strategy, "START_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as there, socket.create_server(("127.0.0.1", 0)) as gone:
        come, lost = (f"127.0.0.1:{each.getsockname()[1]}" for each in (there, gone))
        gone.close()
        with pytest.raises(WorkerLost, match=rf"Received: nothing that listens on {lost}\. Start the same"):
            open_team(Strategy("multi_worker", others=(come, lost)))


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


def test_sigterm_still_ends_a_worker(monkeypatch):
    """TensorFlow's notice of preemption takes the signal behind Python's back, as is done here."""

    class Taking:
        num_replicas_in_sync, cluster_resolver = 1, None

        def __init__(self):
            libc = ctypes.CDLL(None)
            libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
            libc.signal(signal.SIGTERM, ctypes.c_void_p(1))  # SIG_IGN

    class Ended(Exception):
        pass

    def end(number, frame):
        raise Ended

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", Taking)
    before = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.raises(Ended):
            open_team(Strategy("multi_worker"))
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("kind", ["DeadlineExceededError", "UnavailableError", "AbortedError"])
def test_a_worker_that_never_comes_is_told_in_one_line(monkeypatch, kind):
    def late():
        raise getattr(tf.errors, kind)(None, None, "Barrier timed out")

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", late)
    with pytest.raises(WorkerLost, match="^strategy=multi_worker must have all workers .* within 600 s of each other"):
        open_team(Strategy("multi_worker"))


@pytest.mark.parametrize(
    ("cluster", "leader"), [({"worker": TWO}, "worker"), ({"chief": TWO[:1], "worker": TWO[1:]}, "chief")]
)
def test_the_wait_for_the_chief_has_a_limit(monkeypatch, cluster, leader):
    """As TensorFlow's own strategy configures it, and with a limit: the names are those of the installed version."""
    given = {}
    context = SimpleNamespace(
        coordination_service=None, configure_coordination_service=lambda **these: given.update(these)
    )
    monkeypatch.setattr(eager_context, "context", lambda: context)
    monkeypatch.setenv("TF_CONFIG", config(cluster))
    wait_at_most(7.5)
    jobs = {job.name: job.num_tasks for job in given.pop("coordinated_jobs")}
    assert jobs == {kind: len(addresses) for kind, addresses in cluster.items()}
    assert given == {
        "service_type": "standalone",
        "service_leader": f"/job:{leader}/replica:0/task:0",
        "cluster_register_timeout_in_ms": 7500,
    }
    given.clear()
    monkeypatch.setenv("TF_CONFIG", config({"worker": TWO[:1]}))
    wait_at_most(7.5)
    assert given == {}
