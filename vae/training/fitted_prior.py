"""A prior that is fitted to the codes of a trained model: all else of the model is held."""

__all__ = ["hold_all_but_prior"]

from torch import nn

from vae.models import Model


def hold_all_but_prior(model: Model) -> None:
    r"""Let nothing of a model learn but its prior p(z).

    The others' parameters get no gradients, and their modules are in evaluation mode, in which no
    running statistics change. Of the ELBO only :math:`E_{q(z|x)} \log p(z)` moves then, so that its
    maximum over the prior is the maximum likelihood of the codes, the draws of
    :math:`\frac1N \sum_n q(z|x_n)`.

    Raises:
        ValueError: If the model has no part named ``prior``, or that has no parameters.

    References:
        From Variational to Deterministic Autoencoders (Ghosh et al., 2020), 1903.12436.
    """
    prior = dict(model.named_children()).get("prior")
    if prior is None:
        raise ValueError(
            f"stage=prior fits the part of a model that is named prior; {type(model).__name__} "
            "has none"
        )
    if not any(True for _ in prior.parameters()):
        raise ValueError(
            f"stage=prior: {type(prior).__name__} has no parameters to fit. Use prior=mixture, "
            "normal, student_t, laplace, nsf, maf or two_stage for real vectors, prior=vamp for "
            "any latents."
        )
    model.requires_grad_(False).eval()
    held: nn.Module = prior.requires_grad_(True)
    held.train()
