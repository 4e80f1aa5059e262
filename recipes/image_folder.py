"""Your own classifier on your own images: evaluated, pruned, made quantization-aware, exported and checked.

Its outputs are logits, softmax, one sigmoid for two classes, or with several_labels one for each label.
"""

from dataclasses import dataclass

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """`model` and `data` are needed: --set model=my.keras --set data=photos/."""

    model: str | None = tfc.setting(None, "your model: .keras, .h5, or the folder of a SavedModel")
    data: str | None = tfc.setting(None, "your images: a folder of class folders, or a CSV file of path and label")
    epochs: int = tfc.setting(6, "passes over the images while pruning; quantization-aware training takes half of it")
    scale: str = tfc.setting(
        "auto", "what pixels become: 0..255, 0..1, -1..1, torch, caffe; auto: the model's own layer"
    )
    size: str | None = tfc.setting(None, "height x width, as in 96x96; None: as the model's file says")
    resize: str = tfc.setting("stretch", "stretch, as Keras does, or crop, which keeps an image's proportions")
    classes: str | None = tfc.setting(
        None, "class names in the order of the model's outputs, as in cat,dog; None: sorted"
    )
    several_labels: bool = tfc.setting(False, "whether an image may have several labels, as in cat|dog in a CSV file")
    test_share: float = tfc.setting(0.2, "of the images, kept for the test split where the data names none")
    custom: str | None = tfc.setting(None, "a Python file with the model's own layers")
    trust: bool = tfc.setting(False, "whether code in the model's file (Lambda layers) may run")
    final_sparsity: float = tfc.setting(0.5, "share of zeros in each kernel that is pruned; in [0, 1)")
    keep: str | None = tfc.setting(None, "layers that are not pruned, by name or pattern, as in stem*,logits")
    quantize_aware: bool = tfc.setting(True, "whether to train with int8's rounding; false: int8 after training only")
    learning_rate: float = tfc.setting(0.005, "at the start of each training, above 0")
    batch_size: int = tfc.setting(32, "images in a step, at least 1")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, example in (("model", "my.keras"), ("data", "photos/")):
            if getattr(self, name) is None:
                raise tfc.InvalidValue(f"{name} must be given. Received: None. Use --set {name}={example}.")


def recipe(settings: Settings) -> tfc.Recipe:
    """Evaluates the model as it is, then prunes it and makes it quantization-aware with its original as the teacher."""
    model = tfc.ModelFile(settings.model, settings.custom, settings.trust)
    automatic = settings.scale == "auto"
    data = tfc.ImageFolder(
        settings.data,
        input_shape=input_shape(model, settings.size),
        scaling="0..255" if automatic else settings.scale,
        classes=tuple(settings.classes.split(",")) if settings.classes else None,
        test_share=settings.test_share,
        resize=settings.resize,
        num_examples=settings.num_examples,
        seed=settings.seed,
        several_labels=settings.several_labels,
    )
    evaluated = tfc.EvaluateOnly(known_scaling=not automatic or model.preprocesses)
    whole = {pattern: 0.0 for pattern in (settings.keep or "").split(",") if pattern}
    prune = tfc.PruneLowMagnitude(settings.final_sparsity, tfc.PolynomialDecay(end=0.5), per_layer=whole)
    stages = [
        tfc.Stage("original", evaluated, start=model),
        tfc.Stage("pruned", prune, taught(data, settings, settings.epochs)),
    ]
    if settings.quantize_aware:
        half = max(1, settings.epochs // 2)
        stages.append(tfc.Stage("quantized", tfc.QuantizeAware(), taught(data, settings, half)))
    return tfc.Recipe(
        data=data,
        stages=tuple(stages),
        exports={
            "original": (tfc.Float32(), tfc.Int8()),
            "pruned": (tfc.Float16(), tfc.DynamicRange(), tfc.Int8()),
            **({"quantized": (tfc.Int8(),)} if settings.quantize_aware else {}),
        },
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.CpuCompiledModel(), tfc.GpuDelegate()),
        seed=settings.seed,
    )


def taught(data: tfc.ImageFolder, settings: Settings, epochs: int) -> tfc.DistilledFit:
    """Training with the original model as the teacher: few images teach little, and its logits for them teach more."""
    rate = tfc.CosineDecay(settings.learning_rate)
    fit = tfc.KerasFit(data, epochs, settings.batch_size, rate, seed=settings.seed + epochs)
    return tfc.distilled(fit, "original", student_loss_weight=0.5)


def input_shape(model: tfc.ModelFile, size: str | None) -> tuple[int, int, int]:
    """What images are resized to: as asked for, or as the model's file says."""
    height, width, channels = model.input_shape if len(model.input_shape or ()) == 3 else (None, None, 3)
    if size is not None:
        try:
            height, width = (int(length) for length in size.lower().split("x"))
        except ValueError:
            raise tfc.InvalidValue(f"size must be height x width. Received: {size!r}. Use --set size=96x96.") from None
    if height is None or width is None:
        raise tfc.InvalidValue("size must be given, as the model's file leaves it open. Use --set size=224x224.")
    return height, width, channels or 3
