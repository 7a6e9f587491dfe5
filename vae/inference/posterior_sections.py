"""A fitted posterior, its diagnosis, and the chains beside it, as sections of a report."""

__all__ = ["diagnosis_section", "posterior_section"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae.evaluation.section import Figure, Section
from vae.inference.convergence import count_late
from vae.inference.coordinates import coordinates_of
from vae.inference.diagnosis import Diagnosis
from vae.inference.markov_chains import Chains
from vae.inference.mixing import bulk_ess, split_rhat
from vae.inference.posterior_pictures import (
    MOST_PAIRS,
    draw_chains,
    draw_elbo,
    draw_marginals,
    draw_pairs,
)
from vae.inference.probabilities import probability_tables
from vae.inference.states import States

MOST_ROWS, MOST_PANELS = 100, 12
QUANTILES = {"5 %": 0.05, "50 %": 0.5, "95 %": 0.95}
MIXED = 1.01  # R̂ above which chains disagree
ENOUGH = 400.0  # draws that they should be worth
FAR = 0.2  # posterior standard deviations by which two means differ so that it matters
WIDER = 0.15  # part by which two standard deviations do


def diagnosis_section(diagnosis: Diagnosis, steps: Tensor, elbo: Tensor, errors: Tensor) -> Section:
    """Say whether a fit is to be trusted, and show the trace of its ELBO.

    Args:
        diagnosis: What was found.
        steps: Of the trace, ``(V,)``.
        elbo: ``(V,)``, nats.
        errors: ``(V,)``.
    """
    trend = diagnosis.convergence
    figures = {
        "elbo": Figure("ELBO at the end", elbo[-1].item(), "nats", errors[-1].item()),
        "gain": Figure("rise over the last third of the run", trend.gain, "nats", trend.error),
        "khat": Figure("Pareto k̂ of the importance weights", diagnosis.khat),
        "threshold": Figure("limit of k̂", diagnosis.threshold),
        "ess": Figure("effective sample size of the weights", diagnosis.ess, "samples"),
        "num_samples": Figure("importance weights", diagnosis.num_samples),
    }
    tone = "good" if diagnosis.trusted else "caution" if not diagnosis.converged else "bad"
    remark = {"topic": "Fit", "text": diagnosis.sentence, "tone": tone}
    picture = draw_elbo(steps, elbo, errors, count_late(len(elbo)))
    return Section(
        "Is the fit to be trusted?",
        figures,
        pictures={"ELBO during the fit": picture},
        series={"remarks": [remark], "steps": steps.tolist(), "elbo": elbo.tolist()},
    )


@dataclass(frozen=True)
class Coordinates:
    """Draws of a posterior and of chains, coordinate by coordinate.

    Attributes:
        names: M of them.
        fit: ``(n, M)``.
        chains: ``(C, S, M)``; ``None`` where there are none.
    """

    names: list[str]
    fit: Tensor
    chains: Tensor | None

    @property
    def joined(self) -> Tensor | None:
        """Draws of all chains, ``(C S, M)``."""
        return None if self.chains is None else self.chains.flatten(0, 1)

    def chosen(self, places: Sequence[int]) -> "Coordinates":
        """Return some of them."""
        picked = list(places)
        chains = None if self.chains is None else self.chains[..., picked]
        return Coordinates([self.names[i] for i in picked], self.fit[:, picked], chains)

    def by_disagreement(self) -> list[int]:
        """Return where fit and chains disagree most in mean, width or correlation, first."""
        joined = self.joined
        if joined is None:
            return list(range(len(self.names)))
        shift, width = (difference.abs() for difference in differences(self.fit, joined))
        turned = (self.fit.T.corrcoef() - joined.T.corrcoef()).abs().reshape(len(self.names), -1)
        score = torch.stack([shift, width.log1p(), turned.amax(1)]).nan_to_num(0).amax(0)
        return score.argsort(descending=True, stable=True).tolist()


def differences(fit: Tensor, chains: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far the means are apart, in deviations of the chains, and the widths, in parts."""
    std = chains.std(0)
    return (fit.mean(0) - chains.mean(0)) / std, fit.std(0) / std - 1


def posterior_section(
    draws: dict[str, Tensor], chains: Chains | None, states: States | None = None
) -> Section:
    """Show every latent of a fit, beside the draws of chains where there are any.

    Args:
        draws: Of the fit, of those that are not discrete, ``(n, *shape)`` by name.
        chains: Of the same latents.
        states: q over those that are discrete.

    Raises:
        ValueError: If the chains have other latents.
    """
    discrete = {} if states is None else probability_tables(states)
    if not draws:
        return Section("The posterior", tables=discrete)
    both = coordinates(draws, chains)
    by = "chains" if chains is None else chains.method
    shown = both.chosen(sorted(both.by_disagreement()[:MOST_PANELS]))
    pairs = both.chosen(sorted(both.by_disagreement()[:MOST_PAIRS]))
    pictures = {"Marginals": draw_marginals(shown.names, shown.fit, shown.joined, by)}
    if len(pairs.names) > 1:
        pictures["Pairs"] = draw_pairs(pairs.names, pairs.fit, pairs.joined, by)
    series: dict[str, Any] = {}
    if chains is not None and both.chains is not None:
        worst = int(split_rhat(both.chains).nan_to_num(torch.inf).argmax())
        title = f"Chains of {both.names[worst]}, whose R̂ is largest"
        pictures[title] = draw_chains(both.names[worst], both.chains[..., worst])
        series["remarks"] = [of_chains(chains, both), of_both(both, by)]
    left = len(both.names) - len(shown.names)
    most = "where fit and chains disagree most" if chains is not None else "the first"
    notes = (
        [f"Of {len(both.names)} coordinates {len(shown.names)} are drawn: {most}."] if left else []
    )
    table = rows(both, by)[:MOST_ROWS]
    title = "The posterior" if chains is None else f"The fit beside {by}"
    return Section(
        title,
        protocol={"draws of the fit": len(both.fit), **protocol_of(chains)},
        tables={"mean, standard deviation and quantiles": table, **discrete},
        pictures=pictures,
        series=series,
        notes=notes,
    )


def coordinates(draws: dict[str, Tensor], chains: Chains | None) -> Coordinates:
    """Return both, coordinate by coordinate, those that the fit never moves left out."""
    names, fit = coordinates_of(draws)
    if chains is None:
        return Coordinates(names, fit, None)
    if chains.values.keys() != draws.keys():
        raise ValueError(f"the fit is of {tuple(draws)}, the chains of {tuple(chains.values)}")
    count = chains.draws.shape[:2]
    flat = {name: value.flatten(0, 1) for name, value in chains.values.items()}
    theirs, columns = coordinates_of(flat)
    if theirs != names:
        raise ValueError("a latent of the chains never moved, or has another shape than the fit's")
    return Coordinates(names, fit, columns.unflatten(0, count))


def protocol_of(chains: Chains | None) -> dict[str, Any]:
    """Return what the chains were."""
    if chains is None:
        return {}
    count, length = chains.draws.shape[:2]
    return {"method": chains.method, "chains": count, "draws of each": length}


def rows(both: Coordinates, by: str) -> list[dict[str, Any]]:
    """Return a row for each coordinate, of the fit and of the chains side by side."""
    told = {"fit": summary(both.fit)}
    joined = both.joined
    if joined is not None and both.chains is not None:
        told[by] = summary(joined)
        shift, width = differences(both.fit, joined)
        quality = {"R̂": split_rhat(both.chains), "ESS": bulk_ess(both.chains).round()}
        more = {"apart (sd)": shift, "sd ratio": width + 1, **quality}
    else:
        more = {}
    found = []
    for i, name in enumerate(both.names):
        row: dict[str, Any] = {"latent": name}
        for what in told["fit"]:
            row |= {f"{who} {what}": told[who][what][i].item() for who in told}
        found.append(row | {key: value[i].item() for key, value in more.items()})
    return found


def summary(draws: Tensor) -> dict[str, Tensor]:
    """Return mean, deviation and quantiles of draws ``(n, M)``, ``(M,)`` each."""
    quantiles = {name: draws.quantile(q, 0) for name, q in QUANTILES.items()}
    return {"mean": draws.mean(0), "sd": draws.std(0), **quantiles}


def of_chains(chains: Chains, both: Coordinates) -> dict[str, str]:
    """Say whether the chains themselves can be trusted."""
    assert both.chains is not None
    rhat = split_rhat(both.chains).nan_to_num(torch.inf).max().item()
    ess = bulk_ess(both.chains).nan_to_num(0).min().item()
    bad = []
    if rhat > MIXED:
        bad.append(f"R̂ is up to {rhat:.3f}, above {MIXED}")
    if ess < ENOUGH:
        bad.append(f"the least effective sample size is {ess:.0f}, below {ENOUGH:.0f}")
    if chains.divergences:
        bad.append(f"{chains.divergences} transitions diverged")
    if bad:
        text = f"Do not take {chains.method} for the truth: {', and '.join(bad)}."
        return {"topic": "Chains", "text": text, "tone": "caution"}
    text = f"{chains.method} has mixed: R̂ is at most {rhat:.3f}, each mean worth {ess:,.0f} draws."
    return {"topic": "Chains", "text": text, "tone": "good"}


def of_both(both: Coordinates, by: str) -> dict[str, str]:
    """Say where fit and chains differ."""
    assert both.joined is not None
    shift, width = differences(both.fit, both.joined)
    far, wide = int(shift.abs().argmax()), int(width.abs().argmax())
    apart, ratio = shift[far].item(), width[wide].item() + 1
    agree = abs(apart) < FAR and abs(ratio - 1) < WIDER
    start = "agree" if agree else "differ"
    text = (
        f"Fit and {by} {start}: the means lie up to {abs(apart):.2f} standard deviations apart "
        f"({both.names[far]}), and the fit's deviation is {ratio:.2f} times that of {by} at the "
        f"most distant ({both.names[wide]})."
    )
    return {"topic": "Side by side", "text": text, "tone": "good" if agree else "caution"}
