"""Whether the ELBO of a run has levelled off."""

__all__ = ["SEEN", "Convergence", "count_late", "judge_trace"]

from typing import NamedTuple

import torch
from torch import Tensor

FEWEST = 15  # evaluations of which the last third shows a trend beside its scatter
PER_DIM = 0.005  # nats: what means off by a tenth of a standard deviation cost, ½ 0.1²
LATE = 0.2  # of all that was gained: so much in the last third is a run that has hardly begun
SURE = 0.99  # probability with which a run that is flat is called so
MOST_ALIKE = 0.8  # correlation of neighbours; beyond, the line is at fault
FELL = 0.05  # nats a dimension: falls below are those of a constant learning rate
SEEN = 1.0  # nats: a rise that a test should see, at least


class Convergence(NamedTuple):
    """How a trace of the ELBO ends.

    Attributes:
        converged: Whether it is finite and neither rises nor falls.
        gain: By how much the line through the last third rises from its start to its end, nats;
            NaN where there is none.
        error: Standard error of the gain, nats.
        text: The end of the sentence "the ELBO …".
        blind: Whether it is level only as far as its noise lets see: a rise of a nat, or of 0.005
            nats a dimension, would not show.
        short: Whether there were too few evaluations.
    """

    converged: bool
    gain: float
    error: float
    text: str
    blind: bool = False
    short: bool = False


def judge_trace(elbo: Tensor, errors: Tensor | None = None, *, dim: int = 1) -> Convergence:
    r"""Say whether the ELBO still changes over the last third of its evaluations.

    A line is fitted to them by least squares, each weighted by its Monte Carlo error; its gain has
    a standard error from the scatter about the line, that of the draws and of the optimiser's
    steps together, and from the correlation of neighbours. The run has not converged where the
    gain is beyond the quantile .99 of Student's distribution, and

    - above 0.005 nats a dimension, which is the KL of means that are off by a tenth of their
      standard deviation, or
    - above a fifth of what was gained since the first evaluation: of a slow run, whose next
      third would gain as much;

    or where it is a fall of 0.05 nats a dimension.

    A learning rate that falls to zero makes the rise smaller than what is missing, yet evaluations
    that all draw the same noise, as those of `vae.fit`, show it.

    Args:
        elbo: Estimates of the ELBO of all data along the run, at even distances, ``(V,)``, nats.
        errors: Their Monte Carlo standard errors, ``(V,)``; by default all alike.
        dim: D, of the posterior.

    Raises:
        ValueError: If the two are not equally long.
    """
    if errors is not None and errors.shape != elbo.shape:
        raise ValueError(
            f"errors must be one for each ELBO, {tuple(elbo.shape)}; got {tuple(errors.shape)}"
        )
    count = len(elbo)
    if bad := int((~elbo.isfinite()).sum()):
        return Convergence(False, torch.nan, torch.nan, f"was not finite {bad} times of {count}")
    if count < FEWEST:
        text = f"was evaluated {count} times, and is judged from {FEWEST} on"
        return Convergence(False, torch.nan, torch.nan, text, short=True)
    start = count - count_late(count)
    late = elbo[start:].double()
    gain, error = trend(late, None if errors is None else errors[start:].double())
    seen = quantile(len(late) - 2) * error
    matters = min(PER_DIM * dim, LATE * max(late.mean().item() - elbo[0].item(), 0.0))
    over = f"over the last {len(late)} of {count} evaluations"
    told = f"by {abs(gain):.2g} ± {error:.1g} nats {over}"
    if gain > max(seen, matters):
        return Convergence(False, gain, error, f"still rose {told}")
    if -gain > max(seen, FELL * dim):
        return Convergence(False, gain, error, f"fell {told}")
    blind = seen > max(SEEN, PER_DIM * dim)
    caveat = f", where a rise below {seen:.2g} nats is not seen" if blind else ""
    return Convergence(True, gain, error, f"is level {over}{caveat}", blind)


def count_late(count: int) -> int:
    """Return how many of so many evaluations are judged, the last third; 0 of too few."""
    return count // 3 if count >= FEWEST else 0


def trend(elbo: Tensor, errors: Tensor | None) -> tuple[float, float]:
    """Return the rise of the line through values ``(V,)`` over all of them, and its error.

    The errors are relative: the scatter about the line is measured.
    """
    x = torch.linspace(0, 1, len(elbo), dtype=elbo.dtype, device=elbo.device)
    known = errors is not None and bool((errors.isfinite() & (errors > 0)).all())
    weight = errors.square().reciprocal() if known and errors is not None else torch.ones_like(x)
    weight = weight / weight.sum()
    dx, dy = x - (weight * x).sum(), elbo - (weight * elbo).sum()
    spread = (weight * dx.square()).sum()
    slope = (weight * dx * dy).sum() / spread
    residual = weight.sqrt() * (dy - slope * dx)
    rest = residual.square().sum()
    # An optimiser wanders: what lies above the line stays there for a while.
    rho = ((residual[1:] * residual[:-1]).sum() / rest).nan_to_num(0).clamp(0, MOST_ALIKE)
    error = (rest / spread / (len(elbo) - 2) * (1 + rho) / (1 - rho)).sqrt()
    return slope.item(), error.item()


def quantile(freedom: int) -> float:
    """Return the quantile .99 of Student's distribution."""
    from scipy.stats import t

    return float(t.ppf(SURE, freedom))
