"""Pictures of one latent: its draws as they lie in their space, and its marginals."""

__all__ = ["classes_of_examples", "pictures_of_latent"]

from collections.abc import Sequence

from torch import Tensor
from torch.distributions import constraints

from vae.evaluation.drawing.in_space import in_space
from vae.evaluation.drawing.marginals import marginals
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.sides import ExampleClasses
from vae.evaluation.measures.seen import Seen, scalars, variables_of
from vae.evaluation.measures.variables import variable_name
from vae.evaluation.subject import Subject
from vae.supports import same_support


def pictures_of_latent(
    latent: Seen,
    from_prior: Tensor,
    dims: Sequence[int],
    of: str,
    most: int,
    classes: ExampleClasses | None = None,
) -> dict[str, Picture]:
    """Draw q(z) and p(z) by title.

    Args:
        latent: What a pass left of it.
        from_prior: Draws from its prior, ``(M, *event)``.
        dims: All its variables, the most used first.
        of: What it is called; empty of the only one.
        most: How many variables are shown, where each has a place of its own.
        classes: Of the examples.
    """
    names = [variable_name(of, latent.use.shape, dim) for dim in dims]
    q, p = (variables_of(latent, z) for z in (latent.z, from_prior))
    if classes is not None and len(classes.values) != len(q):  # of a chain, a row is a step
        classes = None
    words = f" of {of}" if of else ""
    drawn = in_space(q, p, latent.prior, latent.support, dims, names, most=most, classes=classes)
    pictures = {} if drawn is None else {f"prior and aggregate posterior{words}": drawn}
    if latent.support is not None and same_support(latent.support, constraints.boolean):
        return pictures  # which says all of bits
    title = f"marginals of the most used dimensions{words}"
    q, p = (scalars(latent, z).cpu() for z in (latent.z, from_prior))
    return {**pictures, title: marginals(q, p, dims[:most], names[:most])}


def classes_of_examples(subject: Subject, count: int) -> ExampleClasses | None:
    """Return the labels of the first examples, if they have any."""
    labels, spec = subject.batches(count).examples.labels, subject.spec
    if labels is None or not spec.num_classes:
        return None
    return ExampleClasses(
        labels.cpu(), [spec.class_name(label) for label in range(spec.num_classes)]
    )
