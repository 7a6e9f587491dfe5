"""What the arguments of `vae.fit` mean: a density, a family of q, and a bound with its gradient."""

__all__ = [
    "check_flags",
    "check_kinds",
    "check_numbers",
    "check_optimizer",
    "check_start",
    "family_of",
    "objective_of",
    "states_of",
    "target_of",
]

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.optim import Optimizer

from vae.argument_checks import unchecked
from vae.checks import check_bool, check_choice, check_int
from vae.inference.calling import Function
from vae.inference.families import FAMILIES, Family
from vae.inference.first_calls import check_gradient, why_not_for_many
from vae.inference.space import Supports
from vae.inference.states import States
from vae.inference.target import Target
from vae.objectives import (
    ELBO,
    DReG,
    Estimator,
    Objective,
    Pathwise,
    ScoreFunction,
    StickTheLanding,
)
from vae.training import LearningRate, VAEModule

ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")

ESTIMATORS: Mapping[str, Callable[[], Estimator]] = {
    "pathwise": Pathwise,
    "stl": StickTheLanding,
    "dreg": DReG,
    "score": ScoreFunction,
}


def target_of(
    log_joint: Function | Target,
    latents: Supports | None,
    log_likelihood: Function | None,
    data: Mapping[str, Tensor] | None,
    *,
    vectorized: bool,
) -> Target:
    """Return the density that a posterior is wanted of.

    Raises:
        ValueError: If the arguments are those of none.
    """
    if data is not None and not isinstance(data, Mapping):
        raise ValueError(f'data must be tensors by name, such as {{"x": x}}; got {data!r:.60}')
    if latents is not None and not isinstance(latents, Mapping):
        raise ValueError(
            f'latents must be supports by name, such as {{"mu": constraints.real}}; got {latents!r}'
        )
    if isinstance(log_joint, Target):
        if latents is not None or log_likelihood is not None or data is not None:
            raise ValueError("a Target has latents and data of its own: give it alone")
        return log_joint
    if latents is None:
        raise ValueError(
            'give latents={name: support}, such as {"mu": constraints.real, "sigma": '
            "constraints.positive}"
        )
    if (log_likelihood is None) != (data is None):
        raise ValueError("log_likelihood= and data= go together: give both, or a whole log-joint")
    if log_likelihood is None or data is None:
        return Target.of(log_joint, latents, vectorized=vectorized)
    return Target.of_data(log_joint, log_likelihood, latents, data, vectorized=vectorized)


def check_numbers(*, lr: float, temperature: float, seed: int) -> None:
    """Refuse what is no learning rate, temperature or seed.

    Raises:
        ValueError: Naming it.
    """
    for name, value in (("lr", lr), ("temperature", temperature)):
        if not isinstance(value, int | float) or not 0 < value < inf:
            raise ValueError(f"{name} must be a finite number above 0; got {value!r}")
    check_int("seed", seed, low=0)
    if seed >= 2**64:
        raise ValueError(f"seed must be a whole number below 2**64; got {seed}")


def check_flags(**flags: object) -> None:
    """Refuse what is neither true nor false.

    Raises:
        ValueError: Naming it.
    """
    for name, value in flags.items():
        check_bool(name, value)


def check_kinds(
    optimizer: object, schedule: object, *, dtype: object, accelerator: object, start: object
) -> None:
    """Refuse arguments of another kind.

    Raises:
        ValueError: Naming one, what it must be and what was given.
    """
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise ValueError(
            f"dtype must be a type of floating point, such as torch.float64; got {dtype!r}"
        )
    if not callable(optimizer):
        raise ValueError(
            "optimizer must make an optimizer of parameters and lr=, as torch.optim.Adam does; got "
            f"{optimizer!r:.60}"
        )
    if not isinstance(schedule, LearningRate | None):
        raise ValueError(
            f"schedule must be a LearningRate of vae.training, or None; got {schedule!r:.60}"
        )
    if not isinstance(start, Mapping | None):
        raise ValueError(f'start must be values by name, such as {{"mu": 1.0}}; got {start!r:.60}')
    check_choice("accelerator", accelerator, ACCELERATORS)


def check_optimizer(module: VAEModule) -> None:
    """Refuse what makes no optimizer.

    Raises:
        ValueError: Saying why.
    """
    try:
        made: Any = module.make_optimizers()[0]
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"optimizer cannot be called with parameters and lr=: {error}") from error
    if not isinstance(made, Optimizer):
        raise ValueError(f"optimizer must make an optimizer of torch; it made {made!r:.60}")


def family_of(posterior: str | Callable[[int], nn.Module], dim: int) -> nn.Module:
    """Return the module that stands for q over ``(D,)``.

    Raises:
        ValueError: If there is no family of a name, or the module has other dimensions.
    """
    if isinstance(posterior, str):
        if posterior not in FAMILIES:
            raise ValueError(
                f"posterior must be one of {', '.join(FAMILIES)}, or a family such as "
                f"partial(LowRank, rank=2); got {posterior!r}"
            )
        make: Callable[[int], nn.Module] = FAMILIES[posterior]
    else:
        make = posterior
    if not callable(make):
        raise ValueError(f"posterior must be the name of a family, or make one; got {make!r:.60}")
    made = make if isinstance(make, nn.Module) else make(dim)
    with torch.no_grad():
        q = made() if isinstance(made, nn.Module) else made
    if not isinstance(q, Distribution) or not isinstance(made, nn.Module):
        raise ValueError(
            "posterior must make a module of D that, called, returns q over (D,), such as "
            f"partial(LowRank, rank=2); got {made!r:.60}"
        )
    event = q.event_shape
    if event != (dim,):
        raise ValueError(f"the posterior has events of shape {tuple(event)}; expected ({dim},)")
    return made


def states_of(
    target: Target, estimator: str | Estimator | None, temperature: float, family: nn.Module
) -> States | None:
    """Return q over the discrete latents, if there are some.

    Raises:
        ValueError: If the estimator is none for them.
    """
    if not target.discrete:
        return None
    name = type(estimator).__name__ if isinstance(estimator, Estimator) else estimator or "pathwise"
    dtype = next(family.parameters()).dtype
    return States(target.discrete, name, temperature=temperature).to(dtype)


def objective_of(
    objective: Objective | None,
    num_samples: int | None,
    estimator: str | Estimator | None,
    family: nn.Module,
    *,
    discrete: bool,
) -> Objective:
    """Return the bound: what was given, or the ELBO with an estimator of its gradient.

    Raises:
        ValueError: If there is no estimator of a name, or a bound is given beside what it holds
            itself.
    """
    if objective is not None:
        if not isinstance(objective, Objective):
            raise ValueError(
                f"objective must be a bound of vae.objectives, such as IWAE(num_samples=10); got "
                f"{objective!r:.60}"
            )
        # Of discrete latents the estimator says how states are drawn, whatever the bound.
        for name, beside in (
            ("num_samples", num_samples is not None),
            ("estimator", estimator is not None and not discrete),
        ):
            if beside:
                raise ValueError(
                    f"objective= has {name} of its own, beside which {name}= would do nothing: "
                    "give it to the bound, such as IWAE(num_samples=10, estimator=DReG())"
                )
        return objective
    if estimator is None:
        estimator = family.estimator if isinstance(family, Family) else "pathwise"
    if not isinstance(estimator, str | Estimator):
        raise ValueError(f"estimator must be a name or an Estimator; got {estimator!r:.60}")
    if isinstance(estimator, str):
        known = dict(ESTIMATORS)
        if discrete:  # the states need no estimator then, and the other latents have paths
            known |= {"relaxed": Pathwise, "enumerate": Pathwise}
        if estimator not in known:
            raise ValueError(f"estimator must be one of {', '.join(known)}; got {estimator!r}")
        estimator = known[estimator]()
    return ELBO(num_samples=10 if num_samples is None else num_samples, estimator=estimator)


def check_start(
    target: Target, posterior: nn.Module, states: States | None, *, paths: bool
) -> None:
    """Refuse a log-joint that is not finite where q starts, or cannot be called for two draws.

    Args:
        target: The log-joint.
        posterior: q over the continuous latents.
        states: q over the others.
        paths: Whether the log-joint must have a gradient too.

    Raises:
        ValueError: Saying where, or why.
    """
    with torch.no_grad(), torch.random.fork_rng(devices=[]), unchecked():
        torch.manual_seed(0)
        center = posterior.loc.clone() if isinstance(posterior, Family) else posterior().sample()
        drawn = {} if states is None else states.sample(1)[0]
        one = {name: value[0] for name, value in drawn.items()}
        found = target.log_density(center, one)
        both = {name: torch.stack([value, value]) for name, value in one.items()}
        try:
            target.log_density(torch.stack([center, center]), both)
        except RuntimeError as error:
            raise ValueError(why_not_for_many(target, error)) from error
    if not found.isfinite():
        values = {k: v.tolist() for k, v in target.space.constrain(center)[0].items()}
        raise ValueError(
            f"the log-joint is {found.item()} at the start, {values!s:.200}: give start= where "
            "it is finite, or look at the supports"
        )
    if paths:
        check_gradient(target, center, one)
