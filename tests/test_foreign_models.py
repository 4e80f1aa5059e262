"""Models that others made, through the whole chain: in, pruned, quantization-aware, int8, and run on CPU and GPU."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import set_seed
from tfcompress.core.examples.source import Split
from tfcompress.core.types import Data
from tfcompress.measuring import tflite
from tfcompress.measuring.measure import kernels
from tfcompress.measuring.promises import judge_file

MODELS = Path(__file__).parents[2] / "shared" / "models" / "mlperf_tiny"
SIZES = {"resnet8_cifar10": ((32, 32, 3), 10, 1.0), "mobilenet_vww": ((96, 96, 3), 2, 1 / 255)}


@dataclasses.dataclass(frozen=True)
class Blobs(Data):
    """Smooth random images, labelled by the model itself, so that its answers are what training must keep."""

    input_shape: tuple
    num_classes: int
    scale: float
    teacher: object = None

    title = "random pictures"
    num_train = 96

    def load(self):
        rng = np.random.default_rng(0)
        coarse = rng.uniform(0, 256, (self.num_train + 40, 8, 8, 3))
        factor = self.input_shape[0] // 8
        pictures = coarse.repeat(factor, 1).repeat(factor, 2).astype("uint8")
        labels = self.teacher.predict(self.model_inputs(pictures), verbose=0).argmax(-1)
        return Split(pictures[:96], labels[:96]), Split(pictures[96:], labels[96:])

    def identity(self):
        return {"type": "Blobs", "input_shape": self.input_shape}


@pytest.mark.parametrize("name", ["resnet8_cifar10", pytest.param("mobilenet_vww", marks=pytest.mark.slow)])
def test_the_whole_chain(name, tmp_path):
    path = MODELS / f"{name}.h5"
    if not path.exists():
        pytest.skip(f"not run: {path} is not there")
    set_seed(0)
    model = tfc.load_model(path)
    data = Blobs(*SIZES[name], teacher=model)
    fit = tfc.distilled(tfc.KerasFit(data, epochs=2, batch_size=8, learning_rate=1e-4), model)
    prune = tfc.PruneLowMagnitude(0.3, tfc.ConstantSparsity())
    pruned = prune.apply(model, fit)
    aware = tfc.QuantizeAware().apply(pruned, fit)
    artifact = tfc.Int8().convert(aware, data, tmp_path / f"{name}-int8.tflite")
    sizes = {kernel: int(values.size) for kernel, values in kernels(model).items()}
    promises = (*prune.promises(model), *tfc.QuantizeAware().promises(pruned))
    assert [verdict.kept for verdict in judge_file(promises, tflite.read(artifact.path), sizes)] == [True, True]

    outputs = aware.predict(data.model_inputs(data.test.inputs), verbose=0)
    against, not_run = {"keras": outputs}, ""
    loose = tfc.Classification(tolerance=tfc.Tolerance(top_1_agreement=0.7))  # it has hardly learnt its classes
    for check in (tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.GpuDelegate()):
        found = check.run(artifact, data, against, loose if "keras" in against else None)
        if found.status == "not run":
            not_run = f"{found.check} not run: {found.reason}"
            continue
        assert found.status == "pass", f"{found.check}: {found.reason}"
        (given,) = found.outputs.values()
        # Probabilities: int8 rounds them to 1/256, and the layers before add theirs.
        assert np.abs(given - outputs).mean() < 0.05
        against = {"cpu": given}  # the builtin kernels and the GPU against XNNPACK
    if not_run:
        pytest.skip(not_run)  # what ran has passed
