"""The KL taken apart: mutual information, total correlation, dimension-wise KL."""

__all__ = ["TotalCorrelation", "stratified_log_weights", "weighted_log_weights"]

from math import log

import torch
from torch import Tensor

from vae.distributions import aggregate_log_probs
from vae.objectives.objective import START, Objective, Progress
from vae.objectives.penalties.from_trace import latent_with_paths
from vae.objectives.schedule import Schedule, check_weight
from vae.trace import Trace


def stratified_log_weights(
    batch_size: int, num_examples: int, device: torch.device | None = None
) -> Tensor:
    """Return the weights of a batch under which its mixture estimates q(z) without bias.

    A z drawn from q(z|x_i) meets its own posterior with weight 1/N and each of the B − 1 others,
    which stand for the rest of the data, with (N − 1)/(N(B − 1)). The paper puts the whole excess
    of these others on one of them; shared by all, the mean is the same and the variance lower.

    Args:
        batch_size: B, at least 1.
        num_examples: N, at least B.
        device: Where they go.

    Returns:
        The logarithms, ``(B, B)``, of example n at the z of example i.
    """
    n, b = num_examples, batch_size
    if b == 1:
        return torch.zeros(1, 1, device=device)
    log_w = torch.full((b, b), log(n - 1) - log(n) - log(b - 1), device=device)
    return log_w.fill_diagonal_(-log(n))


def weighted_log_weights(
    batch_size: int, num_examples: int, device: torch.device | None = None
) -> Tensor:
    """Return the weights 1/(NB) of a batch, whose mixture bounds log q(z) from below on average.

    Args:
        batch_size: B, at least 1.
        num_examples: N, at least B.
        device: Where they go.

    Returns:
        The logarithms, ``(B, B)``.
    """
    log_w = -log(num_examples) - log(batch_size)
    return torch.full((batch_size, batch_size), log_w, device=device)


class TotalCorrelation(Objective):
    r"""Weights on the parts of :math:`E_x KL(q(z|x) ‖ p(z))`.

    .. math:: α\,I(x; z) + β\,KL(q(z) ‖ \prod_j q(z_j)) + γ \sum_j KL(q(z_j) ‖ p(z_j))

    with q(z) estimated from the batch. The three make up the KL: with ``objective.beta=0`` the
    weights 1, β, 1 are β-TCVAE; beside the whole KL the weights 0, β − 1, 0 add to it. Under a
    prior that does not factorise the last is what remains of the KL, and may be negative.

    Args:
        mutual_information: Weight α, at least 0, or a schedule.
        total_correlation: Weight β, at least 0, or a schedule.
        dimension_wise_kl: Weight γ, at least 0, or a schedule.
        stratified: Whether the minibatch is weighted as a stratified sample of the data, without
            bias in q(z); otherwise as in minibatch-weighted sampling.

    References:
        Isolating Sources of Disentanglement in VAEs (Chen et al., 2018), 1802.04942.
    """

    def __init__(
        self,
        mutual_information: float | Schedule = 0.0,
        total_correlation: float | Schedule = 5.0,
        dimension_wise_kl: float | Schedule = 0.0,
        *,
        stratified: bool = True,
    ) -> None:
        super().__init__()
        self.weights = {
            "mutual_information": check_weight("mutual_information", mutual_information),
            "total_correlation": check_weight("total_correlation", total_correlation),
            "dimension_wise_kl": check_weight("dimension_wise_kl", dimension_wise_kl),
        }
        self.log_weights = stratified_log_weights if stratified else weighted_log_weights

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the terms that have a weight."""
        parts = self.parts(trace, at)
        weights = {name: at(weight) for name, weight in self.weights.items()}
        return {
            name: weights[name] * part for name, part in parts.items() if self.weights[name] != 0
        }

    def parts(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the three parts of the KL, scalars in nats per example."""
        latent = latent_with_paths(trace)
        batch_size = latent.z.shape[1]
        num_examples = max(at.num_examples, batch_size)
        log_w = self.log_weights(batch_size, num_examples, latent.z.device).to(latent.z)
        log_qz, log_qz_j = aggregate_log_probs(latent.q, latent.z, log_w)
        log_qz_product = log_qz_j.sum(-1)
        return {
            "mutual_information": (latent.log_q - log_qz).mean(),
            "total_correlation": (log_qz - log_qz_product).mean(),
            "dimension_wise_kl": (log_qz_product - latent.log_p).mean(),
        }
