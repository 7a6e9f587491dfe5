"""The posterior that was fitted: draws, densities, predictions, and how far to trust it."""

__all__ = ["Fit"]

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from math import log
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.utils._pytree import tree_map

from vae.argument_checks import unchecked
from vae.checks import check_int
from vae.files import check_folder
from vae.inference.calling import check_function
from vae.inference.diagnosis import Diagnosis, diagnose
from vae.inference.fit_table import latent_rows, text_of_states, text_table
from vae.inference.markov_chains import Chains
from vae.inference.posterior_page import write_posterior
from vae.inference.posterior_sections import diagnosis_section, posterior_section
from vae.inference.states import States
from vae.inference.target import Target

HELD = 1 << 22  # draws times rows that are held at once
WEIGHTS = 2000  # draws that the fit is judged by


class Fit:
    """The posterior of named latents, as one distribution over reals.

    Args:
        target: The density that it is of.
        posterior: Called, it returns q over u, ``(D,)``.
        steps: ``(V,)``, at which the ELBO was estimated.
        elbo_trace: ``(V,)``, estimates of the ELBO of all data, in nats.
        elbo_errors: ``(V,)``, their standard errors, by chance of the draws.
        states: q over the discrete latents, if there are some.
        protocol: How it was fitted, plain values, for the page of `report`.

    Attributes:
        q: q over u.
    """

    def __init__(
        self,
        target: Target,
        posterior: nn.Module,
        *,
        steps: Tensor,
        elbo_trace: Tensor,
        elbo_errors: Tensor,
        states: States | None = None,
        protocol: Mapping[str, Any] | None = None,
    ) -> None:
        self.target = target
        self.posterior = posterior
        self.states = states
        self.steps = steps
        self.elbo_trace = elbo_trace
        self.elbo_errors = elbo_errors
        self.protocol = dict(protocol or {})
        with torch.no_grad():
            self.q: Distribution = posterior()
        self._diagnosis: Diagnosis | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "Fit":
        """Copy what q is made of: distributions made of parameters are not copied by torch."""
        parts = deepcopy((self.target, self.posterior, self.states), memo)
        return Fit(
            *parts[:2],
            states=parts[2],
            steps=self.steps.clone(),
            elbo_trace=self.elbo_trace.clone(),
            elbo_errors=self.elbo_errors.clone(),
            protocol=self.protocol,
        )

    def __repr__(self) -> str:
        return f"Fit({self.target.space}, {type(self.posterior).__name__})"

    def __str__(self) -> str:
        rows = latent_rows(self.continuous_draws())
        tables = [text_table(rows)] if rows else []
        tables += [] if self.states is None else text_of_states(self.states)
        elbo, error = self.elbo_trace[-1].item(), self.elbo_errors[-1].item()
        found = [*tables, f"ELBO {elbo:.2f} ± {error:.2f} nats", self.diagnosis.sentence]
        return "\n".join(found)

    @property
    def names(self) -> list[str]:
        """Names of all latents, the discrete ones last."""
        return [*self.target.space.names, *self.target.discrete]

    @torch.no_grad()
    def draw(self, n: int) -> Tensor:
        """Return draws of u from q, ``(n, D)``."""
        check_int("n", n)
        return self.q.sample((n,))

    @torch.no_grad()
    def sample(self, n: int) -> dict[str, Tensor]:
        """Return draws of the latents from the fitted posterior, ``(n, *shape)`` by name."""
        values = self.target.space.constrain(self.draw(n))[0]
        return values if self.states is None else {**values, **self.states.sample(n)[0]}

    @torch.no_grad()
    def log_prob(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return log q of values ``(*lead, *shape)`` by name, ``(*lead,)``.

        Raises:
            ValueError: If they are not those of the latents.
        """
        if not isinstance(values, Mapping) or values.keys() != set(self.names):
            names = ", ".join(f'"{name}": ...' for name in self.names)
            got = list(values) if isinstance(values, Mapping) else type(values).__name__
            raise ValueError(
                f"log_prob takes values of the latents by name, {{{names}}}; got {got}"
            )
        discrete = self.target.discrete
        u = self.target.space.unconstrain({k: v for k, v in values.items() if k not in discrete})
        log_q: Tensor = self.q.log_prob(u)
        if self.states is not None:
            log_q = log_q + self.states.log_prob({k: values[k] for k in discrete})
        return log_q - self.target.space.constrain(u)[1]

    @torch.no_grad()
    def log_weights(self, n: int) -> Tensor:
        """Return log p(x, T(u)) + log|∂T/∂u| − log q(u) of n draws, with all data, ``(n,)``.

        Their mean estimates the ELBO, the logarithm of the mean of their exponentials log p(x).
        """
        states, log_s = (None, None) if self.states is None else self.states.sample(n)
        return self.weigh(self.draw(n), states, log_s)

    @torch.no_grad()
    def weigh(
        self,
        u: Tensor,
        states: Mapping[str, Tensor] | None = None,
        log_s: Tensor | None = None,
    ) -> Tensor:
        """Return log p(x, T(u)) + log|∂T/∂u| − log q(u) of draws ``(n, D)``, ``(n,)``.

        Args:
            u: Draws.
            states: Those of the discrete latents, ``(n, *shape)`` by name.
            log_s: log q of these, ``(n,)``.
        """
        size, parts = max(1, HELD // self.target.num_examples), []
        with unchecked():
            for start in range(0, len(u), size):
                some = {k: v[start : start + size] for k, v in (states or {}).items()}
                parts.append(self.target.log_density(u[start : start + size], some))
            log_q: Tensor = self.q.log_prob(u)
        return torch.cat(parts) - (log_q if log_s is None else log_q + log_s)

    def log_evidence(self, n: int) -> Tensor:
        """Return an estimate of log p(x) by importance sampling, a scalar; low in expectation."""
        return self.log_weights(n).logsumexp(0) - log(n)

    @torch.no_grad()
    def predict(self, function: Callable[..., Any], n: int) -> Any:
        """Return what a function of the latents gives for n draws of them, stacked.

        Args:
            function: Called with the values of one draw by name, it returns a tensor, or several in
                lists or mappings; it may draw, as from a likelihood.
            n: How many draws.

        Raises:
            ValueError: If its parameters are not the latents, or it returns anything else.
        """
        check_function("the function to predict", function, self.names)
        values = self.sample(n)
        found = [function(**{name: v[i] for name, v in values.items()}) for i in range(n)]
        try:
            return tree_map(lambda *parts: torch.stack([torch.as_tensor(p) for p in parts]), *found)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(
                "the function to predict must return a tensor or several, of the same shapes for "
                f"every draw; got {found[0]!r:.60} ({error})"
            ) from error

    @property
    def mean(self) -> dict[str, Tensor]:
        """Means of the latents, ``shape`` by name, from draws that are always the same."""
        return {name: real(values).mean(0) for name, values in self.fixed_draws().items()}

    @property
    def std(self) -> dict[str, Tensor]:
        """Standard deviations of the latents, ``shape`` by name; see `mean`."""
        return {name: real(values).std(0) for name, values in self.fixed_draws().items()}

    def fixed_draws(self, most: int = 10_000) -> dict[str, Tensor]:
        """Return draws that are the same at every call, fewer of very many dimensions."""
        n = min(most, max(200, HELD // max(1, self.target.space.dim)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.sample(n)

    def continuous_draws(self) -> dict[str, Tensor]:
        """Return `fixed_draws` of the latents that are not discrete."""
        draws = self.fixed_draws()
        return {name: values for name, values in draws.items() if name not in self.target.discrete}

    @property
    def diagnosis(self) -> Diagnosis:
        """How far the fit is to be trusted; it is looked at when first asked for."""
        if self._diagnosis is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                log_w = self.log_weights(WEIGHTS)
            self._diagnosis = diagnose(
                log_w,
                self.elbo_trace,
                self.elbo_errors,
                space=self.target.space,
                family=self.posterior,
            )
            if self.states is not None and self.states.way == "relaxed":
                self._diagnosis = replace(self._diagnosis, trusted=False, sentence=self.relaxed)
        return self._diagnosis

    @property
    def relaxed(self) -> str:
        """Why probabilities that a relaxation found are not to be trusted."""
        return (
            f"Do not trust the probabilities of {', '.join(self.target.discrete)}: the bound of a "
            'relaxation is another one; compare with estimator="enumerate" or "score".'
        )

    def report(
        self, folder: str | Path, chains: Chains | None = None, *, title: str = "A fitted posterior"
    ) -> Path:
        """Write a page of whether the fit is to be trusted, and of its posterior.

        Args:
            folder: For ``report.html``, ``metrics.json`` and the pictures.
            chains: Draws of the same posterior, by `vae.mcmc`, to stand beside those of the fit.
            title: Of the page.

        Returns:
            The page.

        Raises:
            ValueError: If there are no such chains, or the folder is none.
            OSError: If nothing can be written there.
        """
        if not isinstance(chains, Chains | None):
            raise ValueError(f"chains must be those of vae.mcmc, such as nuts; got {chains!r:.60}")
        if not isinstance(folder, str | PathLike):
            raise ValueError(f"folder must be the path of a folder; got {folder!r:.60}")
        check_folder(Path(folder).expanduser(), 0, "fit.report(<folder>)")
        trace = self.steps, self.elbo_trace, self.elbo_errors
        sections = {
            "diagnosis": diagnosis_section(self.diagnosis, *trace),
            "posterior": posterior_section(self.continuous_draws(), chains, self.states),
        }
        family = {"family": type(self.posterior).__name__, "dimensions": self.target.space.dim}
        return write_posterior(folder, sections, title=title, protocol=family | self.protocol)


def real(values: Tensor) -> Tensor:
    """Return values of which there is a mean: whole numbers have none in torch."""
    return values if values.is_floating_point() else values.double()
