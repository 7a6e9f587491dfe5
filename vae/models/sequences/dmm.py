"""The deep Markov model: a chain of latents, each given the one before, and what each emits."""

__all__ = ["DMM"]

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.batch import Batch
from vae.distributions import Conditional, Likelihood, NormalPosterior
from vae.distributions.of_step import OfStep
from vae.draws import Draws
from vae.models.model import Model
from vae.models.sequences.continued import continued
from vae.models.sequences.emission import Emission, observe, stacked
from vae.models.sequences.gated_transition import Combiner, GatedTransition
from vae.models.sequences.padded import Padded, check_real, event_of, fields_of, input_size
from vae.models.sequences.recurrent import BackwardRNN, Cell
from vae.parts import Parts
from vae.spec import DataSpec


class DMM(Model):
    r"""A chain of latents: :math:`\prod_t p(z_t|z_{t-1})\,p(x_t|z_t)`.

    With :math:`q(z_t|z_{t-1}, x_{t:T})`, as the exact posterior factorises, from a net that runs
    over the steps a sequence has from the last one back. Latents are called ``z.0``, ``z.1``, ….

    Args:
        inference: From the inputs ``(B, T, I)`` and lengths to features ``(B, T, H)``.
        posterior: q of a step, given z of the one before and the step's features.
        transition: p of a step, given z of the one before.
        emission: p(x|z).
        latent_dim: D, at least 1.
        shape: Of the sequences, ``(T, *event)``: the steps of those that are generated.
        fields: What is read of a batch: ``x``, ``length`` and ``mask`` where the data have them.

    References:
        Structured Inference Networks for Nonlinear State Space Models (Krishnan, Shalit, Sontag,
        2016), 1609.09869.
    """

    is_sequential = True
    step_fields = ("x", "mask")
    compiled_parts = ("posterior.net", "transition.net")

    def __init__(
        self,
        inference: nn.Module,
        posterior: nn.Module,
        transition: nn.Module,
        emission: Emission,
        *,
        latent_dim: int,
        shape: Sequence[int],
        fields: Sequence[str] = ("x",),
    ) -> None:
        super().__init__()
        self.inference, self.posterior = inference, posterior
        self.transition, self.emission = transition, emission
        self.num_steps, *event = shape
        self.event, self.latent_dim = tuple(event), latent_dim
        self.fields = tuple(fields)
        self.start = nn.Parameter(torch.zeros(latent_dim))
        self.posterior_start = nn.Parameter(torch.zeros(latent_dim))

    @classmethod
    def build(
        cls,
        spec: DataSpec,
        parts: Parts,
        *,
        latent_dim: int,
        decoder: Mapping[str, Any],
        transition_dim: int = 200,
        rnn_dim: int = 600,
        rnn: Cell = "relu",
    ) -> Self:
        """Build it of the groups posterior and likelihood; see `Model.build`.

        Args:
            spec: Of the data.
            parts: The other groups.
            latent_dim: Number of latent variables of a step, at least 1.
            decoder: The net from z_t to the parameters of p(x_t|z_t).
            transition_dim: Width of the transition's hidden layers, at least 1.
            rnn_dim: Width of the net that runs backward, at least 1.
            rnn: Its kind.

        Raises:
            ValueError: If the data are no sequences, or latents no vectors of real numbers.
        """
        step = event_of(spec)
        posterior = parts.posterior(latent_dim=latent_dim)
        check_real(posterior)
        combiner = Combiner(latent_dim, rnn_dim, prod(posterior.param_shape))
        px = parts.conditional(decoder, "decoder", parts.likelihood(step), in_shape=(latent_dim,))
        return cls(
            BackwardRNN(input_size(spec), rnn_dim, rnn),
            Conditional(combiner, posterior),
            Conditional(GatedTransition(latent_dim, transition_dim), NormalPosterior(latent_dim)),
            Emission(px, tuple(spec.fields)),
            latent_dim=latent_dim,
            shape=spec.shape,
            fields=fields_of(spec),
        )

    @property
    def likelihood(self) -> Likelihood | None:
        """The head of p(x_t|z_t), of one step."""
        return self.emission.likelihood

    def run(self, batch: Batch, draws: Draws) -> None:
        """Choose the latents step by step; all steps are decoded together."""
        sequences = Padded(batch, self.event, self.num_steps, told="mask" in self.fields)
        features = draws.infer(lambda: self.inference(sequences.inputs, sequences.length).unbind(1))
        z: Tensor = self.start
        before: Tensor = self.posterior_start
        chain = []
        for t, weight in enumerate(sequences.weights):
            z = draws.latent(
                f"z.{t}",
                q=partial(self.q_of, features, t, before),
                p=OfStep(self.transition, z, event=(self.latent_dim,)),
                weight=weight,
            )
            chain.append(z)
            seen = partial(sequences.seen, t, partial(self.emission.step, z))
            (z,) = draws.carry(z, seen=seen)
            before = z
        observe(draws, sequences, lambda: self.emission(stacked(chain)))

    def q_of(self, features: Any, t: int, z: Tensor) -> Distribution:
        """Return q(z_t | z_{t−1}, x)."""
        q: Distribution = self.posterior(z, features()[t])
        return q

    def continued(self, batch: Batch | Tensor, steps: int, num_samples: int = 1) -> Tensor:
        """Draw what follows; see `vae.models.sequences.continued.continued`."""
        return continued(self, batch, steps, num_samples)
