"""What every evaluation is: a map from a subject to a section of the report."""

__all__ = ["Evaluation", "Report", "measure"]

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from vae.data.randomness import stream_seed
from vae.evaluation.section import NotApplicable, Section
from vae.evaluation.subject import Subject
from vae.history import Point
from vae.models import Model
from vae.networks.layout import pixels_together

NO_PREDICTION = "the model is one of x: it predicts nothing"
NO_SEQUENCES = "the model is none of sequences"
NO_WORLD = "it is of worlds alone, such as model=rssm"
NO_FUNCTIONS = "the model does not complete functions"
# Of a report of many parts, not said.
UNSAID = (NO_PREDICTION, NO_SEQUENCES, NO_WORLD, NO_FUNCTIONS)


class Evaluation(ABC):
    """Measures one aspect of a trained model; its settings are the constructor's arguments.

    Attributes:
        of_predictions: Whether it judges models that predict something from x, or else models of x;
            ``None``: both.
    """

    of_predictions: bool | None = False

    @abstractmethod
    def __call__(self, subject: Subject) -> Section:
        """Measure.

        Draws from the global random state, which `measure` has seeded.

        Raises:
            NotApplicable: If it has no meaning for this model or these data.
        """


@dataclass(frozen=True)
class Report:
    """The sections of several evaluations of one subject.

    Args:
        protocol: What all of them share: split, data, seed.
        sections: By the name of the evaluation.
        left_out: For each evaluation that does not apply, the reason.
        title: Its heading: data and model.
        details: What a reader may look up, by title: the run's settings, the environment.
        config: The settings of the run.
        history: Its validations, for the curve of training.
    """

    protocol: Mapping[str, Any]
    sections: Mapping[str, Section]
    left_out: Mapping[str, str] = field(default_factory=dict)
    title: str = "Evaluation"
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Point] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return what ``metrics.json`` holds."""
        sections = {name: section.as_dict() for name, section in self.sections.items()}
        ends = {"left_out": dict(self.left_out), "details": dict(self.details)}
        return {"protocol": dict(self.protocol), **sections, **ends}


def measure(subject: Subject, evaluations: Mapping[str, Evaluation]) -> Report:
    """Make every evaluation of a subject.

    Each starts from the subject's seed, so that leaving one out does not change another; the
    global random state is left as it was.
    """
    if not isinstance(evaluations, Mapping):
        raise TypeError(
            'measure takes evaluations by name, such as {"bound": Bound()}; '
            f"got {type(evaluations).__name__}"
        )
    sections, left_out = {}, {}
    with pixels_together(subject.model):
        for name, evaluation in evaluations.items():
            with torch.random.fork_rng():
                torch.manual_seed(stream_seed(subject.seed))
                try:
                    refuse_others(evaluation, subject.model)
                    sections[name] = evaluation(subject)
                except NotApplicable as reason:
                    left_out[name] = str(reason)
    if sections:
        left_out = {name: reason for name, reason in left_out.items() if reason not in UNSAID}
    return Report(subject.protocol, sections, left_out)


def refuse_others(evaluation: Evaluation, model: Model) -> None:
    """Refuse a model of another kind than an evaluation judges.

    Raises:
        NotApplicable: Saying what the model does.
    """
    if evaluation.of_predictions in (None, model.predicts is not None):
        return
    if model.predicts is None:
        raise NotApplicable(NO_PREDICTION)
    raise NotApplicable(f"the model predicts {model.predicts} from x, and makes no x")
