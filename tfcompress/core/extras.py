"""Optional packages: an extra of tfcompress each, looked for when they are needed, and named when they are missing."""

from __future__ import annotations

import importlib.util

from .errors import MissingExtra

# By extra (setup.cfg, options.extras_require): what is imported of it, and the name by which pip knows that.
_TFDS = {
    "tensorflow_datasets": "tensorflow-datasets",
    "importlib_resources": "importlib_resources",  # tensorflow-datasets imports it, and does not ask for it
    "requests": "requests",
}
BOARDS = ("mcu", "npu")  # extras that "all" leaves out, as there are wheels for some versions of Python alone
PACKAGES = {
    "digits": {"sklearn": "scikit-learn"},
    "tfds": _TFDS,
    "cifar10": _TFDS,
    "audio": {"soundfile": "soundfile"},
    "plots": {"matplotlib": "matplotlib"},
    "edge": {"litert_quantizer": "litert-quantizer"},
    "detection": {"pycocotools": "pycocotools"},
    "mcu": {"tflite_micro": "tflite-micro"},
    "npu": {"ethosu": "ethos-u-vela"},
    "search": {
        **{"keras_tuner": "keras-tuner", "optuna": "optuna", "sklearn": "scikit-learn"},
        "threadpoolctl": "threadpoolctl",
    },
}


def require_extra(extra: str, owner: str) -> None:
    """Raises `MissingExtra` unless the packages of an extra are installed. Imports none of them.

    Args:
      extra: a key of `PACKAGES`.
      owner: what needs them, for the message.

    >>> require_extra("digits", "Digits")
    """
    missing = [name for module, name in PACKAGES[extra].items() if importlib.util.find_spec(module) is None]
    if missing:
        raise MissingExtra(
            f"{owner} needs {', '.join(missing)}. Received: none. Run: pip install 'tfcompress[{extra}]'."
        )
