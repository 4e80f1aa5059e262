"""The one door to TensorFlow, Keras 2 (tf_keras) and tfmot: nothing else in tfcompress imports them.

`tf`, `keras` and `tfmot` are imported when first used, so that `--help`, a recipe's settings and errors in arguments
come without TensorFlow's seconds of start-up. tfmot works on tf_keras alone and reads TF_USE_LEGACY_KERAS at its own
import; to set it here, before anything is imported, makes the order of imports irrelevant.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ..core.errors import OutOfMemory, UnsupportedModel
from .native import captured_stderr


class _Lazy(ModuleType):
    """A module that is imported at its first attribute access."""

    def __getattr__(self, attribute: str) -> Any:
        prepare_environment()
        with _quiet_at_first(), without_keras_3():
            module = importlib.import_module(self.__name__)
        _leave_as_written("tensorflow_model_optimization")
        found = getattr(module, attribute)
        setattr(self, attribute, found)  # the next access finds it without this function
        return found


@contextlib.contextmanager
def without_keras_3() -> Iterator[None]:
    """Keras 3 is not found meanwhile, unless it is imported already.

    tfmot and TensorFlow's converter try it before they turn to tf_keras. Importing it for that, with scikit-learn and
    matplotlib, is a third of the start-up (1.2 of 3.5 s, TensorFlow 2.21, tfmot 0.8.1, keras 3.15).
    """
    hidden = "keras" not in sys.modules
    if hidden:
        sys.modules["keras"] = None  # type: ignore[assignment]  # to Python a module that cannot be imported
    try:
        yield
    finally:
        if hidden:
            sys.modules.pop("keras", None)


def prepare_environment() -> None:
    """Says to TensorFlow which Keras is meant, and that its chatter is not wanted; to be called before its import."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@contextlib.contextmanager
def _quiet_at_first() -> Iterator[None]:
    """At the import of TensorFlow, keeps off the terminal what native code prints, and of devices.

    It says of GPUs that are not there whatever TF_CPP_MIN_LOG_LEVEL says. A user who set that to 0 wants all of it.
    """
    if "tensorflow" in sys.modules or os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        yield
        return
    with captured_stderr():
        yield
        sys.modules["tensorflow"].config.list_physical_devices()


# A run on digits maps 2.6 GiB, and aborts at 2 (TensorFlow 2.21, two cores; more cores have more threads' stacks).
LEAST_ADDRESS_SPACE = 5 << 29

tf: Any = _Lazy("tensorflow")
keras: Any = _Lazy("tf_keras")
tfmot: Any = _Lazy("tensorflow_model_optimization")
resource_variables: Any = _Lazy("tensorflow.python.ops.resource_variable_ops")  # TensorFlow's own, not documented
eager_context: Any = _Lazy("tensorflow.python.eager.context")  # likewise
multi_worker_util: Any = _Lazy("tensorflow.python.distribute.multi_worker_util")  # likewise
saving_utils: Any = _Lazy("tf_keras.src.saving.legacy.saving_utils")  # Keras's own, not documented


def _leave_as_written(package: str) -> None:
    """AutoGraph does not rewrite the source of `package`, which says tf.cond itself where a branch is a tensor's.

    It knows so of Keras; of tfmot it rewrites 30 functions, which is a tenth of a short run (TensorFlow 2.21, where
    the list has no public name).
    """
    config: Any = sys.modules.get("tensorflow.python.autograph.core.config")
    if config is not None and not any(rule._prefix == package for rule in config.CONVERSION_RULES):
        config.CONVERSION_RULES = (config.DoNotConvert(package), *config.CONVERSION_RULES)


def import_quietly() -> None:
    """Imports TensorFlow, where nobody has yet, and keeps what native code prints at that off the terminal."""
    _ = tf.config


def start_quietly() -> None:
    """Imports TensorFlow and what goes with it, and keeps what native code prints at start-up off the terminal.

    Raises:
      OutOfMemory: under a limit with which it would abort sooner or later, with Python.
    """
    _require_address_space()
    with captured_stderr():
        tf.config.list_physical_devices()
        tf.get_logger().setLevel("ERROR")
        _ = keras.layers, tfmot.sparsity


def _require_address_space() -> None:
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY and limit < LEAST_ADDRESS_SPACE:
            raise OutOfMemory(
                f"TensorFlow must have {LEAST_ADDRESS_SPACE / 2**30:.2g} GiB of address space at least. Received: a "
                f"limit of {limit / 2**30:.2g} GiB. Raise it (ulimit -v): most of it is never used."
            )


def set_seed(seed: int) -> None:
    """Makes what follows repeatable: Python's, NumPy's and TensorFlow's random numbers, and the order of sums."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def output_only() -> Any:
    """tfmot's quantization configuration that follows the range of a layer's output and leaves the layer alone."""
    scheme = tfmot.quantization.keras.default_8bit.Default8BitQuantizeScheme
    home = scheme.__module__.rpartition(".")[0]
    return importlib.import_module(f"{home}.default_8bit_quantize_configs").Default8BitOutputQuantizeConfig


def refuse_keras_3(model: Any) -> None:
    """Raises `UnsupportedModel` for a model of Keras 3, which nothing here but loading can read."""
    if any(base.__module__.split(".")[0] == "keras" for base in type(model).__mro__):
        raise UnsupportedModel(
            f"tfcompress expects a model of tf_keras (Keras 2) here. Received: {model.name!r}, a "
            f"{type(model).__name__} of Keras 3. Use tfcompress.load_model(model), which makes it one."
        )


def wrappers(model: Any) -> list[Any]:
    """tfmot's quantization wrappers among the layers of `model`; empty when it is not quantization-aware."""
    refuse_keras_3(model)
    return [layer for layer in model.layers if hasattr(layer, "quantize_config") and hasattr(layer, "_weight_vars")]


def is_quantization_aware(model: Any) -> bool:
    """Whether `model` came from tfmot's `quantize_model`."""
    return bool(wrappers(model))
