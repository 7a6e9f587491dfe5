"""The rate–distortion curve of the decoder and the model beside it, as a section of the report."""

__all__ = ["RateDistortion", "draw_rate_distortion"]

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from vae.evaluation.drawing.palette import class_colors, class_legend
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import plot
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.annealing import SCHEDULES
from vae.evaluation.measures.latent_path import CHAINS, annealed, check_chains
from vae.evaluation.measures.tradeoff import (
    Curve,
    Excess,
    excess_rate,
    rate_and_distortion,
    trace_curve,
)
from vae.evaluation.section import Figure, Section, averaged
from vae.evaluation.subject import Subject

ROWS = 12  # of the table
MORE_TEMPERATURES = "take more temperatures, report.rate_distortion.num_temperatures=…"
SHOWN = 0.2  # of its greatest rate; below, a curve is not drawn: distortion has another scale


class RateDistortion(Evaluation):
    r"""The rate–distortion curve of the decoder, and where the posterior lies above it.

    Distortion is −log p(x|z), rate the information that a code holds about x in nats. The curve
    is that of the best posterior for each β; the model's own point is (KL, −E log p(x|z)), the
    two terms of its negative ELBO.

    Args:
        num_examples: The first so many of the split, at least 1.
        num_chains: Chains per example, at least 2; two more find the step sizes.
        num_temperatures: Points of the curve, at least 2.
        num_steps: Leapfrog steps, each with one gradient, per temperature, at least 1.
        schedule: ``sigmoidal`` or ``geometric``.
        max_beta: The last β, above 0: the curve ends where a nat of rate buys 1/β of distortion.
        num_samples: Posterior samples of the model's own point, at least 1.

    References:
        Evaluating Lossy Compression Rates of Deep Generative Models (Huang, Makhzani, Cao, Grosse,
        2020), 2008.06653.
        Fixing a Broken ELBO (Alemi et al., 2018), 1711.00464.
    """

    def __init__(
        self,
        num_examples: int = 8,
        *,
        num_chains: int = 6,
        num_temperatures: int = 100,
        num_steps: int = 3,
        schedule: str = "geometric",
        max_beta: float = 4.0,
        num_samples: int = 50,
    ) -> None:
        check_chains(num_examples, num_chains, num_temperatures, num_steps, schedule)
        if num_samples < 1:
            raise ValueError(f"num_samples must be at least 1; got {num_samples}")
        if not 0 < max_beta < float("inf"):
            raise ValueError(f"max_beta must be a finite number above 0; got {max_beta}")
        self.num_examples, self.num_chains, self.num_steps = num_examples, num_chains, num_steps
        self.num_temperatures, self.schedule = num_temperatures, schedule
        self.max_beta, self.num_samples = max_beta, num_samples

    def __call__(self, subject: Subject) -> Section:
        """Measure on the first examples of the subject's split."""
        x = subject.examples(subject.count(self.num_examples))["x"]
        betas = self.max_beta * SCHEDULES[self.schedule](self.num_temperatures)
        curve = trace_curve(
            annealed(subject, x, betas, num_chains=self.num_chains, num_steps=self.num_steps)
        )
        own = rate_and_distortion(
            subject.model, x, num_samples=self.num_samples, max_rows=subject.max_rows
        )
        excess = excess_rate(curve, *own)
        xy = (curve.distortion.mean(1).tolist(), curve.rate.mean(1).tolist())
        point = ("model", own[0].mean().item(), own[1].mean().item())
        return Section(
            "Rate and distortion",
            figures_of(*own, excess),
            {**vars(self), **CHAINS},
            tables={"Rate–distortion curve": rows_of(curve)},
            series={"beta": curve.betas.tolist(), "distortion": xy[0], "rate": xy[1]},
            pictures={"Rate and distortion": draw_rate_distortion([point], {"best code": xy})},
            notes=notes_of(excess, self.max_beta),
        )


def figures_of(rate: Tensor, distortion: Tensor, excess: Excess | None) -> dict[str, Figure]:
    """Return the model's own point and its distance from the curve."""
    figures = {
        "rate": averaged("rate of the model, KL(q ‖ p)", rate, "nats"),
        "distortion": averaged("distortion of the model, −log p(x|z)", distortion, "nats"),
    }
    if excess is not None:
        figures |= {
            "best_rate": averaged(
                "least rate at the model's distortion", rate - excess.each, "nats"
            ),
            "excess_rate": averaged("rate of the model above the least", excess.each, "nats"),
            "slope": Figure("β at which the curve is as faithful", excess.beta),
        }
    return {**figures, "num_examples": Figure("examples", len(rate))}


def rows_of(curve: Curve) -> list[dict[str, Any]]:
    """Return some points of the curve, evenly spaced in the schedule, the last among them."""
    last = len(curve.betas) - 1
    chosen = sorted({round(last * i / (ROWS - 1)) for i in range(ROWS)})
    rows = []
    for i in chosen:
        rate, distortion = averaged("", curve.rate[i]), averaged("", curve.distortion[i])
        rows.append(
            {
                "β": curve.betas[i].item(),
                "rate (nats)": rate.value,
                "± rate": rate.error,
                "distortion (nats)": distortion.value,
                "± distortion": distortion.error,
                "effective chains": curve.effective_chains[i].mean().item(),
            }
        )
    return rows


def notes_of(excess: Excess | None, max_beta: float) -> list[str]:
    """Return what a reader should know of the curve."""
    notes = [
        "Each rate of the curve is an upper bound in expectation: fewer temperatures raise it."
    ]
    if excess is None:
        notes.append(
            f"The curve ends, at β = {max_beta:g}, before it is as faithful as the model: raise "
            f"report.rate_distortion.max_beta=… to compare them, or {MORE_TEMPERATURES}."
        )
    elif excess.each.mean() < 0:
        notes.append(
            "The model lies below the curve, which no code does: the chains fell short of their "
            f"densities. To mend it, {MORE_TEMPERATURES}."
        )
    return notes


def frontier(pairs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the pairs to which no other is as good in both, by the first of each.

    >>> frontier([(9, 1), (5, 3), (6, 2), (7, 2.5)])
    [(5, 3), (6, 2), (9, 1)]
    """
    best: list[tuple[float, float]] = []
    for pair in sorted({*pairs}):
        if not best or pair[1] < best[-1][1]:
            best.append(pair)
    return best


def draw_rate_distortion(
    codes: Sequence[tuple[str, float, float]],
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
) -> Picture:
    """Draw models as points of the rate–distortion plane.

    Args:
        codes: Name, rate and distortion of each, nats: of one model, or of one for each β.
        curves: For each name distortions and rates; where the rate is small they are
            left out, since there the distortion has another scale. The line joins the best:
            those that are worse in both than another, by the noise of the chains, are dots.
    """

    curves = curves or {}
    names = [*curves, *(name for name, _, _ in codes)]
    colors = class_colors(len(names))

    def draw(axes: Any) -> None:
        for (distortion, rate), color in zip(curves.values(), colors, strict=False):
            pairs = zip(distortion, rate, strict=True)
            shown = [(d, r) for d, r in pairs if r >= SHOWN * max(rate)]
            best = frontier(shown)
            axes.plot(*zip(*best, strict=True), color=color)
            for d, r in sorted({*shown} - {*best}):
                axes.plot([d], [r], ".", color=color, markersize=3)
        for (_, own_rate, own_distortion), color in zip(codes, colors[len(curves) :], strict=True):
            axes.plot([own_distortion], [own_rate], "o", color=color)

    return plot(draw, "distortion −log p(x|z) (nats)", "rate (nats)", class_legend(names))
