"""The recurrent state-space model: a world that is seen step by step and moved by actions."""

__all__ = ["RSSM"]

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.batch import Batch
from vae.checks import check_int
from vae.distributions import Conditional, EachStep, Likelihood
from vae.draws import Draws, Posterior, count_rows
from vae.models.border import check_fields, check_x, known_steps_of
from vae.models.model import Model
from vae.models.rssm_cell import (
    Inputs,
    RecurrentState,
    StatePosterior,
    WorldCell,
    inputs_of,
    nothing_seen,
    shown,
)
from vae.models.sequences.padded import event_of
from vae.networks import MLP
from vae.parts import Parts
from vae.spec import DataSpec

READ = ("action", "reset", "length", "mask")  # besides x, where the data have them
Made = Callable[[], Distribution]
Choose = Callable[[int, Made, Made], Tensor]


class RSSM(Model):
    r"""A world of a deterministic and a stochastic state, moved by actions.

    .. math::
        h_t = f(h_{t-1}, z_{t-1}, a_t), \quad p(z_t|h_t), \quad q(z_t|h_t, x_t), \quad
        p(x_t|h_t, z_t)

    with a latent ``z.t`` for each step. The encoder reads all pictures of a batch at once, and the
    decoder makes all at once; one step after the other are only the cell, q and p.

    A batch has x ``(B, T, *event)`` and, where the data have them, ``action`` ``(B, T, A)``, which
    led to x_t; ``reset`` ``(B, T)``, x_t begins an episode: h, z and action before it are 0, as at
    the first step; ``length`` ``(B,)``, the steps that are no padding; ``mask`` ``(B, T)`` or
    ``(B, T, *event)``, which are known: without ``length`` one of steps tells padding. Where
    sequences are generated, fields not given stand for no action, no reset and no padding.

    Args:
        encoder: From x_t to the numbers that q reads of it, ``(*lead, hidden)``.
        cell: f.
        posterior: q(z_t|h_t, x_t).
        prior: p(z_t|h_t).
        decoder: p(x_t|h_t, z_t) of all steps; its head is `EachStep`.
        fields: What it reads of a batch, x and some of action, reset, length, mask.
        num_steps: T of what `sample` makes, at least 1.

    Raises:
        ValueError: If it reads actions that the cell does not, or the reverse.

    References:
        Learning Latent Dynamics for Planning from Pixels (Hafner et al., 2018), 1811.04551.
        Mastering Atari with Discrete World Models (Hafner et al., 2020), 2010.02193.
        Mastering Diverse Domains through World Models (Hafner et al., 2023), 2301.04104.
    """

    is_sequential = True
    step_fields = ("x", "mask", "action", "reset")
    compiled_parts = ("cell",)

    def __init__(
        self,
        encoder: nn.Module,
        cell: WorldCell,
        posterior: Conditional,
        prior: Conditional,
        decoder: Conditional,
        *,
        num_steps: int,
        fields: Sequence[str] = ("x",),
    ) -> None:
        super().__init__()
        check_int("num_steps", num_steps)
        if (cell.action is None) == ("action" in fields):
            raise ValueError(
                f"the cell must read actions where the model does; fields are {', '.join(fields)}"
            )
        self.encoder, self.cell, self.posterior = encoder, cell, posterior
        self.prior, self.decoder = prior, decoder
        self.fields, self.num_steps = tuple(fields), num_steps

    @classmethod
    def build(
        cls,
        spec: DataSpec,
        parts: Parts,
        *,
        latent_dim: int,
        encoder: Mapping[str, Any],
        decoder: Mapping[str, Any],
        state_dim: int = 200,
        hidden_dim: int = 200,
        actions: bool = True,
    ) -> Self:
        """Build it of the groups posterior, of which p is of the kind too, and likelihood.

        Args:
            spec: Of the data, sequences.
            parts: The other groups.
            latent_dim: Number of latent variables of a step, at least 1.
            encoder: The net from x_t to what q reads of it.
            decoder: The net from h_t and z_t to the parameters of p(x_t|h_t, z_t).
            state_dim: Numbers of h, at least 1.
            hidden_dim: Numbers of each hidden layer of the cell, q and p, at least 1.
            actions: Whether it reads the actions, if the data have some.

        Raises:
            ValueError: If the data are no sequences, or a number is below 1.
        """
        check_int("model.state_dim", state_dim)
        check_int("model.hidden_dim", hidden_dim)
        step = event_of(spec)
        fields = [name for name in READ if name in spec.fields and (actions or name != "action")]
        parts = parts.knowing(latent_dim=latent_dim)
        q, p = parts.posterior(), parts.posterior()
        size, width = prod(q.event_shape), state_dim
        num_actions = spec.fields["action"]["shape"][-1] if "action" in fields else 0
        likelihood = EachStep(parts.likelihood(step), spec.shape[0])
        return cls(
            parts.net(encoder, "encoder", in_shape=step.shape, out_shape=(hidden_dim,)),
            WorldCell(size, num_actions, state_dim=width, hidden_dim=hidden_dim),
            Conditional(StatePosterior(width, hidden_dim, q.param_shape), q),
            Conditional(
                MLP((width,), p.param_shape, hidden=(hidden_dim,), activation=nn.SiLU()), p
            ),
            Conditional(
                parts.net(
                    decoder,
                    "decoder",
                    in_shape=(width + size,),
                    out_shape=likelihood.step.param_shape,
                ),
                likelihood,
            ),
            num_steps=spec.shape[0],
            fields=("x", *fields),
        )

    @property
    def likelihood(self) -> Likelihood:
        """The head of p(x|h, z) of one step."""
        head = self.decoder.head
        assert isinstance(head, EachStep)
        return head.step

    @property
    def event(self) -> tuple[int, ...]:
        """Shape of z of one step."""
        return self.posterior.head.event_shape

    def run(self, batch: Batch, draws: Draws) -> None:
        """Take one step after the other, and say what is seen at all of them."""
        inputs = inputs_of(self.cell, batch, self.num_steps)
        seen = inputs.seen(batch.get("mask"), len(self.decoder.head.event_shape))
        features = draws.infer(lambda: self.encoder(shown(batch["x"], seen)))

        counts = None if inputs.there is None else inputs.there.to(self.cell.latent.weight)

        def choose(t: int, q: Made, p: Made) -> Tensor:
            weight = None if counts is None else counts[:, t]
            return draws.latent(f"z.{t}", q=q, p=p, weight=weight, event=self.event)

        states = self.states(inputs, features, choose, self.start(batch))
        px = partial(self.decoded, states)
        draws.observe("x", px, batch.get("x"), mask=seen)

    def start(self, batch: Batch) -> RecurrentState:
        """Return the state before an episode, of each example of a batch: 0."""
        rows, like = count_rows(batch) if batch else 1, self.cell.latent.weight
        return RecurrentState(
            like.new_zeros(rows, self.cell.gru.hidden_size), like.new_zeros(rows, *self.event)
        )

    def states(
        self,
        inputs: Inputs,
        features: Callable[[], Tensor],
        choose: Choose,
        state: RecurrentState,
    ) -> list[RecurrentState]:
        """Return the state after each step.

        Args:
            inputs: Of T steps.
            features: Makes what q reads of x, ``(B, T, hidden)``.
            choose: Returns z of a step, ``(K, B, *latent)``, given what makes q and p.
            state: Before the first step, ``(B, ...)`` or ``(K, B, ...)``.
        """
        found = []
        for t in range(inputs.steps):
            if inputs.reset is not None:
                state = state.begun_anew(inputs.reset[:, t])
            action = None if inputs.actions is None else inputs.actions[:, t]
            h = self.cell(state.h, state.z.flatten(-len(self.event)), action)
            z = choose(t, partial(self.q_of, h, features, t), partial(self.prior, h))
            after = RecurrentState(h.expand(*z.shape[:2], -1), z)
            state = after if inputs.there is None else after.kept(state, inputs.there[:, t])
            found.append(state)
        return found

    def q_of(self, h: Tensor, features: Callable[[], Tensor], t: int) -> Distribution:
        """Return q(z_t|h_t, x_t)."""
        return self.posterior(h, features()[:, t])

    def decoded(self, states: Sequence[RecurrentState]) -> Distribution:
        """Return p(x|h, z) of all steps, batch shape ``(K, B)``."""
        h = torch.stack([state.h for state in states], 2)
        z = torch.stack([state.z.flatten(2) for state in states], 2)
        return self.decoder(torch.cat([h, z], -1))

    @torch.no_grad()
    def filtered(
        self, batch: Batch | Tensor, num_samples: int = 1, *, start: RecurrentState | None = None
    ) -> RecurrentState:
        """Return draws of the state after the last step of sequences, ``(K, B, ...)``.

        Args:
            batch: x ``(B, T, *event)`` of any T, with what else is known.
            num_samples: K, at least 1; that of ``start``, if that is given.
            start: Where the world was before, ``(K, B, ...)``; ``None``: an episode begins.
        """
        batch = check_fields(batch, ("x",))
        count = num_samples if start is None else len(start.h)
        draws = Posterior(count, priors=False, likelihoods=False)
        inputs = inputs_of(self.cell, batch, self.num_steps, begins=start is None)
        seen = inputs.seen(batch.get("mask"), len(self.decoder.head.event_shape))
        features = draws.infer(lambda: self.encoder(shown(batch["x"], seen)))

        def choose(t: int, q: Made, p: Made) -> Tensor:
            return draws.latent(f"z.{t}", q=q, p=p)

        return self.states(inputs, features, choose, start or self.start(batch))[-1]

    @torch.no_grad()
    def imagined(
        self, state: RecurrentState, steps: int, *, actions: Tensor | None = None
    ) -> Distribution:
        """Return p(x|h, z) of steps to come, of which nothing is seen, batch shape ``(K, B)``.

        Args:
            state: After the last step that was seen, ``(K, B, ...)``.
            steps: How many, at least 1.
            actions: Those that lead to them, ``(B, steps, A)``; ``None``: zeros.
        """
        check_int("steps", steps)
        draws = Posterior(len(state.h), priors=False, likelihoods=False)
        known = {} if actions is None else {"action": actions}

        def choose(t: int, q: Made, p: Made) -> Tensor:
            return draws.latent(f"z.{t}", q=p, p=p)

        inputs = inputs_of(self.cell, known, steps, begins=False)
        return self.decoded(self.states(inputs, nothing_seen, choose, state))

    @torch.no_grad()
    def continued(
        self,
        batch: Batch | Tensor,
        steps: int,
        num_samples: int = 1,
        *,
        actions: Tensor | None = None,
        noise: bool = False,
    ) -> Tensor:
        """Return what follows sequences, ``(K, B, steps, *event)``, as far as the model can tell.

        Args:
            batch: x ``(B, T, *event)`` of any T, with what else is known.
            steps: How many follow, at least 1.
            num_samples: K, at least 1: each draw of the states goes its own way.
            actions: Those that lead to them, ``(B, steps, A)``; ``None``: zeros.
            noise: Draw x from p(x|h, z) instead of returning its mean.

        Raises:
            TypeError: If x is no tensor of floating point, or a wider one than the model.
            ValueError: If x, length, mask or actions have another shape, or x is not of the data.
        """
        batch, weight = check_fields(batch, ("x",)), self.cell.latent.weight
        known = known_steps_of(batch, self.likelihood)
        check_x(known, self.likelihood, None, weight, scored=False)
        px = self.imagined(self.filtered(batch, num_samples), steps, actions=actions)
        return px.sample() if noise else px.mean
