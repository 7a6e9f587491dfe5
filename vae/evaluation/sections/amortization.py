"""What the encoder loses against posteriors that are fitted to each example alone."""

__all__ = ["Amortization", "fit_posterior"]

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.data.randomness import stream_seed
from vae.distributions import Conditional, draw, fixed_log_prob, frozen
from vae.distributions.mixture import at_once
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.importance_weights import log_mean_weights
from vae.evaluation.measures.named import need_x_alone
from vae.evaluation.section import NotApplicable, Section, averaged
from vae.evaluation.subject import Subject
from vae.models import VAE
from vae.models.importance import slices

NAMES = {
    "elbo": "ELBO of the encoder",
    "fitted_elbo": "ELBO of fitted posteriors",
    "log_p": "log p(x), importance-weighted from fitted posteriors",
    "amortization_gap": "amortisation gap",
    "approximation_gap": "approximation gap",
    "inference_gap": "inference gap",
}


class Amortization(Evaluation):
    r"""The inference gap log p(x) − ELBO and its two parts.

    With ELBO* that of the best posterior of the same family for each example, the approximation
    gap log p(x) − ELBO* is the family's fault and the amortisation gap ELBO* − ELBO the encoder's.
    ELBO* is found by `fit_posterior`, log p(x) by importance sampling from the fitted posterior.
    Both are reached from below: the amortisation and the inference gap are at least what is
    measured, in expectation.

    Args:
        num_examples: The first so many of the split, at least 1.
        num_steps: Optimizer steps for each example, at least 1.
        learning_rate: Of the first step, above 0; it falls linearly to 0.
        samples_per_step: Latents per example and step, at least 1.
        num_samples: Latents per example for the ELBOs and for log p(x), at least 1.

    References:
        Inference Suboptimality in Variational Autoencoders (Cremer, Li, Duvenaud, 2018),
        1801.03558.
    """

    def __init__(
        self,
        num_examples: int = 32,
        *,
        num_steps: int = 200,
        learning_rate: float = 0.05,
        samples_per_step: int = 2,
        num_samples: int = 200,
    ) -> None:
        counts = {
            "num_examples": num_examples,
            "num_steps": num_steps,
            "samples_per_step": samples_per_step,
            "num_samples": num_samples,
        }
        for name, count in counts.items():
            if count < 1:
                raise ValueError(f"{name} must be at least 1; got {count}")
        if not 0 < learning_rate < float("inf"):
            raise ValueError(f"learning_rate must be a finite number above 0; got {learning_rate}")
        self.counts, self.learning_rate = counts, learning_rate

    def __call__(self, subject: Subject) -> Section:
        """Measure on the first examples of the subject's split."""
        model = checked(subject)
        with torch.random.fork_rng():
            parts = [
                self.compare(subject, model, batch["x"], index)
                for index, batch in enumerate(subject.batches(self.counts["num_examples"]))
            ]
        elbo, fitted, log_p = torch.cat(parts, 1)
        columns = elbo, fitted, log_p, fitted - elbo, log_p - fitted, log_p - elbo
        figures = {
            key: averaged(name, column, "nats")
            for (key, name), column in zip(NAMES.items(), columns, strict=True)
        }
        steps = self.counts["num_steps"]
        notes = [f"Fitted for {steps} steps: the amortisation gap is at least what stands here."]
        if (fitted - elbo).mean() < 0:
            notes = [
                "The fits ended below the encoder's own posteriors, whose gaps are not known then: "
                f"lower report.amortization.learning_rate={self.learning_rate:g}."
            ]
        protocol = {**self.counts, "num_examples": len(elbo), "learning_rate": self.learning_rate}
        return Section("Amortisation gap", figures, protocol, notes=notes)

    def compare(self, subject: Subject, model: VAE, x: Tensor, index: int) -> Tensor:
        """Return the ELBO, that of fitted posteriors, and log p(x) of a batch, ``(3, B)``."""
        steps = self.counts["num_steps"]
        rates = [self.learning_rate * (1 - step / steps) for step in range(steps)]
        torch.manual_seed(stream_seed(subject.seed, index, 0))
        fitted = fit_posterior(
            model,
            x,
            subject.track(rates, "fitting posteriors", steps),
            num_samples=self.counts["samples_per_step"],
            max_rows=subject.max_rows,
        )
        log_w = []
        for proposals in ({}, {"z": fitted}):
            torch.manual_seed(stream_seed(subject.seed, index, 1))  # the same noise for both
            count = self.counts["num_samples"]
            log_w.append(
                model.log_weights(
                    x, num_samples=count, max_rows=subject.max_rows, proposals=proposals
                )
            )
        elbos = [weights.double().mean(0) for weights in log_w]
        return torch.stack([*elbos, log_mean_weights(log_w[1], len(log_w[1]))])


def checked(subject: Subject) -> VAE:
    """Return the model if its posterior can be fitted to an example."""
    model = subject.model
    need_x_alone(model, "the amortisation gap")
    if not isinstance(model, VAE) or not isinstance(model.encoder, Conditional):
        raise NotApplicable("The amortisation gap needs a VAE whose encoder is a net and a head.")
    with torch.no_grad():
        q = model.encode(subject.examples(1)["x"])
    if not isinstance(q, Distribution):
        raise NotApplicable(f"The amortisation gap needs one latent, not {', '.join(q)}.")
    if not q.has_rsample:
        raise NotApplicable("The amortisation gap needs a posterior with rsample.")
    return model


def fit_posterior(
    model: VAE, x: Tensor, rates: Iterable[float], *, num_samples: int, max_rows: int = 4096
) -> Distribution:
    r"""Maximise the ELBO of each example alone over the raw parameters of its q(z|x).

    From what the encoder's net gives, by Adam, with the path gradient
    :math:`∇_z [\log p(x, z) - \log q(z)]`, which has no noise where q is the posterior. Everything
    that examples share, such as the flow of a posterior, stays as it is.

    Args:
        model: In evaluation mode; its encoder is a `Conditional`.
        x: ``(B, *event)``.
        rates: The learning rate of each step.
        num_samples: Latents per example and step, at least 1.
        max_rows: How many latents are decoded at once, which bounds the memory.

    Returns:
        The fitted posteriors, batch shape ``(B,)``, without gradient.
    """
    head = model.encoder.head
    with torch.no_grad():
        params, p = model.encoder.net(model.standardized(x)), model.prior()
    params.requires_grad_()
    optimizer = torch.optim.Adam([params])
    with torch.enable_grad(), frozen(model):
        for rate in rates:
            optimizer.param_groups[0]["lr"] = rate
            q = head(params)
            z, _ = draw(q, num_samples)
            ascent = path_gradient(model, p, q, x, z.detach(), max_rows)
            optimizer.zero_grad()
            z.backward(-ascent / num_samples)
            optimizer.step()
    return head(params.detach())


def path_gradient(
    model: VAE, p: Distribution, q: Distribution, x: Tensor, z: Tensor, max_rows: int
) -> Tensor:
    """Return ∇_z [log p(x|z) + log p(z) − log q(z)] at latents ``(K, B, *latent)``, like z."""
    z.requires_grad_()
    for k, b in slices(len(z), len(x), at_once(p, max_rows)):
        (model.decode(z[k, b]).log_prob(x[b]) + p.log_prob(z[k, b])).sum().backward()
    (-fixed_log_prob(q, z)).sum().backward()
    assert z.grad is not None
    return z.grad
