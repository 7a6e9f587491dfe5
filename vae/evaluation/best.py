"""Which of several variants is the best by a figure, if the errors tell."""

__all__ = ["BETTER", "best_of"]

from collections.abc import Mapping, Sequence
from math import hypot
from statistics import mean, stdev

from vae.evaluation.section import Figure

CLEAR = 2.0  # errors by which the best is better than each other
HIGHER = (
    *("elbo", "psnr", "ssim", "ms_ssim", "precision", "recall", "mig", "sap"),
    *("factor_vae_score", "beta_vae_score", "label_linear", "label_knn"),
)
LOWER = ("nll", "bits_per_dim", "fid", "kid", "lpips")
# By the key of a figure: 1 where the higher is the better, −1 where the lower is.
BETTER = dict.fromkeys(HIGHER, 1) | dict.fromkeys(LOWER, -1)


def best_of(cells: Mapping[str, Sequence[Figure]], sign: int | None) -> str | None:
    """Return the variant whose figure is better than every other's beyond the error, if one is.

    Args:
        cells: The figures of the runs of each variant.
        sign: 1 where the higher is the better, −1 where the lower is; ``None`` where neither is.
    """
    found = {name: estimate(figures) for name, figures in cells.items()}
    known = {name: pair for name, pair in found.items() if pair is not None}
    if sign is None or len(known) < 2 or len(known) < len(cells):
        return None
    first, *others = sorted(known, key=lambda name: -sign * known[name][0])
    (value, error), rest = known[first], [known[name] for name in others]
    clear = all(abs(value - v) > CLEAR * hypot(error, e) for v, e in rest)
    return first if clear else None


def estimate(figures: Sequence[Figure]) -> tuple[float, float] | None:
    """Return the mean over runs and its error: between runs, or of the single one's examples."""
    known = [figure for figure in figures if figure.value is not None]
    values = [float(figure.value or 0) for figure in known]
    if len(values) > 1:
        return mean(values), stdev(values) / len(values) ** 0.5
    return None if not known or known[0].error is None else (values[0], known[0].error)
