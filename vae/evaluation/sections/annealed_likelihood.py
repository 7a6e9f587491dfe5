"""Log p(x) by annealed importance sampling beside that by importance sampling."""

__all__ = ["Annealing"]

import torch
from torch import Tensor

from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.annealing import SCHEDULES, log_mean
from vae.evaluation.measures.importance_weights import effective_sample_size
from vae.evaluation.measures.latent_path import CHAINS, annealed, check_chains
from vae.evaluation.section import Figure, Section, standard_error
from vae.evaluation.subject import Subject

ALONE = 2.0  # an effective number of chains below which one of them carries the estimate
MORE_TEMPERATURES = "take more temperatures, report.annealing.num_temperatures=…"
FAR = 3.0  # standard errors from which on two estimates disagree


class Annealing(Evaluation):
    r"""Checks the importance-weighted −log p(x) by annealed importance sampling.

    The logarithm of either estimate errs downwards in expectation: the higher one is the better.

    Args:
        num_examples: The first so many of the split, at least 1.
        num_chains: Chains per example, at least 2; two more find the step sizes.
        num_temperatures: At least 2.
        num_steps: Leapfrog steps, each with one gradient, per temperature, at least 1.
        schedule: ``sigmoidal`` or ``geometric``.
        from_posterior: Start at q(z|x) instead of p(z): a small error needs far fewer
            temperatures, but where q misses a distant mode the chains miss it too.
        num_samples: Samples of the importance-weighted estimate, at least 2.

    References:
        Annealed Importance Sampling (Neal, 2001), physics/9803008.
        On the Quantitative Analysis of Decoder-Based Generative Models (Wu, Burda, Salakhutdinov,
        Grosse, 2017), 1611.04273.
    """

    def __init__(
        self,
        num_examples: int = 8,
        *,
        num_chains: int = 6,
        num_temperatures: int = 100,
        num_steps: int = 3,
        schedule: str = "sigmoidal",
        from_posterior: bool = True,
        num_samples: int = 100,
    ) -> None:
        check_chains(num_examples, num_chains, num_temperatures, num_steps, schedule)
        if num_samples < 2:
            raise ValueError(f"num_samples must be at least 2; got {num_samples}")
        self.num_examples, self.num_chains, self.num_steps = num_examples, num_chains, num_steps
        self.num_temperatures, self.schedule = num_temperatures, schedule
        self.from_posterior, self.num_samples = from_posterior, num_samples

    def __call__(self, subject: Subject) -> Section:
        """Measure on the first examples of the subject's split."""
        x = subject.examples(subject.count(self.num_examples))["x"]
        stages = annealed(
            subject,
            x,
            SCHEDULES[self.schedule](self.num_temperatures),
            num_chains=self.num_chains,
            num_steps=self.num_steps,
            from_posterior=self.from_posterior,
        )
        acceptance = 0.0
        for stage in stages:
            acceptance += stage.acceptance.mean().item() / self.num_temperatures
        with torch.no_grad():
            sampled = subject.model.log_weights(
                x, num_samples=self.num_samples, max_rows=subject.max_rows
            )
        figures = compare(stage.log_w, sampled)
        figures["acceptance"] = Figure("accepted transitions", acceptance)
        figures["num_examples"] = Figure("examples", len(x))
        return Section(
            "Annealed importance sampling",
            figures,
            {**vars(self), **CHAINS},
            notes=judge(figures, self.num_samples),
        )


def compare(annealed: Tensor, sampled: Tensor) -> dict[str, Figure]:
    """Return the figures of two sets of log-weights of the same examples.

    Args:
        annealed: Of chains, ``(C, B)``, C ≥ 2.
        sampled: Of importance samples, ``(K, B)``, K ≥ 2.
    """
    (log_p, noise), (other, other_noise) = log_mean(annealed), log_mean(sampled)
    count = len(log_p)
    spread, other_spread = standard_error(log_p), standard_error(other)
    error = (noise.square() + other_noise.square()).sum().sqrt().item() / count
    ess = effective_sample_size(annealed).mean().item()
    return {
        "nll": Figure("−log p(x), annealed", -log_p.mean().item(), "nats", spread),
        "importance_nll": Figure(
            "−log p(x), importance-weighted", -other.mean().item(), "nats", other_spread
        ),
        "difference": Figure(
            "log p(x), annealed above importance-weighted",
            (log_p - other).mean().item(),
            "nats",
            error,
        ),
        "chain_error": Figure(
            "standard error of the annealed estimate between chains",
            noise.square().sum().sqrt().item() / count,
            "nats",
        ),
        "effective_chains": Figure("effective sample size of the chains", ess, "chains"),
    }


def judge(figures: dict[str, Figure], num_samples: int) -> list[str]:
    """Return in words whether the estimates can be trusted."""
    difference, notes = figures["difference"], []
    assert difference.value is not None
    assert difference.error is not None
    gap = f"{abs(difference.value):.2f} ± {difference.error:.2f} nats"
    if difference.value > FAR * difference.error:
        notes.append(
            f"Importance sampling with {num_samples} samples finds log p(x) lower than annealing "
            f"by {gap}. Both err downwards: take more samples, "
            "report.annealing.num_samples=…, or trust the annealed figure."
        )
    if -difference.value > FAR * difference.error:
        notes.append(
            f"Annealing finds log p(x) lower than importance sampling by {gap}. Both err "
            f"downwards: {MORE_TEMPERATURES}, or trust the importance-weighted figure."
        )
    ess = figures["effective_chains"].value
    if ess is not None and ess < ALONE:
        notes.append(
            "One chain carries the estimate of most examples, whose error is then a rough guess: "
            f"{MORE_TEMPERATURES}."
        )
    return notes
