"""The penalties of regularised autoencoders."""

__all__ = ["DecoderNorm", "GradientPenalty", "LatentNorm"]

import torch
from torch import Tensor, nn

from vae.distributions.rescaled import standardized
from vae.objectives.objective import START, Objective, Progress
from vae.objectives.penalties.from_trace import latent_with_paths
from vae.objectives.schedule import Schedule, check_weight
from vae.trace import Trace


class LatentNorm(Objective):
    r"""Half the squared norm of the latents, :math:`\frac{w}{2} E‖z‖²`.

    Args:
        weight: At least 0, or a schedule.

    References:
        From Variational to Deterministic Autoencoders (Ghosh et al., 2020), 1903.12436.
    """

    def __init__(self, weight: float | Schedule = 1.0) -> None:
        super().__init__()
        self.weight = check_weight("weight", weight)

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the term ``latent_norm``."""
        z = latent_with_paths(trace).point.flatten(2)
        return {"latent_norm": 0.5 * at(self.weight) * z.square().sum(-1).mean()}


class DecoderNorm(Objective):
    r"""The squared norm of the decoder's parameters, :math:`w ‖θ‖²`.

    Args:
        decoder: The model's p(x|z). It stays the model's: its parameters are not listed here.
        weight: At least 0, or a schedule.

    References:
        From Variational to Deterministic Autoencoders (Ghosh et al., 2020), 1903.12436.
    """

    needs_whole_weights = True

    def __init__(self, decoder: nn.Module, *, weight: float | Schedule = 1e-5) -> None:
        super().__init__()
        self._decoder = (decoder,)  # in a tuple, so that it is not registered a second time
        self.weight = check_weight("weight", weight)

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the term ``decoder_norm``."""
        norms = [p.square().sum() for p in self._decoder[0].parameters()]
        return {"decoder_norm": at(self.weight) * torch.stack(norms).sum()}


class GradientPenalty(Objective):
    r"""The squared Frobenius norm of the decoder's Jacobian, :math:`w\,E‖∂\hat x/∂z‖_F²`.

    x̂ is the mean of p(x|z), of standardised x where the model standardises. The norm is estimated
    without bias by :math:`‖Jᵀv‖²` with v ~ N(0, I), one step backwards through the decoder whatever
    the number of pixels.

    Args:
        weight: At least 0, or a schedule.

    References:
        From Variational to Deterministic Autoencoders (Ghosh et al., 2020), 1903.12436.
        A stochastic estimator of the trace of the influence matrix for Laplacian smoothing
        splines (Hutchinson, 1989).
    """

    needs_whole_weights = True

    def __init__(self, weight: float | Schedule = 1e-5) -> None:
        super().__init__()
        self.weight = check_weight("weight", weight)

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the term ``gradient_penalty``; nothing where gradients are off."""
        if not torch.is_grad_enabled():
            return {}
        z, mean = latent_with_paths(trace).point, standardized(trace.px).mean
        (jv,) = torch.autograd.grad((mean * torch.randn_like(mean)).sum(), z, create_graph=True)
        norm = jv.flatten(2).square().sum(-1).mean()
        return {"gradient_penalty": at(self.weight) * norm}
