"""Small subjects for evaluations: a model and data held in memory."""

import torch
from torch import Tensor

from vae.data import DataModule, DataSpec
from vae.data.source import Source, Splits, TensorExamples
from vae.evaluation import Subject
from vae.models import Model


class Held(Source):
    """The same examples as training and as test data."""

    def __init__(self, spec: DataSpec, examples: TensorExamples) -> None:
        self._spec, self.examples = spec, examples

    @property
    def spec(self) -> DataSpec:
        return self._spec

    def prepare(self) -> None:
        pass

    def load(self) -> Splits:
        return Splits(train=self.examples, val=self.examples, test=self.examples)


def subject_of(
    model: Model,
    x: Tensor,
    *,
    labels: Tensor | None = None,
    factors: Tensor | None = None,
    support: str = "real",
    class_names: tuple[str, ...] = (),
    **settings,
) -> Subject:
    """Return a subject whose every split is ``x``, ``(N, *shape)``."""
    sizes = () if factors is None else tuple(int(column.max()) + 1 for column in factors.T)
    spec = DataSpec(
        "held",
        tuple(x.shape[1:]),
        support,
        num_classes=None if labels is None else int(labels.max()) + 1,
        class_names=class_names,
        factor_names=tuple(f"factor{i}" for i in range(len(sizes))),
        factor_sizes=sizes,
    )
    data = DataModule(Held(spec, TensorExamples(x.to(torch.float32), labels, factors)))
    return Subject(model.eval(), data, **settings)
