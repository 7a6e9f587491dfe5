"""Samples beside the training examples nearest to them, as a section of the report."""

__all__ = ["Neighbours", "nearest"]

from collections.abc import Iterable

import torch
from torch import Tensor

from vae.batch import Batch
from vae.checks import check_int, check_range
from vae.evaluation.drawing.reconstructions import samples
from vae.evaluation.drawing.render import picture_of
from vae.evaluation.drawing.timelines import timelines
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.named import the_x
from vae.evaluation.section import NotApplicable, Section, averaged
from vae.evaluation.subject import Subject
from vae.models import Model

TITLE = "samples and their nearest training examples"
NAMES = {
    "sample": "samples",
    "reconstruction": "held-out reconstructions",
    "held_out": "held-out examples",
}


class Neighbours(Evaluation):
    """Shows whether samples are training examples learned by heart.

    Of each sample, a mean of p(x|z), the nearest training example is looked for, and as a standard
    the same for held-out examples and for their reconstructions, which are as smooth as samples.
    Samples that lie much nearer than the reconstructions are copies. The converse does not hold:
    one shifted by a pixel is already far.

    Like is compared with like: of what is binarised anew at each reading P(1), which is grey, with
    the means; of other binary data the more probable value on either side. A grey mean has among
    binary pictures the emptiest ones nearest to it, whatever it shows.

    Args:
        num_samples: Samples, and held-out examples, at least 2.
        max_train: Only the first so many training examples are searched, at least 1.
        columns: Samples in the picture, those nearest to a training example, 1 to 100.

    References:
        A note on the evaluation of generative models (Theis, van den Oord, Bethge, 2015),
        1511.01844.
        A Non-Parametric Test to Detect Data-Copying in Generative Models (Meehan, Chaudhuri,
        Dasgupta, 2020), 2004.05675.
    """

    def __init__(self, num_samples: int = 100, max_train: int = 10_000, columns: int = 10) -> None:
        check_int("num_samples", num_samples, low=2)
        check_int("max_train", max_train)
        check_range("columns", columns, 1, 100)
        self.num_samples, self.max_train, self.columns = num_samples, max_train, columns

    def __call__(self, subject: Subject) -> Section:
        """Compare samples and held-out examples with training examples.

        Raises:
            NotApplicable: If the subject's split is ``train``, or the model is one of sequences.
        """
        if subject.split == "train":
            raise NotApplicable("the distance to training examples needs others; use split=test")
        model = subject.model
        refuse_sequences(model)
        batches_of = list(subject.batches(self.num_samples))
        seen = {name: torch.cat([part[name] for part in batches_of]) for name in model.fields}
        means_of = subject.batches(self.num_samples, mean=True)
        held_out = torch.cat([batch["x"] for batch in means_of])
        # Of a model that reads more than x a sample has the fields of a held-out example.
        place = torch.arange(self.num_samples, device=held_out.device) % len(held_out)
        beside = {name: value[place] for name, value in seen.items()}
        drawn = samples(model, 1, self.num_samples, seed=subject.seed, batch=beside)[0]
        means = [drawn, model.standardized(the_x(model.reconstruct(seen)))]
        binary = subject.spec.support == "boolean" and not subject.data.preprocess.noisy
        queries = [(x > 0.5).float() if binary else x for x in means]
        queries.append(model.standardized(held_out))
        train = subject.batches(self.max_train, "train", mean=True)
        tracked = subject.track(train, "nearest neighbours", len(train))
        batches = ({"x": model.standardized(batch["x"])} for batch in tracked)
        distances, found = nearest(torch.cat(queries), batches)
        parts = zip(NAMES.items(), distances.split([len(x) for x in queries]), strict=True)
        closest = distances[: len(drawn)].argsort()[: self.columns]
        shown = timelines(torch.stack([drawn[closest], found[closest]]), subject.spec)
        picture = picture_of(shown, ["sample", "nearest"], span=subject.value_range)
        return Section(
            "Nearest training examples",
            {
                key: averaged(f"nearest training example, of {name}", part)
                for (key, name), part in parts
            },
            {
                "num_samples": len(drawn),
                "held_out_examples": len(held_out),
                "train_examples": subject.count(self.max_train, "train"),
                "distance": "root mean square over the values of an example, as the nets see them",
                "compared": "the more probable value, 0 or 1" if binary else "means of p(x|z)",
            },
            pictures={TITLE: picture},
        )


def refuse_sequences(model: Model) -> None:
    """Refuse a model of sequences, between which distances are not known.

    Raises:
        NotApplicable: If it is one.
    """
    if model.is_sequential:
        raise NotApplicable("distances between sequences of unequal lengths are not known")


@torch.no_grad()
def nearest(queries: Tensor, batches: Iterable[Batch]) -> tuple[Tensor, Tensor]:
    """Find the nearest of many examples.

    Args:
        queries: ``(Q, *event)``.
        batches: The examples among which to look.

    Returns:
        The distances, root mean squares over the event, ``(Q,)``, and the examples,
        ``(Q, *event)``; of several at one distance the first.
    """
    middle = queries.mean(0)
    a = (queries - middle).flatten(1)
    squares = a.square().sum(1)
    best, found = torch.full_like(squares, float("inf")), torch.zeros_like(queries)
    for x in (batch["x"] for batch in batches):
        b = (x - middle).flatten(1)
        rough, index = torch.addmm(b.square().sum(1), a, b.T, alpha=-2).min(1)
        # The expanded square is rounded, for a copy not exactly zero: it only says where to look.
        rows = (rough + squares <= best + 1e-4 * squares).nonzero()[:, 0]
        candidates = x[index[rows]]
        exact = (queries[rows] - candidates).square().flatten(1).sum(1)
        nearer = exact < best[rows]
        best[rows[nearer]], found[rows[nearer]] = exact[nearer], candidates[nearer]
    return (best / a.shape[1]).sqrt(), found
