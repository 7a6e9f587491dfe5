"""How the latents are used and how they lie in the prior, as a section of the report."""

__all__ = ["LatentSpace"]

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import torch
from torch import Tensor

from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import bars
from vae.evaluation.drawing.sides import ExampleClasses
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.aggregate_posterior import left_out
from vae.evaluation.measures.collapse import THRESHOLDS, LatentUse, diagnose
from vae.evaluation.measures.latent_statistics import ACTIVE_VARIANCE
from vae.evaluation.measures.named import need_values
from vae.evaluation.measures.prior_gap import against_prior, caveats, gap
from vae.evaluation.measures.prior_moments import LARGEST, as_many, prior_draws
from vae.evaluation.measures.seen import Pass, look, swap_costs
from vae.evaluation.pointless import learned_priors, pointless
from vae.evaluation.section import Figure, NotApplicable, Section, standard_error
from vae.evaluation.sections.latent_pictures import classes_of_examples, pictures_of_latent
from vae.evaluation.sections.latent_tables import (
    dimensions,
    name_of,
    rows_of_latents,
    several,
    unused,
)
from vae.evaluation.subject import Subject

PRIOR_DRAWS = 10_000
SHOWN = 1000  # rows of the table


class LatentSpace(Evaluation):
    r"""KL, activity and marginals of every latent dimension, q(z) against p(z), and a diagnosis.

    Of a model with several latents there is a table of these besides; they are judged together.
    The steps of a chain are one latent.

    Args:
        num_examples: How many of the split's first examples, at least 2; ``None`` means all.
        num_points: Draws from q(z) at which the aggregate posterior of all of them is evaluated,
            at least 2.
        num_shown: How many marginals are drawn, at least 1.

    References:
        ELBO surgery (Hoffman, Johnson, 2016). See also `AggregatePosterior` and `diagnose`.
    """

    def __init__(
        self,
        num_examples: int | None = 5000,
        *,
        num_points: int = 1000,
        num_shown: int = 12,
    ) -> None:
        if num_examples is not None and num_examples < 2:
            raise ValueError(f"num_examples must be at least 2 or null; got {num_examples}")
        if num_points < 2:
            raise ValueError(f"num_points must be at least 2; got {num_points}")
        if num_shown < 1:
            raise ValueError(f"num_shown must be at least 1; got {num_shown}")
        self.num_examples = num_examples
        self.num_points = num_points
        self.num_shown = num_shown

    @torch.no_grad()
    def __call__(self, subject: Subject) -> Section:
        """Measure on the subject's split."""
        count = subject.count(self.num_examples)
        if count < 2:
            raise NotApplicable("the use of the latents shows only over two examples or more")
        seen = look(subject, self.num_examples, self.num_points)
        if not seen.latents:
            raise NotApplicable("all examples share the latents of this model: none has its own")
        need_values(seen.latents[0].z.flatten(1))
        if not all(latent.z.isfinite().all() for latent in seen.latents):
            raise NotApplicable("the latents are not finite: the model has diverged")
        swap = swap_costs(subject, seen)
        draws = [prior_draws(latent.prior, PRIOR_DRAWS) for latent in seen.latents]
        table = dimensions(seen, draws)
        parts = {latent.name: against_prior(latent) for latent in seen.latents}
        use = LatentUse(
            seen.kl.mean().item(),
            swap.mean().item(),
            len(table),
            unused(table),
            noise(seen),
            largest_gap(parts, seen),
            standard_error(swap),
            pointless(subject.model),
            learned_priors(subject.model),
        )
        verdicts = diagnose(use)
        tables = {"latent dimensions": table[:SHOWN]}
        if several(seen):
            tables = {"latent variables": rows_of_latents(seen, parts), **tables}
        return Section(
            "Latent space",
            {**figures(seen, use), **({} if several(seen) else parts[seen.latents[0].name])},
            {**self.protocol(count), "prior_draws": prior_draws_of(seen)},
            tables,
            {"diagnosis": list(verdicts), "gap": use.gap},
            self.pictures(seen, draws, table, classes_of_examples(subject, count)),
            [*verdicts.values(), *notes(seen, parts, count, len(table))],
        )

    def protocol(self, count: int) -> dict[str, Any]:
        """Return what the figures depend on."""
        return {
            "num_examples": count,
            "num_points": min(self.num_points, count),
            "largest_mutual_information": log(count),
            "active_variance": ACTIVE_VARIANCE,
            "thresholds": THRESHOLDS,
        }

    def pictures(
        self,
        seen: Pass,
        draws: Sequence[Tensor],
        table: list[dict[str, Any]],
        classes: ExampleClasses | None,
    ) -> dict[str, Picture]:
        """Draw the use of each dimension, and each latent beside its prior."""
        title, key = "KL", "KL (nats)"
        if key not in table[0]:
            title = key = "variance of the centre"
        pictures = {
            f"{title} by latent dimension": bars(
                [row[key] for row in table], xlabel="rank of the latent dimension", ylabel=key
            )
        }
        for latent, from_prior in zip(seen.latents, draws, strict=True):
            of = name_of(seen, latent)
            rows = [row["dimension"] for row in table if row.get("latent", "") == of]
            pictures |= pictures_of_latent(latent, from_prior, rows, of, self.num_shown, classes)
        return pictures


def prior_draws_of(seen: Pass) -> int:
    """Return how many draws are made of each prior: fewer of very many coordinates."""
    return min(as_many(latent.z.shape[1:], PRIOR_DRAWS) for latent in seen.latents)


def notes(
    seen: Pass, parts: Mapping[str, Mapping[str, Figure]], count: int, num_dims: int
) -> list[str]:
    """Say what is left out, and which figures the number of examples falsifies."""
    said = []
    for name, found in parts.items():
        of = f"{name}: " if several(seen) else ""
        said += [of + note for note in caveats(found, count)]
    without = [latent.name for latent in seen.latents if latent.aggregate is None]
    if without:
        said.append(left_out(without))
    if seen.shared:
        said.append(f"{', '.join(seen.shared)} counts in the KL alone: all examples share it.")
    if any(latent.z[0].numel() > LARGEST for latent in seen.latents):
        said.append(
            f"The bound of KL(q(z) ‖ p(z)) is left out where a latent has more than {LARGEST:,} "
            "dimensions: their covariance would take too much memory."
        )
    if num_dims > SHOWN:
        said.append(f"The table has the {SHOWN} most used of {num_dims:,} dimensions.")
    return said


def largest_gap(parts: Mapping[str, Mapping[str, Figure]], seen: Pass) -> float | None:
    """Return how far q(z) is from p(z) as far as it is known, in nats; see `gap`.

    Of several latents any one's gap is a lower bound for that of all of them, which says something
    where it is large alone.
    """
    found = [gap(parts[latent.name], latent) for latent in seen.latents]
    if not several(seen):
        return found[0]
    largest = max((value for value in found if value is not None), default=0.0)
    return largest if largest > THRESHOLDS["holes_gap"] else None


def noise(seen: Pass) -> float | None:
    """Return the median part of q(z|x) in the variance of active dimensions; see `LatentUse`."""
    shares = []
    for latent in seen.latents:
        inner, between = latent.use.posterior_variances, latent.use.variances
        if inner is not None and not latent.discrete:
            shares.append((inner / (inner + between))[between > ACTIVE_VARIANCE])
    return torch.cat(shares).median().item() if shares and torch.cat(shares).numel() else None


def figures(seen: Pass, use: LatentUse) -> dict[str, Figure]:
    """Return the figures of the latents' use."""
    lost = "log p(x|z) lost with another example's z"
    share = "part of q(z|x) in the variance of q(z), median"
    return {
        "kl": Figure("KL(q ‖ p)", use.kl, "nats", standard_error(seen.kl)),
        "swap_cost": Figure(lost, use.swap_cost, "nats", use.swap_error),
        "active_units": Figure("active dimensions", use.num_dims - len(use.unused)),
        "num_dims": Figure("latent dimensions", use.num_dims),
        **({} if use.noise is None else {"noise": Figure(share, use.noise)}),
    }
