"""tfcompress makes Keras models small and fast, and proves on the exported file that they still answer right.

The way of the data, one module a step:

- `Data` (`Digits`, `Cifar10`, `ImageFolder`): what to train and judge on.
- A builder (`simple_cnn`, `resnet`) or a model of your own: a functional tf_keras model that gives logits.
- A `Fit`: how to train. `KerasFit` is `compile` and `fit`; `distilled(fit, teacher)` is the same under a teacher.
- A technique (`Train`, `PruneLowMagnitude`, `QuantizeAware`): `apply(model, fit)` gives the changed model.
- An exporter (`Float32`, `Float16`, `DynamicRange`, `Int8`): `convert(model, data, path)` writes a .tflite.
- A check (`CpuXnnpack`, `CpuBuiltin`, `CpuReference`, `GpuDelegate`): `run(artifact, data, against)` gives a `Finding`.
- A `Recipe` of `Stage`s puts these in order; `python -m tfcompress.recipe NAME` runs one and writes a report.

Names are loaded when first used: importing tfcompress imports neither TensorFlow nor NumPy.

>>> import tfcompress as tfc
>>> tfc.PruneLowMagnitude(final_sparsity=0.5).final_sparsity
0.5
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "core.types": "Agreement Artifact Check Data Exporter Finding Fit Latency Promise Recipe Split Stage Technique",
    "core.settings": "Settings setting",
    "core.measure": "Measurement measure",
    "core.errors": "TfcompressError InvalidValue UnsupportedModel UnreadableModel NothingHappened "
    "NoBetterThanChance ConversionFailed DataUnavailable",
    "data.digits": "Digits",
    "data.cifar10": "Cifar10",
    "data.folder": "ImageFolder",
    "models.simple_cnn": "simple_cnn",
    "models.fast_resnet": "fast_resnet",
    "models.resnet": "resnet",
    "models.mobile_cnn": "mobile_cnn",
    "loading.door": "load_model bring_in Arrival",
    "loading.custom": "custom_objects_from",
    "loading.saving": "save_model",
    "loading.file": "ModelFile",
    "given": "AsGiven Judged",
    "shipped": "Shipped shipped_models",
    "fitting": "KerasFit Train StepDecay CosineDecay OneCycle",
    "augmentation.flip": "Flip",
    "augmentation.shifted_crop": "ShiftedCrop",
    "augmentation.cutout": "Cutout",
    "augmentation.mixup": "Mixup",
    "pruning.magnitude": "PruneLowMagnitude",
    "pruning.channels": "PruneChannels",
    "pruning.channel_targets": "MacsTarget ParametersTarget FileBytesTarget LatencyTarget",
    "pruning.removal": "remove_channels remove_empty",
    "pruning.criteria.l1": "L1Norm",
    "pruning.criteria.l2": "L2Norm",
    "pruning.criteria.batch_norm_scale": "BatchNormScale",
    "pruning.criteria.taylor": "Taylor",
    "pruning.criteria.geometric_median": "GeometricMedian",
    "pruning.criteria.activation": "Activation",
    "pruning.criteria.lamp": "Lamp",
    "pruning.criteria.random": "Random",
    "pruning.schedules": "PolynomialDecay ConstantSparsity Compounding",
    "pruning.weights": "PruneWeights",
    "pruning.regularizers.l1": "L1",
    "pruning.regularizers.l2": "L2",
    "pruning.regularizers.group_lasso": "GroupLasso",
    "pruning.regularizers.batch_norm_l1": "BatchNormL1",
    "pruning.regularized": "Regularized",
    "pruning.tree": "PruneTree",
    "pruning.tree_drawing": "pruned_tree Branch",
    "pruning.sensitivity": "scan",
    "pruning.sensitivity_result": "Sensitivity",
    "pruning.scores.evidence": "Evidence",
    "pruning.scores.l1": "L1Score",
    "pruning.scores.l2": "L2Score",
    "pruning.scores.movement": "MovementScore",
    "pruning.scores.gradient_times_weight": "GradientTimesWeight",
    "pruning.scores.random": "RandomScore",
    "quantization.aware": "QuantizeAware",
    "quantization.quantizer": "Quantizer QuantizationError",
    "quantization.affine": "Affine",
    "quantization.codebook": "Codebook",
    "quantization.piecewise_linear": "PiecewiseLinear",
    "quantization.kernels": "QuantizeKernels",
    "quantization.activations": "QuantizeActivations",
    "quantization.folding": "FoldBatchNorm",
    "quantization.equalization": "Equalize",
    "quantization.bias_correction": "CorrectBias",
    "quantization.adaptive_rounding": "AdaptiveRounding",
    "quantization.clustered": "Cluster",
    "quantization.sensitivity": "quantization_scan",
    "quantization.sensitivity_result": "QuantizationSensitivity",
    "quantization.bit_allocation": "allocate_bits BitAllocation",
    "quantization.packing": "save_packed load_packed",
    "distillation.distilled": "distilled DistilledFit",
    "distillation.distiller": "Distiller",
    "distillation.soft_targets": "SoftTargets",
    "distillation.reconstruction": "Reconstruction",
    "distillation.mean_squared_logits": "MeanSquaredLogits",
    "distillation.decoupled": "DecoupledTargets",
    "distillation.correlation": "Correlation",
    "distillation.hint": "Hint",
    "distillation.attention_transfer": "AttentionTransfer",
    "distillation.relational": "Relational",
    "distillation.refit": "Refit reconstruct",
    "distillation.weighted_sum": "WeightedSum Ramp",
    "distillation.teacher_cache": "TeacherCache",
    "export.float32": "Float32",
    "export.float16": "Float16",
    "export.dynamic_range": "DynamicRange",
    "export.int8": "Int8",
    "export.sparse": "Smallest",
    "export.int16x8": "Int16x8",
    "export.mixed_precision": "MixedPrecision",
    "delegates.cpu": "CpuXnnpack CpuBuiltin CpuReference",
    "delegates.gpu": "GpuDelegate",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'tfcompress' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
