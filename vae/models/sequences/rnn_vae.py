"""One latent for a whole sequence, between two recurrent nets."""

__all__ = ["RNNVAE"]

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.batch import Batch
from vae.checks import check_range
from vae.distributions import Conditional, Likelihood
from vae.draws import Draws
from vae.models.model import Model
from vae.models.sequences.continued import continued
from vae.models.sequences.emission import Emission, observe_as_read, stacked
from vae.models.sequences.padded import Padded, event_of, fields_of, input_size
from vae.models.sequences.recurrent import recurrent, run_over
from vae.parts import Parts
from vae.priors import check_stated
from vae.spec import DataSpec


class RNNVAE(Model):
    r"""One latent a sequence: :math:`p(z) \prod_t p(x_t|x_{<t}, z)`.

    A recurrent net reads the steps that a sequence has, its last state gives q(z|x). Another one
    writes them: it is given z and x of the step before, of which training hides a share, so that z
    is needed. Where sequences are made, each step's x is drawn and fed back. The latent is ``z``.

    Args:
        reader: A recurrent net of one layer, from the inputs ``(B, T, I)``.
        encoder: q(z|x), given its last state.
        prior: p(z).
        writer: A recurrent net of one layer, of inputs and z side by side.
        emission: p(x|…), given the writer's states.
        latent_shape: Of z.
        input_size: I.
        shape: Of the sequences, ``(T, *event)``: the steps of those that are generated.
        fields: What is read of a batch: ``x``, ``length`` and ``mask`` where the data have them.
        word_dropout: Share of the steps whose x the writer is not given in training, in [0, 1]; at
            1 it never is.

    Raises:
        ValueError: If the share is out of range, or encoder and prior have other latents.

    References:
        Generating Sentences from a Continuous Space (Bowman et al., 2015), 1511.06349.
    """

    is_sequential = True
    step_fields = ("x", "mask")
    compiled_parts = ("emission.step.net",)

    def __init__(
        self,
        reader: nn.RNNBase,
        encoder: Conditional,
        prior: nn.Module,
        writer: nn.GRU,
        emission: Emission,
        *,
        latent_shape: Sequence[int],
        input_size: int,
        shape: Sequence[int],
        fields: Sequence[str] = ("x",),
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_range("word_dropout", word_dropout, 0, 1)
        check_stated(encoder, prior)
        self.reader, self.encoder, self.prior = reader, encoder, prior
        self.writer, self.emission = writer, emission
        self.num_steps, *event = shape
        self.event, self.fields = tuple(event), tuple(fields)
        self.latent_shape, self.word_dropout = tuple(latent_shape), word_dropout
        self.first = nn.Linear(prod(self.latent_shape), writer.hidden_size)
        self.start = nn.Parameter(torch.zeros(input_size))

    @classmethod
    def build(
        cls,
        spec: DataSpec,
        parts: Parts,
        *,
        latent_dim: int,
        encoder: Mapping[str, Any],
        decoder: Mapping[str, Any],
        rnn_dim: int = 256,
        word_dropout: float = 0.0,
    ) -> Self:
        """Build it of the groups posterior, prior and likelihood; see `Model.build`.

        Args:
            spec: Of the data.
            parts: The other groups.
            latent_dim: Number of latent variables, at least 1.
            encoder: The net from the reader's last state to the parameters of q(z|x).
            decoder: The net from the writer's state to the parameters of p(x_t|…).
            rnn_dim: Width of both states, at least 1.
            word_dropout: Share of the steps whose x the writer is not given in training.

        Raises:
            ValueError: If the data are no sequences.
        """
        step, size = event_of(spec), input_size(spec)
        parts = parts.knowing(latent_dim=latent_dim)
        posterior = parts.posterior()
        px = parts.conditional(decoder, "decoder", parts.likelihood(step), in_shape=(rnn_dim,))
        writer = nn.GRU(size + prod(posterior.event_shape), rnn_dim, batch_first=True)
        return cls(
            recurrent("gru", size, rnn_dim),
            parts.conditional(encoder, "encoder", posterior, in_shape=(rnn_dim,)),
            parts.prior(posterior),
            writer,
            Emission(px, tuple(spec.fields)),
            latent_shape=posterior.event_shape,
            input_size=size,
            shape=spec.shape,
            fields=fields_of(spec),
            word_dropout=word_dropout,
        )

    @property
    def likelihood(self) -> Likelihood | None:
        """The head of p(x_t|…), of one step."""
        return self.emission.likelihood

    def run(self, batch: Batch, draws: Draws) -> None:
        """Choose z, and write the sequence step by step or, where it is known, at once."""
        sequences = Padded(batch, self.event, self.num_steps, told="mask" in self.fields)
        z = draws.latent("z", q=lambda: self.q_of(sequences), p=self.prior, event=self.latent_shape)
        flat = z.flatten(2)
        if sequences.x is None or draws.continues:
            states, values = self.written(sequences, draws, flat)
            observe_as_read(draws, sequences, lambda: self.emission(stacked(states)), values)
        else:
            observe_as_read(draws, sequences, lambda: self.emission(self.read(sequences, flat)), [])

    def q_of(self, sequences: Padded) -> Distribution:
        """Return q(z|x)."""
        return self.encoder(run_over(self.reader, sequences.inputs, sequences.length)[1])

    def read(self, sequences: Padded, z: Tensor) -> Tensor:
        """Return the writer's states given the values before each step, ``(K, B, T, H)``."""
        inputs = sequences.inputs
        before = torch.cat([self.start.expand(len(inputs), 1, -1), inputs[:, :-1]], 1)
        if self.word_dropout == 1:
            before = self.start.expand_as(before)
        elif self.training and self.word_dropout > 0:
            kept = torch.rand_like(before[..., :1]) >= self.word_dropout
            before = torch.where(kept, before, self.start)
        lead, steps = z.shape[:2], before.shape[1]
        before = before.expand(*lead, steps, -1)
        given = torch.cat([before, z.unsqueeze(2).expand(*lead, steps, -1)], -1)
        states, _ = self.writer(given.flatten(0, 1), self.state_of(z))
        return states.unflatten(0, lead)

    def written(
        self, sequences: Padded, draws: Draws, z: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the writer's states and the values that it was given, step by step."""
        lead, h = z.shape[:2], self.state_of(z)
        before = self.start.expand(*lead, -1)
        states, values = [], []
        for t in range(sequences.num_steps):
            given = torch.cat([before, z], -1).flatten(0, 1)
            state, h = self.writer(given.unsqueeze(1), h)
            state = state[:, 0].unflatten(0, lead)
            x = sequences.fed(draws, t, partial(self.emission.step, state))
            states.append(state)
            values.append(x)
            if self.word_dropout < 1:
                before = sequences.input_of(x).expand(*lead, -1)
        return states, values

    def state_of(self, z: Tensor) -> Tensor:
        """Return the writer's first state, ``(1, K·B, H)``."""
        state: Tensor = self.first(z).tanh()
        return state.flatten(0, 1).unsqueeze(0)

    def continued(self, batch: Batch | Tensor, steps: int, num_samples: int = 1) -> Tensor:
        """Draw what follows; see `vae.models.sequences.continued.continued`."""
        return continued(self, batch, steps, num_samples)
