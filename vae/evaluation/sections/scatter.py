"""The latents of the examples in two dimensions, as a section of the report."""

__all__ = ["Scatter"]

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vae.data import DataSpec
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import points
from vae.evaluation.drawing.projections import PROJECTIONS, check_method, explained_variance
from vae.evaluation.drawing.thumbnails import thumbnails
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.named import need_values
from vae.evaluation.section import Embedding, Figure, NotApplicable, Section
from vae.evaluation.subject import Codes, Subject

LABEL = "label"
FEW = 10  # values of a factor that is drawn as classes
FEWEST = 8  # points of which a neighbourhood is some part
MOST = 20_000  # points: more hide each other, and t-SNE takes a quarter of an hour


class Scatter(Evaluation):
    """Centres of q(z|x) laid out in two dimensions, one picture for each factor or the labels.

    Args:
        method: ``pca``, ``tsne`` or ``umap`` (needs umap-learn).
        num_examples: How many of the split's first examples, 8 to 20,000.
        num_factors: By how many of the factors the points are coloured, at least 1.

    Raises:
        ValueError: If a setting is out of range, or the package is not installed.
    """

    def __init__(
        self, method: str = "pca", *, num_examples: int = 2000, num_factors: int = 8
    ) -> None:
        check_method(method)
        if not FEWEST <= num_examples <= MOST:
            raise ValueError(
                f"num_examples must be from {FEWEST} to {MOST:,}; got {num_examples:,}"
            )
        if num_factors < 1:
            raise ValueError(f"num_factors must be at least 1; got {num_factors}")
        self.method = method
        self.num_examples = num_examples
        self.num_factors = num_factors

    def __call__(self, subject: Subject) -> Section:
        """Draw the first examples of the subject's split."""
        codes = subject.codes(self.num_examples)
        if len(codes.z) < FEWEST:
            raise NotApplicable(f"a scatter of latents needs {FEWEST} examples or more")
        need_values(codes.z)
        if not codes.z.isfinite().all():
            raise NotApplicable("the latents are not finite: the model has diverged")
        columns = colors(codes, subject.spec.factor_names)
        pictures = pictures_of(subject, self.num_examples)
        return Section(
            "Scatter of the latents",
            explained(codes.z),
            {"method": self.method, "num_examples": len(codes.z), "seed": subject.seed},
            pictures=self.pictures(codes.z, columns, subject),
            embeddings={"latents": Embedding(codes.z, named(columns, subject.spec), pictures)},
        )

    def pictures(
        self, z: Tensor, columns: Mapping[str, list[int]], subject: Subject
    ) -> dict[str, Picture]:
        """Lay the points out once and colour them by each column."""
        name, project, *_ = PROJECTIONS[self.method]
        xy = project(z, subject.seed)
        axes = {"xlabel": f"{name} 1", "ylabel": f"{name} 2"}
        if not columns:
            return {f"{name} of the latents": points(xy, None, **axes)}
        drawn = {}
        for column, values in list(columns.items())[: self.num_factors]:
            chosen, names = classes_of(column, values, subject.spec)
            title = f"{name} of the latents by {column}"
            drawn[title] = points(xy, chosen, named=column, names=names, **axes)
        return drawn


def classes_of(
    column: str, values: list[int], spec: DataSpec
) -> tuple[list[int], Sequence[str | int]]:
    """Return values as numbers of classes and the names of these, or as they are and no names.

    A factor with few values is one of classes too: each value has a colour and a legend of its own.
    """
    if not spec.factor_names and spec.num_classes:
        return values, [spec.class_name(label) for label in range(spec.num_classes)]
    found = sorted({*values})
    if column == LABEL or len(found) > FEW:
        return values, []
    return [found.index(value) for value in values], found


def colors(codes: Codes, factor_names: tuple[str, ...]) -> dict[str, list[int]]:
    """Return the factors by name, or else the labels, or nothing."""
    if codes.factors is not None:
        return dict(zip(factor_names, codes.factors.T.tolist(), strict=True))
    return {} if codes.labels is None else {LABEL: codes.labels.tolist()}


def named(columns: Mapping[str, list[int]], spec: DataSpec) -> dict[str, list[int | str]]:
    """Return the columns with classes by their names, where these are known."""
    return {
        column: [spec.class_name(value) for value in values] if column == LABEL else [*values]
        for column, values in columns.items()
    }


def explained(z: Tensor) -> dict[str, Figure]:
    """Return how much of the latents' variance the first principal components hold."""
    shares = explained_variance(z)
    if shares is None:
        return {}
    name = "variance explained by principal component"
    parts = shares[:2].tolist()
    return {f"explained_{i}": Figure(f"{name} {i}", part) for i, part in enumerate(parts, 1)}


def pictures_of(subject: Subject, num_examples: int) -> Tensor | None:
    """Return a thumbnail of each example, ``(N, 3, S, S)``, if they are pictures."""
    if len(subject.spec.shape) != 3:
        return None
    total = subject.count(num_examples)
    batches = subject.track_batches("thumbnails", num_examples)
    return torch.cat([thumbnails(batch["x"], total, subject.value_range) for batch in batches])
