"""How long a worker waits for the chief of its cluster to start.

TensorFlow waits for an hour, in native code that hears no Ctrl-C. MultiWorkerMirroredStrategy takes no limit, but keeps
the coordination service that it finds configured. That is done by the undocumented `tensorflow.python.eager.context`,
as of TensorFlow 2.21; where it has another form, TensorFlow's own hour is left. The limit is that of a worker whose
chief never comes; a chief whose workers do not come was seen to wait on.
"""

from __future__ import annotations

import contextlib

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
