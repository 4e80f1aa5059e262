"""How long the chief of a cluster and its workers wait for each other to start.

TensorFlow waits in native code that hears no signal: a worker for an hour, a chief without end. A worker's limit can be
set: MultiWorkerMirroredStrategy takes none, but keeps the coordination service that it finds configured. That is done
by the undocumented `tensorflow.python.eager.context`, as of TensorFlow 2.21; where it has another form, TensorFlow's
own hour is left. A chief holds Python's lock as it waits, so that nothing in its process could end it: it first looks
whether all workers listen, as each does on its own port before it asks for the chief.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterable

from .tensorflow import eager_context, multi_worker_util, tf


def wait_at_most(seconds: float) -> None:
    """Sets the limit for the cluster that TF_CONFIG names; to be called before its strategy is made."""
    spec = tf.distribute.cluster_resolver.TFConfigClusterResolver().cluster_spec()
    with contextlib.suppress(ImportError, AttributeError, TypeError):
        job = eager_context.coordination_config_pb2.CoordinatedJob
        if eager_context.context().coordination_service is None and sum(map(spec.num_tasks, spec.jobs)) > 1:
            eager_context.context().configure_coordination_service(
                service_type="standalone",
                service_leader=multi_worker_util.coordination_leader(spec),
                coordinated_jobs=[job(name=name, num_tasks=spec.num_tasks(name)) for name in spec.jobs],
                cluster_register_timeout_in_ms=round(1000 * seconds),
            )


def silent_after(addresses: Iterable[str], seconds: float) -> list[str]:
    """Waits until something listens on each address, host:port; the ones where nothing did within `seconds`.

    >>> with socket.create_server(("127.0.0.1", 0)) as listening:
    ...     silent_after([f"127.0.0.1:{listening.getsockname()[1]}"], 1.0)
    []
    """
    left, end = list(addresses), time.monotonic() + seconds
    while True:
        left = [address for address in left if not _listens(address)]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.5)


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5):
            return True
    except OSError:
        return False
