"""python benchmarks/weight_scores.py [--seeds N]: each score, term and tree at equal sparsity, random as the control.

SimpleCNN on digits, trained once, then pruned to 90 and 95 % of its weights by each method with the same fit, for
several seeds. Claim: each score beats random selection at equal sparsity. A score that does not is said so; the exit
code is 1 when magnitude does not.
"""

import argparse
import statistics
import sys

import tfcompress as tfc
from tfcompress.backend.tensorflow import set_seed, start_quietly
from tfcompress.measuring.measure import kernels

SPARSITIES = (0.9, 0.95)
LATE = tfc.PolynomialDecay(begin=0.1)
SCORES = {
    "random": tfc.scores.Random(),
    "magnitude": tfc.scores.L1(),
    "L2 of slices": tfc.scores.L2(group="slice"),
    "movement": tfc.scores.Movement(),
    "gradient x weight": tfc.scores.GradientTimesWeight(),
}


def methods(sparsity: float) -> dict[str, object]:
    """What is compared, by name."""
    found = {
        f"{name}, {comparison}": tfc.PruneWeights(sparsity, score, LATE, comparison)
        for name, score in SCORES.items()
        for comparison in ("per layer", "global")
    }
    terms = {"L1": tfc.regularizers.L1(), "L2": tfc.regularizers.L2()}
    found |= {f"{name} in the loss": tfc.Regularized(term, final_sparsity=sparsity) for name, term in terms.items()}
    found["no term, cut all the same"] = tfc.Regularized(strength=1e-12, final_sparsity=sparsity)
    found["tree"] = tfc.PruneTree(sparsity)
    found["tree, per layer"] = tfc.PruneTree(sparsity, comparison="per layer")
    found["tree with its lasso"] = tfc.PruneTree(sparsity, strength=1e-4)
    return found


def main() -> int:
    """Prints the table and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    num_seeds = parser.parse_args().seeds
    start_quietly()
    data = tfc.Digits()
    fit = tfc.KerasFit(data, epochs=10)
    inputs, labels = data.model_inputs(data.test.inputs), data.test.targets

    def accuracy(model: object) -> float:
        return float((model(inputs).numpy().argmax(-1) == labels).mean())

    set_seed(0)
    dense = tfc.Train().apply(tfc.simple_cnn(data.input_shape), fit)
    total = sum(kernel.size for kernel in kernels(dense).values())
    print(f"dense: {accuracy(dense):.2%}; {len(labels)} test images, {num_seeds} seeds\n")
    print("| method | asked | weights gone | accuracy, mean | least |\n|---|---|---|---|---|")
    means: dict[tuple[str, float], float] = {}
    for sparsity in SPARSITIES:
        for name, technique in methods(sparsity).items():
            found, gone = [], []
            for seed in range(num_seeds):
                set_seed(seed)
                pruned = technique.apply(dense, tfc.KerasFit(data, epochs=10, seed=seed))
                found.append(accuracy(pruned))
                gone.append(1 - sum(int((kernel != 0).sum()) for kernel in kernels(pruned).values()) / total)
            means[name, sparsity] = statistics.mean(found)
            print(
                f"| {name} | {sparsity:.0%} | {statistics.mean(gone):.1%} | {means[name, sparsity]:.2%} | "
                f"{min(found):.2%} |",
                flush=True,
            )
    control = {sparsity: means["random, per layer", sparsity] for sparsity in SPARSITIES}
    for (name, sparsity), mean in means.items():
        if not name.startswith("random") and mean <= control[sparsity]:
            print(f"{name} at {sparsity:.0%} does not beat random.")
    return 0 if all(means["magnitude, per layer", sparsity] > control[sparsity] for sparsity in SPARSITIES) else 1


if __name__ == "__main__":
    sys.exit(main())
