"""From a log-joint to its fitted posterior, by the Trainer that trains the VAEs."""

__all__ = ["fit"]

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from vae.cli.as_it_was import FITTING, process_of_a_run
from vae.inference.calling import Function
from vae.inference.choosing import (
    check_flags,
    check_kinds,
    check_numbers,
    check_optimizer,
    check_start,
    family_of,
    objective_of,
    states_of,
    target_of,
)
from vae.inference.elbo_trace import ELBOTrace
from vae.inference.families import Family, Flow, Mixture
from vae.inference.fitted import Fit
from vae.inference.log_joint import LogJoint
from vae.inference.recorded_terms import FitModule
from vae.inference.same_fit import arguments_of, protocol_of_fit
from vae.inference.space import Supports
from vae.inference.start_values import start_vector
from vae.inference.states import States
from vae.inference.target import RowsTarget, Target
from vae.inference.training_run import TrainingRun
from vae.objectives import (
    ELBO,
    DReG,
    Estimator,
    LogWeightBound,
    Objective,
    ScoreFunction,
    StickTheLanding,
)
from vae.training import Cosine, LearningRate

DECAY = Cosine(warmup=0.0)
ADAM = partial(Adam, fused=True)
MANY = 200  # steps, from which on it pays to record one


def fit(
    log_joint: Function | Target,
    latents: Supports | None = None,
    *,
    log_likelihood: Function | None = None,
    data: Mapping[str, Tensor] | None = None,
    vectorized: bool = False,
    posterior: str | Callable[[int], nn.Module] = "mean_field",
    objective: Objective | None = None,
    num_samples: int | None = None,
    estimator: str | Estimator | None = None,
    temperature: float = 0.5,
    steps: int = 5_000,
    lr: float = 0.01,
    optimizer: Callable[..., Optimizer] = ADAM,
    schedule: LearningRate | None = DECAY,
    batch_size: int | None = None,
    start: Mapping[str, Tensor | float] | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    resume: bool = False,
    compile: bool = False,
    record: bool = True,
    accelerator: str = "cpu",
    quiet: bool = False,
) -> Fit:
    r"""Fit a distribution q to the posterior of any log-joint, by maximising the ELBO.

    :math:`E_{q(u)}[\log p(x, T(u)) + \log|∂T/∂u| - \log q(u)]`, where the bijections T lead from
    reals to the supports of the latents. Noise is a function of `seed` and the step, so that a run
    that is gone on with ends where an uninterrupted one does. The last q is returned; the learning
    rate, which falls to zero, makes an average of it.

    Args:
        log_joint: log p(x, latents), called with the latents by name, a scalar; with
            `log_likelihood`, log p(latents) alone; or a `Target`. Parameters of one that is an
            ``nn.Module`` are learned with q, in place: they maximise the same bound.
        latents: The support of each latent, of `torch.distributions.constraints`, or a tuple of
            that and the shape of a value.
        log_likelihood: Called with a batch of rows, a mapping, and the latents by name, it returns
            the log-likelihood of each row, ``(B,)``.
        data: All rows, tensors ``(N, ...)`` by name.
        vectorized: Whether the functions take all draws at once, ``(K, *shape)``, and return one
            number for each. Otherwise they are written for one draw.
        posterior: ``"mean_field"``, ``"full_rank"``, ``"low_rank"``, ``"flow"``, ``"mixture"``, or
            what makes a module of D that returns q, such as ``partial(LowRank, rank=2)``.
        objective: Any bound with its estimator, instead of the next two; ``None``: the ELBO.
        num_samples: Draws of q per step, at least 1; of a mixture, from each component. 10 where
            neither is given.
        estimator: ``"pathwise"``, ``"stl"``, ``"dreg"``, ``"score"``, or an `Estimator`; where
            latents are discrete ``"score"``, ``"relaxed"`` or ``"enumerate"``, see `States`.
            ``None``: that of the family, ``"stl"`` of a flow of affine layers, else ``"pathwise"``.
        temperature: Of ``"relaxed"``, above 0.
        steps: Optimizer steps, at least 1.
        lr: Learning rate at first, above 0.
        optimizer: Called with parameters and ``lr``, it makes the optimizer.
        schedule: The learning rate as a factor; ``None`` keeps it.
        batch_size: Rows of the data in a step; ``None``: all. With some, bounds of several samples
            are refused.
        start: Values of the latents at which q starts; by default zero before the bijections.
        dtype: Of q; by default the widest of torch's default and of the data.
        seed: Key of all noise.
        folder: For checkpoints and TensorBoard events; ``None`` leaves no file.
        resume: Whether to go on with the run in the folder, under the same arguments but for
            `steps` and those that change no number; the functions' code is not compared.
        compile: Whether the step is compiled.
        record: Whether a step is recorded as a list of operations that are repeated, in runs of 200
            steps or more; where that cannot be, all is called at every step. What the functions
            read besides latents and data is then as it was at the first step, and what else they
            do, such as counting their calls, is not done again: ``False`` where that matters.
        accelerator: Of Lightning's Trainer; data are moved there if they were given as `data`.
        quiet: Whether nothing is printed.

    Returns:
        The fit.

    Raises:
        ValueError: If an argument is wrong, or not that of the run that is gone on with, or the
            log-joint is not finite at the start.

    References:
        Automatic Differentiation Variational Inference (Kucukelbir et al., 2017), 1603.00788.
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.

    Example:
        One latent of the posterior N(2, 0.5²); μ and σ of q are free, and each step draws 1,000 ε.

        >>> from torch.distributions import Normal, constraints
        >>> fitted = fit(
        ...     lambda z: Normal(2.0, 0.5).log_prob(z), {"z": constraints.real},
        ...     num_samples=1000, lr=0.01, steps=1000, quiet=True,
        ... )
        >>> q = fitted.q.base_dist
        >>> round(q.loc.item(), 1), round(q.scale.item(), 1)
        (2.0, 0.5)
    """
    check_numbers(lr=lr, temperature=temperature, seed=seed)
    check_kinds(optimizer, schedule, dtype=dtype, accelerator=accelerator, start=start)
    check_flags(vectorized=vectorized, resume=resume, compile=compile, record=record, quiet=quiet)
    target = target_of(log_joint, latents, log_likelihood, data, vectorized=vectorized)
    run = TrainingRun(steps, batch_size, folder=folder, quiet=quiet)
    with FITTING, process_of_a_run(None, quiet=quiet):
        family = made_family(target, posterior, start, dtype, seed)
        states = states_of(target, estimator, temperature, family)
        bound = objective_of(objective, num_samples, estimator, family, discrete=states is not None)
        model = model_of(target, family, states, bound, batch_size)
        module = module_of(model, bound, run, optimizer, schedule, lr=lr, seed=seed)
        module.compiled, module.records = compile, record and steps >= MANY
        return fit_of(module, run.train(module, accelerator, resume=resume), run, lr)


def module_of(
    model: LogJoint,
    bound: Objective,
    run: TrainingRun,
    optimizer: Callable[..., Optimizer],
    schedule: LearningRate | None,
    *,
    lr: float,
    seed: int,
) -> FitModule:
    """Return what is trained, with the arguments that a run in a folder keeps.

    Raises:
        ValueError: If there is no optimizer of its parameters.
    """
    rate = partial(optimizer, lr=lr)
    module = FitModule(model, bound, optimizer=rate, scheduler=schedule, seed=seed)
    check_optimizer(module)
    if run.folder is not None:
        module.arguments = arguments_of(module, lr=lr, batch_size=run.batch_size)
    return module


def model_of(
    target: Target,
    family: nn.Module,
    states: States | None,
    objective: Objective,
    batch_size: int | None,
) -> LogJoint:
    """Return the model, if the bound suits it and it can be computed at the start.

    Raises:
        ValueError: If not.
    """
    check_bound(target, family, objective, batch_size)
    scores = isinstance(objective, ELBO) and isinstance(objective.estimator, ScoreFunction)
    check_start(target, family, states, paths=not scores)
    return LogJoint(target, family, states=states, per_row=batch_size is not None)


def fit_of(module: FitModule, trace: ELBOTrace, run: TrainingRun, lr: float) -> Fit:
    """Return the posterior of a module that is trained, on the CPU, with how it was."""
    model = module.model.cpu()
    assert isinstance(model, LogJoint)
    points = torch.tensor(trace.points, dtype=torch.float64).reshape(-1, 3)
    return Fit(
        model.target,
        model.posterior,
        states=model.states,
        steps=points[:, 0].long(),
        elbo_trace=points[:, 1],
        elbo_errors=points[:, 2],
        protocol=protocol_of_fit(module, steps=run.steps, lr=lr, batch_size=run.batch_size),
    )


def made_family(
    target: Target,
    posterior: str | Callable[[int], nn.Module],
    start: Mapping[str, Tensor | float] | None,
    dtype: torch.dtype | None,
    seed: int,
) -> nn.Module:
    """Return q at its start, in its type.

    Raises:
        ValueError: If there is no such family, or the start is not inside the supports.
    """
    torch.manual_seed(seed)
    empty = target.space.dim == 0  # all latents are discrete
    family = family_of("mean_field" if empty else posterior, target.space.dim)
    if dtype is None:
        floats = [b.dtype for b in target.buffers() if b.is_floating_point()]
        dtype = max([torch.get_default_dtype(), *floats], key=lambda kind: kind.itemsize)
    family = family.to(dtype)
    if start is not None:
        if not isinstance(family, Family):
            raise ValueError("start= needs a family of vae.inference; place your module yourself")
        family.start_at(start_vector(target.space, start, dtype))
    return family


def check_bound(
    target: Target, family: nn.Module, objective: Objective, batch_size: int | None
) -> None:
    """Refuse a bound that does not suit the family or the batches.

    Raises:
        ValueError: Saying which does.
    """
    mixture = isinstance(family, Mixture)
    if batch_size is not None:
        if not isinstance(target, RowsTarget):
            raise ValueError(
                "batch_size= needs rows: give log_likelihood= and data= beside the log prior"
            )
        whole = isinstance(objective, LogWeightBound)
        if whole or (
            isinstance(objective, ELBO) and isinstance(objective.estimator, ScoreFunction)
        ):
            raise ValueError(
                "a bound of several samples and the score function need the whole log-joint, of "
                "which a batch is a part: leave out batch_size="
            )
        if batch_size > target.num_examples:
            raise ValueError(
                f"batch_size is {batch_size}, and the data have {target.num_examples} rows"
            )
    if mixture and (batch_size is not None or not isinstance(objective, ELBO)):
        raise ValueError(
            "a mixture is drawn component by component, for the ELBO of all data: leave out "
            'batch_size= and objective=, or use posterior="flow"'
        )
    along_draws = isinstance(getattr(objective, "estimator", None), StickTheLanding | DReG)
    if along_draws and isinstance(family, Flow) and family.in_a_box:
        raise ValueError(
            "a flow of splines carries a box to itself, from which an estimator that reads the "
            'draws alone finds no way out: use estimator="pathwise", or a flow of affine layers'
        )
