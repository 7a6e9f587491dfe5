"""The order in which a page shows the sections of a report."""

__all__ = ["LEAD", "SectionGroup", "grouped"]

from collections.abc import Iterable
from typing import NamedTuple

LEAD = "gallery"  # stands above all groups: samples beside data, reconstructions
QUESTIONS = {  # of a reader, and the sections that answer them
    "How well does it fit?": (
        *("bound", "predictions", "forecast", "missing_steps", "denoising", "open_loop"),
        *("annealing", "amortization", "rate_distortion", "by_label"),
    ),
    "What does the latent space hold?": (
        *("latent_space", "posterior_draws", "hierarchy", "traversals", "interpolations"),
        *("scatter", "disentanglement"),
    ),
    "What can it be used for?": (
        *("reconstruction_quality", "sample_quality", "neighbours"),
        *("probe", "classification", "completions", "anomaly", "imputation"),
    ),
}
REST = "Further"


class SectionGroup(NamedTuple):
    """Sections that answer one question.

    Attributes:
        title: The question; empty where a page has no groups.
        names: Of the sections.
    """

    title: str
    names: list[str]


def grouped(names: Iterable[str]) -> list[SectionGroup]:
    """Return the sections of a report in groups, those of unknown names last.

    A report none of whose sections has a known name is one group without a title.
    """
    left = [name for name in names if name != LEAD]
    groups = []
    for title, members in QUESTIONS.items():
        found = [name for name in members if name in left]
        left = [name for name in left if name not in found]
        groups += [SectionGroup(title, found)] if found else []
    return [*groups, SectionGroup(REST if groups else "", left)] if left else groups
