"""CIFAR-10: SimpleCNN trained, pruned, clustered and quantized under a strong teacher, exported as int8."""

from dataclasses import dataclass
from functools import partial

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """Defaults that fit into half an hour on two cores, checks included."""

    epochs: int = tfc.setting(
        20, "passes over the examples in the baseline; pruning takes twice, clustering a quarter, QAT half of it"
    )
    data_dir: str | None = tfc.setting(None, "folder of prepared data sets; None: TFDS_DATA_DIR, or tfds's own default")
    width: int = tfc.setting(16, "channels of the first convolution, at least 1")
    activation: str | None = tfc.setting("relu", "after each layer but the last; None gives the textbook's linear form")
    dropout: float = tfc.setting(
        0.2, "share of features dropped while the baseline trains, a quarter of it in the later stages; in [0, 1)"
    )
    teacher: str | None = tfc.setting(
        "cifar10_fast_resnet", "name of a pretrained model (tfc.pretrained_models()); None: the baseline is the teacher"
    )
    final_sparsity: float = tfc.setting(
        0.915, "share of zeros in the first dense layer, 96 % of all weights; in [0, 1)", tfc.between(0.8, 0.98)
    )
    num_clusters: int = tfc.setting(16, "distinct values in that layer, 3 to 256", tfc.between(4, 64, log=True))
    temperature: float = tfc.setting(
        4.0, "logits are divided by it before they are compared, above 0", tfc.between(1.0, 10.0)
    )
    bfloat16: bool = tfc.setting(
        False, "products in bfloat16 while training: less time where the processor has AVX512_BF16 or AMX"
    )


def recipe(settings: Settings) -> tfc.Recipe:
    """Trains a baseline alone; a teacher then trains what is pruned, clustered and quantized of it."""
    data = tfc.Cifar10(settings.data_dir, num_examples=settings.num_examples)
    build = partial(
        tfc.simple_cnn,
        input_shape=data.input_shape,
        width=settings.width,
        activation=settings.activation,
        dropout=settings.dropout,
    )
    # The small kernels are where accuracy is lost, and hardly any bytes are: the first and the last stay whole.
    gently = {"conv1": 0.0, "conv2": min(0.3, settings.final_sparsity), "logits": 0.0}
    return tfc.Recipe(
        data=data,
        stages=(
            *given_teacher(settings),
            tfc.Stage("baseline", tfc.Train(), fit(data, settings, 1.0, tfc.OneCycle(0.05)), start=build),
            tfc.Stage(
                "pruned",
                tfc.PruneLowMagnitude(settings.final_sparsity, tfc.PolynomialDecay(end=0.5), per_layer=gently),
                taught(data, settings, 2.0, tfc.OneCycle(0.1)),
            ),
            tfc.Stage(
                "clustered",
                tfc.Cluster(settings.num_clusters, per_layer={"conv*": None, "logits": None}),
                taught(data, settings, 0.25, tfc.CosineDecay(0.005)),
            ),
            tfc.Stage("quantized", tfc.QuantizeAware(), taught(data, settings, 0.5, tfc.CosineDecay(0.005))),
        ),
        exports={
            "baseline": (tfc.Float32(), tfc.Int8()),
            "pruned": (tfc.Float16(), tfc.DynamicRange()),
            "quantized": (tfc.Int8(),),
        },
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.CpuCompiledModel(), tfc.GpuDelegate()),
        seed=settings.seed,
    )


def given_teacher(settings: Settings) -> tuple[tfc.Stage, ...]:
    """The stage that evaluates the pretrained teacher; none where the baseline is the teacher."""
    if not settings.teacher:
        return ()
    return (tfc.Stage("teacher", tfc.EvaluateOnly(), start=tfc.Pretrained(settings.teacher)),)


def fit(
    data: tfc.Cifar10,
    settings: Settings,
    share: float,
    learning_rate: tfc.OneCycle | tfc.CosineDecay,
    dropout: float | None = None,
) -> tfc.KerasFit:
    """Training for a share of the baseline's epochs, on images and their mirror images in turn."""
    return tfc.KerasFit(
        data,
        max(1, round(settings.epochs * share)),
        batch_size=128,
        learning_rate=learning_rate,
        augment=(tfc.Flip(),),
        views=4,
        weight_decay=5e-4,
        dropout=dropout,
        seed=settings.seed,
        bfloat16=settings.bfloat16,
    )


def taught(
    data: tfc.Cifar10, settings: Settings, share: float, learning_rate: tfc.OneCycle | tfc.CosineDecay
) -> tfc.DistilledFit:
    """The same under the teacher, whose logits of the four views of each image are computed once and cached.

    With a quarter of the dropout: what is left of the network has nothing to spare.
    """
    return tfc.distilled(
        fit(data, settings, share, learning_rate, dropout=settings.dropout / 4),
        "teacher" if settings.teacher else "baseline",
        tfc.SoftTargets(settings.temperature),
        student_loss_weight=0.1,
        cache=True,
    )
