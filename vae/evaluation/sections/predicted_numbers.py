"""What is known of predicted numbers: error, likelihood, and whether their intervals are right."""

__all__ = ["PredictedNumbers", "judged", "of_numbers"]

from typing import NamedTuple

from torch import Tensor

from vae.distributions import Response
from vae.evaluation.drawing.against_truth import against_truth
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.reliability import reliability
from vae.evaluation.measures.calibration import coverage, expected_coverage_error, sizes
from vae.evaluation.section import Figure, Section, averaged

UNITS = "in units of the target"
INSIDE = (0.5, 0.9)  # sizes of the central intervals that are told one by one


class PredictedNumbers(NamedTuple):
    """Predictions of N numbers, ``(N,)`` each."""

    y: Tensor
    mean: Tensor  # of the predictive distribution
    log_p: Tensor  # its log-density at y
    below: Tensor  # its distribution function at y
    noise: Tensor  # variance under a draw of the weights, mean over these
    doubt: Tensor  # variance of the mean over draws of the weights


def judged(response: Response, outputs: Tensor, y: Tensor) -> PredictedNumbers:
    """Return what is predicted of numbers ``(B,)``, on the CPU.

    Args:
        response: Their distribution.
        outputs: Of the net under each draw of its weights, ``(K, B, *param_shape)``.
        y: The numbers.
    """
    outputs, y = outputs.double(), y.double()
    p, each = response.mixed(outputs), response(outputs)
    noise, doubt = each.variance.mean(0), each.mean.var(0, correction=0)
    found = (y, p.mean, p.log_prob(y), p.cdf(y), noise, doubt)
    return PredictedNumbers(*(part.double().cpu() for part in found))


def of_numbers(found: PredictedNumbers, num_bins: int) -> Section:
    """Return the figures and pictures of predicted numbers.

    Args:
        found: Of all examples.
        num_bins: Sizes of central intervals, at least 1.
    """
    figures = {
        **errors(found),
        "log_likelihood": averaged("log p(y|x), predictive", found.log_p, "nats"),
        **intervals(found.below, num_bins),
        "noise": Figure(f"deviation of the noise, {UNITS}", found.noise.mean().sqrt().item()),
        "doubt": Figure(
            f"deviation from doubt about the weights, {UNITS}", found.doubt.mean().sqrt().item()
        ),
    }
    pictures = {
        "reliability": diagram(found.below, num_bins),
        "predicted and true": against_truth(
            found.y, found.mean, (found.noise + found.doubt).sqrt()
        ),
    }
    notes = ["A density: its logarithm falls by log c where the target's unit is c times less."]
    return Section("", figures, pictures=pictures, notes=notes)


def errors(found: PredictedNumbers) -> dict[str, Figure]:
    """Return the error beside the target's own deviation."""
    square = averaged("", (found.mean - found.y).square())
    mse, own = square.value or 0.0, found.y.var(correction=0).item()
    rmse, r2 = mse**0.5, 1 - mse / own if own else None
    error = None if square.error is None or not rmse else square.error / (2 * rmse)
    return {
        "rmse": Figure(f"root mean squared error, {UNITS}", rmse, "", error),
        "target_deviation": Figure(f"deviation of the target, {UNITS}", own**0.5),
        "r2": Figure("share of the target's variance explained, R²", r2),
    }


def intervals(below: Tensor, num_bins: int) -> dict[str, Figure]:
    """Return how many targets lie in central intervals, and how far that is from their sizes."""
    lacking = sizes(num_bins) - coverage(below, num_bins)
    error, over = lacking.abs().mean().item(), lacking.mean().item()
    chance = expected_coverage_error(len(below), num_bins)
    inside = {
        f"inside_{100 * size:.0f}": averaged(
            f"share of targets in central {100 * size:.0f} % intervals",
            ((2 * below - 1).abs() <= size).double(),
        )
        for size in INSIDE
    }
    return {
        "coverage_error": Figure("error of central intervals, mean", error),
        "coverage_error_if_calibrated": Figure("the same if the model were right", chance),
        "overconfidence": Figure("size of intervals less the share inside, mean", over),
        **inside,
    }


def diagram(below: Tensor, num_bins: int) -> Picture:
    """Draw which share of the targets lies in central intervals of each size."""
    return reliability(
        sizes(num_bins).tolist(),
        coverage(below, num_bins).tolist(),
        [1 / num_bins] * num_bins,
        xlabel="nominal size of central intervals",
        ylabel="share of targets inside",
    )
