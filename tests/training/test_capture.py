"""A recorded step is the step, and a watch that does not wait sees what the other one sees.

There is no GPU here: what a CUDA graph does is played by a function that is called again and whose
results are put where the first ones were.
"""

import lightning.pytorch as pl
import pytest
import torch

from tests.training.runs import TRAIN, make_run, make_trainer
from tests.training.test_guard import SKIPS, Loss
from vae.objectives import ELBO, Schedule
from vae.training.callbacks import EMA, Scalars
from vae.training.capture import WARM_UP, CapturedStep
from vae.training.meter import NonFiniteError
from vae.training.scheduled_weights import ScheduledWeights

STEPS = 7  # per epoch
VARIANTS = {
    "plain": [],
    "adam": ["optimizer=adam", "scheduler=cosine"],
    "warm-up": ["+schedule@objective.beta=linear", "objective.beta.steps=10"],
    "samples": [
        "objective=iwae",
        "+schedule@objective.num_samples=stages",
        "objective.num_samples.values=[1,3]",
        "objective.num_samples.starts=[8]",
    ],
    "clipped": ["gradient_clip=0.1"],
    "penalised": [
        "penalty=total_correlation",
        "+schedule@penalties.total_correlation.total_correlation=linear",
        "penalties.total_correlation.total_correlation.end=5",
        "penalties.total_correlation.total_correlation.steps=9",
    ],
    "smaller last batch": ["data.drop_last=false", "data.train_size=53"],
}


class Play:
    """Records as a CUDA graph does: nothing happens until the replay."""

    def __init__(self, module):
        self.module = module
        self.recordings = 0

    def __call__(self, function, noise):
        self.recordings += 1
        optimizers = self.module.trainer.optimizers
        weights = [p.detach().clone() for p in self.module.parameters()]
        states = [
            {k: v.clone() for k, v in o.state[p].items()} for o in optimizers for p in o.state
        ]
        generators = (torch.default_generator, noise)
        before = [g.get_state() for g in generators]
        result = function()
        for g, state in zip(generators, before, strict=True):
            g.set_state(state)
        with torch.no_grad():
            for p, value in zip(self.module.parameters(), weights, strict=True):
                p.copy_(value)
        kept = iter(states)
        for o in optimizers:
            for p in o.state:
                for key, value in next(kept).items():
                    o.state[p][key].copy_(value)

        def replay():
            result.copy_(function())

        return replay, result


class Recording(pl.Callback):
    """Lets a run replay its steps."""

    def on_train_epoch_start(self, trainer, pl_module):
        if not isinstance(pl_module.take_step, CapturedStep):
            self.play, eager = Play(pl_module), pl_module.take_step
            eager.defers_check = True
            weights = ScheduledWeights(pl_module.objective, TRAIN, pl_module.device)
            self.captured = CapturedStep(eager, weights, record=self.play)
            pl_module.take_step = self.captured


class Deferred(pl.Callback):
    """Lets a run look for what is not finite once per group."""

    def on_train_epoch_start(self, trainer, pl_module):
        pl_module.take_step.defers_check = True


def finished(folder, overrides, *callbacks, objective=None):
    """Return the state after a run, its last figures and what it logged."""
    module, data = make_run(folder, "group_size=3", *overrides)
    if objective is not None:
        module.objective = objective
    scalars, average = Scalars(), EMA(decay=0.5)
    trainer = make_trainer(folder, scalars, average, *callbacks, log_every_n_steps=2)
    trainer.fit(module, data)
    figures = {k: float(v) for k, v in trainer.callback_metrics.items()}
    optimizer = trainer.optimizers[0]
    states = [optimizer.state[p] for p in optimizer.param_groups[0]["params"]]
    return module, {"weights": dict(module.state_dict()), "states": states}, figures


def close(ours, theirs):
    """Say whether states are equal; a recording holds the rates in single precision."""
    pairs = [(value, theirs["weights"][key]) for key, value in ours["weights"].items()]
    for one, other in zip(ours["states"], theirs["states"], strict=True):
        pairs += [(value, other[key]) for key, value in one.items()]
    return all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in pairs)


@pytest.mark.parametrize("variant", VARIANTS)
def test_replayed_steps_are_the_steps(tmp_path, variant):
    recording = Recording()
    module, state, figures = finished(tmp_path, VARIANTS[variant], recording)
    plain, expected, logged = finished(tmp_path, VARIANTS[variant])
    assert close(state, expected)
    assert figures == pytest.approx(logged, rel=1e-6)
    assert module.latest == pytest.approx(plain.latest, rel=1e-6)
    assert module.gradient_norm == pytest.approx(plain.gradient_norm, rel=1e-6)
    kinds = 2 if variant in ("samples", "smaller last batch") else 1
    assert recording.play.recordings == len(recording.captured.recorded) == kinds
    assert recording.captured.count == 2 * STEPS > WARM_UP


class StepWeighted(ELBO):
    """The ELBO, whose KL is weighted by the number of the step."""

    def forward(self, trace, at):
        terms = super().forward(trace, at)
        return {**terms, "kl": terms["kl"] * (1 + at.step)}


def test_a_recorded_step_knows_its_number(tmp_path):
    _, state, _ = finished(tmp_path, [], Recording(), objective=StepWeighted())
    _, expected, _ = finished(tmp_path, [], objective=StepWeighted())
    assert close(state, expected)


@SKIPS
@pytest.mark.parametrize("how", [Recording, Deferred])
def test_bad_steps_are_dropped_and_told_after_the_group(tmp_path, how):
    with pytest.warns(UserWarning, match="step [56] is skipped: objective/kl is NaN"):
        module, state, _ = finished(tmp_path, [], how(), objective=ScheduledLoss(5, 6))
    plain, expected, _ = finished(tmp_path, [], objective=ScheduledLoss(5, 6))
    assert close(state, expected)
    assert module.latest == pytest.approx(plain.latest, rel=1e-6)
    assert module.guard.in_row == 0


@SKIPS
def test_too_many_bad_steps_end_the_run_that_does_not_wait(tmp_path):
    with pytest.raises(NonFiniteError, match="objective/kl is NaN or infinite at step 6, the 3rd"):
        finished(tmp_path, ["skip_limit=3"], Deferred(), objective=Loss(4, 5, 6, 7))


class NaNAt(Schedule):
    """NaN at some steps and one at all others, which no recording holds as a number."""

    def __init__(self, *bad):
        self.bad = bad

    def __call__(self, step):
        return float("nan") if step in self.bad else 1.0


class ScheduledLoss(ELBO):
    """The ELBO, whose KL is NaN at some steps by a schedule."""

    def __init__(self, *bad):
        super().__init__()
        self.factor = NaNAt(*bad)

    def forward(self, trace, at):
        terms = super().forward(trace, at)
        return {**terms, "kl": terms["kl"] * at(self.factor)}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["accumulate=2"], "cuda_graph needs one GPU"),
        (["skip_limit=null"], "cuda_graph needs skip_limit"),
        (["optimizer=sgd"], "cuda_graph needs optimizer=adamw or adam"),
        (["optimizer=adam", "optimizer.fused=false"], "cuda_graph needs optimizer=adamw or adam"),
    ],
)
def test_what_cannot_be_recorded_is_refused(tmp_path, overrides, message):
    with pytest.raises(ValueError, match=message):
        finished(tmp_path, overrides, Recording())
