"""Optional packages: what setup.cfg declares is what the code imports, and a missing one is one line."""

import ast
import configparser
import re
import sys
from pathlib import Path

import pytest

import tfcompress as tfc
from tfcompress.core.errors import MissingExtra
from tfcompress.core.extras import BOARDS, PACKAGES, require_extra
from tfcompress.pruning.sensitivity import Sensitivity
from tfcompress.quantization.bit_sensitivity import QuantizationSensitivity

ROOT = Path(__file__).parents[2]
# What an installation without extras brings, by what is imported of it; TensorFlow brings keras, h5py, flatbuffers.
REQUIRED = {
    "tensorflow": "tensorflow",
    "keras": "tensorflow",
    "h5py": "tensorflow",
    "flatbuffers": "tensorflow",
    "tf_keras": "tf_keras",
    "tensorflow_model_optimization": "tensorflow-model-optimization",
    "ai_edge_litert": "ai-edge-litert",
    "scipy": "scipy",
    "numpy": "numpy",
    "rich": "rich",
    "PIL": "pillow",
}


@pytest.fixture(scope="module")
def declared():
    """The names of packages in setup.cfg: by extra, and of an installation without any under None."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = {**setup["options.extras_require"], None: setup["options"]["install_requires"]}
    lines = {name: [line for line in text.splitlines() if line and line[0] != "#"] for name, text in texts.items()}
    return {name: {re.match(r"[\w-]+", line)[0] for line in found} for name, found in lines.items()}


def test_an_extra_in_setup_cfg_holds_what_the_code_looks_for(declared):
    for extra, packages in PACKAGES.items():
        assert set(packages.values()) <= declared[extra], extra
    assert set(REQUIRED.values()) == declared[None]


def test_all_is_every_extra_and_the_tests_have_it(declared):
    assert declared["all"] == set().union(*(declared[extra] for extra in PACKAGES if extra not in BOARDS))
    assert declared["all"] < declared["test"] < declared["dev"]


def test_nothing_is_imported_that_is_not_declared():
    known = {*REQUIRED, *(module for packages in PACKAGES.values() for module in packages)}
    for path in (ROOT / "tfcompress").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            absolute = isinstance(node, ast.ImportFrom) and not node.level
            names = [node.module] if absolute else [a.name for a in node.names] if isinstance(node, ast.Import) else []
            roots = {name.partition(".")[0] for name in names}
            assert roots <= known | sys.stdlib_module_names | {"tfcompress"}, f"{path}:{node.lineno}"


@pytest.mark.parametrize(
    ("module", "use", "words"),
    [
        ("sklearn", lambda: tfc.Digits().require(), r"Digits needs scikit-learn\. .*tfcompress\[digits\]"),
        ("sklearn", lambda: tfc.Digits().train, r"Digits needs scikit-learn\. .*tfcompress\[digits\]"),
        ("requests", lambda: tfc.Cifar10().require(), r"Cifar10 needs requests\. .*tfcompress\[cifar10\]"),
        ("tensorflow_datasets", lambda: tfc.Cifar10().train, r"Cifar10 needs tensorflow-datasets\. .*\[cifar10\]"),
        ("tensorflow_datasets", lambda: tfc.Tfds("mnist").train, r"Tfds needs tensorflow-datasets\. .*\[tfds\]"),
        ("matplotlib", lambda: Sensitivity.plot(None, "x.png"), r"Sensitivity.plot needs matplotlib\. .*\[plots\]"),
        ("matplotlib", lambda: QuantizationSensitivity.plot(None, "x.png"), r"Sensitivity.plot needs .*\[plots\]"),
        (
            "litert_quantizer",
            lambda: tfc.MixedPrecision().convert(None, None, "x.tflite"),
            r"MixedPrecision needs litert-quantizer\. .*tfcompress\[edge\]",
        ),
    ],
)
def test_a_missing_package_is_told_with_its_extra(monkeypatch, module, use, words):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=words):
        use()


def test_several_missing_packages_are_one_line(monkeypatch):
    for module in PACKAGES["cifar10"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as caught:
        require_extra("cifar10", "This")
    assert str(caught.value) == (
        "This needs tensorflow-datasets, importlib_resources, requests. Received: none. "
        "Run: pip install 'tfcompress[cifar10]'."
    )
