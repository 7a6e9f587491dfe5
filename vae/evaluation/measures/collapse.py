"""What the use of the latents means, in words."""

__all__ = ["THRESHOLDS", "LatentUse", "diagnose"]

from collections.abc import Collection, Sequence
from typing import NamedTuple

THRESHOLDS = {
    "collapsed_kl": 0.1,  # nats per example, below
    "ignored_swap": 0.1,  # nats per example, below, or
    "ignored_swap_errors": 2.0,  # standard errors, below
    "autoencoder_noise": 1e-4,  # part of the variance, below
    "holes_gap": 2.0,  # nats, above: such a q(z) may fill e^−2 = 14 % of the prior
}

AFTERWARDS = " stage=prior checkpoint=<the run> fits a prior to its codes; no other weight moves."


class LatentUse(NamedTuple):
    """How a model uses its latents.

    Attributes:
        kl: Mean KL(q(z|x) ‖ p(z)), nats per example.
        swap_cost: How much log p(x|z) falls when z is another example's, nats per example.
        num_dims: Number of latent variables.
        unused: Numbers, of several latents names, of those that are not active.
        noise: Median over the active ones of the part of the variance of q(z) that is variance of
            q(z|x), 0 to 1; ``None`` where it is not known or bounded anyway (discrete latents).
        gap: KL(q(z) ‖ p(z)) or a lower bound of it, nats; ``None`` where it is not known.
        swap_error: Standard error of ``swap_cost``.
        pointless: Settings that need not be tried: the model has them, or they cannot help it.
        priors: Settings of priors that learn, of such latents.
    """

    kl: float
    swap_cost: float
    num_dims: int
    unused: Sequence[int] | Sequence[str]
    noise: float | None = None
    gap: float | None = None
    swap_error: float = 0.0
    pointless: Collection[str] = ()
    priors: Sequence[str] = ("prior=vamp", "prior=nsf")

    @property
    def swapped(self) -> str:
        """The swap cost in words."""
        error = f" ± {self.swap_error:.2g}" if self.swap_error else ""
        return f"{self.swap_cost:.3g}{error} nats"

    def to_try(self, *advice: str) -> str:
        """Return as a choice what of the advice is not pointless."""
        *others, last = [a for a in advice if not any(name in a for name in self.pointless)]
        return f"{', '.join(others)} or {last}" if others else last


def diagnose(use: LatentUse) -> dict[str, str]:
    """Return the verdicts that `THRESHOLDS` give, each with its grounds and what to try.

    Returns:
        ``collapsed`` (no information), or any of ``ignored`` (by the decoder), ``unused`` (some
        dimensions), ``autoencoder`` (no noise) and ``holes`` (of q(z) in the prior), or else
        ``healthy``.

    References:
        Understanding Posterior Collapse in Generative Latent Variable Models (Lucas, Tucker,
        Grosse, Norouzi, 2019).
        Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse (Lucas, Tucker,
        Grosse, Norouzi, 2019), 1911.02469.
        Avoiding Latent Variable Collapse with Generative Skip Models (Dieng, Kim, Rush, Blei,
        2018), 1807.04863.
        Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2015), 1509.00519.
        Distribution Matching in Variational Inference (Rosca, Lakshminarayanan, Mohamed, 2018),
        1802.06847.
    """
    if use.kl < THRESHOLDS["collapsed_kl"]:
        return {"collapsed": collapsed(use)}
    verdicts = {}
    errors = THRESHOLDS["ignored_swap_errors"] * use.swap_error
    if use.swap_cost < max(THRESHOLDS["ignored_swap"], errors):
        verdicts["ignored"] = ignored(use)
    if use.unused:
        verdicts["unused"] = unused(use)
    if use.noise is not None and use.noise < THRESHOLDS["autoencoder_noise"]:
        verdicts["autoencoder"] = autoencoder(use, use.noise)
    if use.gap is not None and use.gap > THRESHOLDS["holes_gap"]:
        verdicts["holes"] = holes(use, use.gap)
    return verdicts or {"healthy": healthy(use)}


def collapsed(use: LatentUse) -> str:
    """Say that q(z|x) is the prior."""
    advice = use.to_try(
        "a warm-up of the KL (+schedule@objective.beta=linear or cyclical)",
        "objective=free_bits",
        "a smaller objective.beta",
        "a likelihood that learns its width (likelihood=normal_learned)",
        "a weaker decoder",
    )
    return (
        f"The posterior has collapsed to the prior: the KL is {use.kl:.2g} nats, and decoding the "
        f"latents of another example costs {use.swapped}. Samples may look right, "
        f"latents say nothing about x. Try {advice}."
    )


def ignored(use: LatentUse) -> str:
    """Say that the decoder does not look at z."""
    return (
        f"The decoder ignores the latents: they carry a KL of {use.kl:.3g} nats, but decoding "
        f"those of another example costs only {use.swapped}. Such a KL is paid for "
        "nothing; train longer, or try another learning rate or a weaker decoder."
    )


def unused(use: LatentUse) -> str:
    """Say which dimensions do not depend on x."""
    advice = use.to_try(
        "objective=free_bits",
        "+schedule@objective.beta=linear",
        "a smaller objective.beta",
        "likelihood=normal_learned",
    )
    return (
        f"{len(use.unused)} of {use.num_dims} dimensions are not used: {listed(use.unused)}. The "
        "bound itself switches off what does not pay, so this need not be a fault. To use more, "
        f"try {advice}; to save them, a smaller model.latent_dim."
    )


def autoencoder(use: LatentUse, noise: float) -> str:
    """Say that q(z|x) has next to no width."""
    other = "" if "posterior=normal" in use.pointless else "posterior=normal and "
    return (
        f"The posterior has next to no width ({noise:.1g} of the variance of q(z)): the model acts "
        "as a deterministic autoencoder, and nothing makes neighbouring latents decode alike. "
        f"If a generative model is wanted, try {other}a larger objective.beta."
    )


def holes(use: LatentUse, gap: float) -> str:
    """Say that q(z) does not fill the prior."""
    advice = use.to_try(*use.priors, "a larger objective.beta", "penalty=mmd")
    afterwards = "" if "stage=prior" in use.pointless else AFTERWARDS
    return (
        f"The latents of the examples do not fill the prior: KL(q(z) ‖ p(z)) is about {gap:.3g} "
        "nats or more, by which a prior fitted to them would raise the ELBO. Draws from the prior "
        "fall into holes where the decoder was never trained, so samples will be poorer than "
        f"reconstructions. Try {advice}.{afterwards}"
    )


def healthy(use: LatentUse) -> str:
    """Say that nothing was found."""
    filled = "" if use.gap is None else ", and the latents of the examples fill the prior"
    return (
        f"The latent space is healthy: all {use.num_dims} dimensions are used, the decoder needs "
        f"them (those of another example cost {use.swapped}){filled}."
    )


def listed(numbers: Sequence[int] | Sequence[str], most: int = 12) -> str:
    """Return numbers in a row, the first ``most`` of them."""
    shown = ", ".join(map(str, numbers[:most]))
    return shown if len(numbers) <= most else f"{shown} and others"
