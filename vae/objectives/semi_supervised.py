"""The bound of few labels among many examples: classes that are not known are summed over."""

__all__ = ["SemiSupervised"]

from typing import NamedTuple

import torch
from torch import Tensor

from vae.checks import check_int
from vae.distributions import PartlyKnown
from vae.draws import Enumerated
from vae.objectives.objective import START, Objective, Progress
from vae.objectives.schedule import Schedule, check_weight
from vae.trace import Trace


class ClassOfTrace(NamedTuple):
    """The class of a trace: its name, its posterior, and the labels of B examples."""

    name: str
    q: PartlyKnown
    label: Tensor
    known: Tensor


class TermsOfBound(NamedTuple):
    """The two terms of the ELBO, summed over the classes by q(y|x), ``(B,)``."""

    log_px: Tensor
    kl: Tensor


class SemiSupervised(Objective):
    r"""The loss of a model whose class y is known of N_l of N examples, per example.

    .. math::
        -\tfrac{1}{N} \Big( \sum_{labelled} L(x, y) + \sum_{others} U(x) \Big)
        - α \tfrac{1}{N_l} \sum_{labelled} \log q(y|x)

    with the bounds :math:`L(x, y) = \log p(y) + E_q[\log p(x|y, z)] - KL(q(z|x, y) ‖ p(z))` on
    log p(x, y) and :math:`U(x) = \sum_y q(y|x) L(x, y) + H(q(y|x))` on log p(x). The paper's
    α is N times this one. A batch may hold any number of either kind: their means are weighted by
    N_l/N and 1 − N_l/N; where N_l or N is not known, by their numbers in the batch.

    This is β = 1. Above it what z says is dear, so that y says what it can; a z that says the class
    too leaves y without meaning. The loss is no bound then, but for β > 1 lies above it.

    In evaluation mode the bound is U of all examples, and the last term is that of all labels.

    Args:
        alpha: Weight α of the classification term, in nats per nat, at least 0.
        beta: Weight β of the KL of latents whose prior is one for all examples, which z is and
            neither the class nor the code of M1+M2; at least 0, or a schedule.
        num_labelled: N_l, at least 1; ``None`` if all are labelled or it is not known.

    Raises:
        ValueError: If a number is out of range; when a trace is given, if no class of it is partly
            known, or no label is given.

    References:
        Semi-supervised Learning with Deep Generative Models (Kingma, Rezende, Mohamed, Welling,
        2014), 1406.5298.
    """

    fields = ("label",)

    def __init__(
        self,
        alpha: float = 0.1,
        *,
        beta: float | Schedule = 1.0,
        num_labelled: int | None = None,
    ) -> None:
        super().__init__()
        if not alpha >= 0:
            raise ValueError(f"alpha must be at least 0; got {alpha}")
        check_int("num_labelled", num_labelled, optional=True)
        self.alpha = alpha
        self.beta = check_weight("beta", beta)
        self.num_labelled = num_labelled

    @property
    def monitor(self) -> str:
        """The bound on log p(x), which needs no label of validation."""
        return "val/elbo"

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return ``reconstruction`` and ``kl``, those of labelled examples, ``classification``."""
        y = the_class(trace)
        bound = summed(trace, y, None if self.beta == 1 else at(self.beta))
        cross_entropy = -self.alpha * mean_where(y.known, y.q.guess.log_prob(y.label.clamp_min(0)))
        if not y.q.told:
            return {
                "reconstruction": -bound.log_px.mean(),
                "kl": bound.kl.mean(),
                "classification": cross_entropy,
            }
        share = y.known.double().mean().to(bound.kl)
        if self.num_labelled is not None and at.num_examples:
            share = torch.full_like(share, self.num_labelled / at.num_examples)
        terms = {"classification": cross_entropy}
        for name, rows, weight in (("", ~y.known, 1 - share), ("labelled_", y.known, share)):
            terms[f"{name}reconstruction"] = -weight * mean_where(rows, bound.log_px)
            terms[f"{name}kl"] = weight * mean_where(rows, bound.kl)
        return terms

    def figures(self, trace: Trace) -> dict[str, Tensor]:
        """Return the ``accuracy`` of q(y|x) on examples with a label."""
        y = the_class(trace)
        right = y.q.guess.logits.argmax(-1) == y.label
        return {"accuracy": mean_where(y.known, right.float())}


def the_class(trace: Trace) -> ClassOfTrace:
    """Return the class of a trace.

    Raises:
        ValueError: If there is none, or nothing is known of it.
    """
    for latent in trace.latents:
        if isinstance(latent.q, PartlyKnown):
            if latent.q.label is None or latent.q.known is None:
                raise ValueError("a semi-supervised bound reads label of a batch: give it")
            return ClassOfTrace(latent.name, latent.q, latent.q.label, latent.q.known)
    names = ", ".join(latent.name for latent in trace.latents)
    raise ValueError(
        f"a semi-supervised bound needs a model of a class, and this one has the latent {names}: "
        "use model=m2, or objective=elbo"
    )


def summed(trace: Trace, y: ClassOfTrace, beta: float | None = None) -> TermsOfBound:
    """Return the bound of a batch, in which y is summed over and the others are drawn given it.

    The KL of those others whose prior is one for all examples counts ``beta`` times.
    """
    assert trace.rerun is not None
    classes = torch.eye(y.q.event_shape[0], dtype=y.q.logits.dtype, device=y.q.logits.device)
    draws = Enumerated(y.name, classes, num_examples=trace.num_examples)
    trace.rerun(draws)
    every, probability = draws.trace(), y.q.probs.T
    log_px, kl = every.log_px, every.kl
    if beta is not None:
        for latent in every.latents:
            if latent.name != y.name and not latent.p.batch_shape:
                kl = kl + (beta - 1) * latent.kl
    return TermsOfBound((probability * log_px).sum(0), (probability * kl).sum(0))


def mean_where(rows: Tensor, values: Tensor) -> Tensor:
    """Return the mean of some of the values, ``(B,)``; 0 if there are none."""
    return torch.where(rows, values, 0.0).sum() / rows.sum().clamp_min(1)
