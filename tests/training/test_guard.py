"""Losses and gradients that are not finite: skipped, counted, bounded, never saved."""

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from tests.training.runs import make_run, make_trainer
from vae.distributions import Joint, LogScaleNormal, NormalPosterior
from vae.objectives import ELBO
from vae.training import VAEModule
from vae.training.callbacks import Checkpoints, Scalars
from vae.training.guard import watched_parameters
from vae.training.meter import NegativeKLError, NonFiniteError
from vae.training.storage import DurableCheckpoints

STEPS = 7  # per epoch
SKIPS = pytest.mark.filterwarnings("ignore:step .* is skipped")


class Loss(ELBO):
    """The ELBO, whose KL is NaN at some steps."""

    def __init__(self, *bad):
        super().__init__()
        self.bad = bad

    def forward(self, trace, at):
        terms = super().forward(trace, at)
        return {**terms, "kl": terms["kl"] * float("nan")} if at.step in self.bad else terms


class Gradient(Loss):
    """The ELBO, whose gradient is NaN at some steps, though every term is finite."""

    def forward(self, trace, at):
        terms = ELBO.forward(self, trace, at)
        if at.step in self.bad and torch.is_grad_enabled():
            terms["root"] = (trace.log_px.mean() * 0).sqrt()  # 0 · ∞ in the gradient
        return terms


class Steep(Loss):
    """The ELBO, whose gradient is large at some steps."""

    def forward(self, trace, at):
        terms = ELBO.forward(self, trace, at)
        return {k: 1e9 * v for k, v in terms.items()} if at.step in self.bad else terms


class Weights(pl.Callback):
    """Notes the weights after every step, and the figures logged."""

    def __init__(self):
        self.after = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.after.append(parameters_to_vector(pl_module.parameters()).detach().clone())


def run(folder, objective, *overrides, callbacks=(), epochs=1, **options):
    module, data = make_run(folder, *overrides)
    module.objective = objective
    options = {"limit_val_batches": 0, "plugins": [DurableCheckpoints()], **options}
    trainer = make_trainer(folder, *callbacks, epochs=epochs, **options)
    trainer.fit(module, data)
    return module, trainer


@pytest.mark.parametrize("kind", [Loss, Gradient])
def test_a_bad_step_changes_no_weight_and_the_others_all(tmp_path, kind):
    weights = Weights()
    with pytest.warns(UserWarning, match=r"step [24] is skipped: .* NaN or infinite"):
        module, trainer = run(tmp_path, kind(2, 4), callbacks=[weights])
    assert all(w.isfinite().all() for w in weights.after)
    moved = [not torch.equal(*pair) for pair in zip(weights.after, weights.after[1:], strict=False)]
    assert moved == [step not in (2, 4) for step in range(1, STEPS)]
    assert trainer.global_step == STEPS
    assert (module.guard.in_epoch, module.guard.in_row) == (2, 0)


@SKIPS
@pytest.mark.parametrize("kind", [Loss, Gradient])
def test_without_the_guard_the_weights_are_lost(tmp_path, kind):
    weights = Weights()
    run(tmp_path, kind(2), "skip_limit=null", callbacks=[weights])
    assert not weights.after[-1].isfinite().all()


@pytest.mark.parametrize(("kind", "named"), [(Loss, "objective/kl"), (Gradient, "the gradient of")])
def test_the_message_names_term_and_step(tmp_path, kind, named):
    with pytest.warns(UserWarning, match=rf"^step 3 is skipped: {named}"):
        run(tmp_path, kind(3))


def test_a_step_of_a_large_gradient_is_skipped_but_not_for_ever(tmp_path):
    weights = Weights()
    above = "the norm of the gradient is above gradient_skip=1e\\+06"
    with pytest.warns(UserWarning, match=rf"step 3 is skipped: {above}"):
        run(tmp_path, Steep(3), "gradient_skip=1e6", callbacks=[weights])
    moved = [not torch.equal(*pair) for pair in zip(weights.after, weights.after[1:], strict=False)]
    assert moved == [step != 3 for step in range(1, STEPS)]
    with (
        pytest.warns(UserWarning, match="is skipped"),
        pytest.raises(NonFiniteError, match=r"at step 4, the 3rd .* try a larger gradient_skip"),
    ):
        run(tmp_path, Steep(2, 3, 4), "gradient_skip=1e6", "skip_limit=3")
    with pytest.raises(ValueError, match="gradient_skip needs skip_limit"):
        VAEModule(None, None, gradient_skip=1.0, skip_limit=None)


@SKIPS
def test_so_many_in_a_row_end_the_run(tmp_path):
    with pytest.raises(NonFiniteError, match="objective/kl is NaN or infinite at step 4, the 3rd"):
        run(tmp_path, Loss(2, 3, 4, 5, 6), "skip_limit=3")


@SKIPS
def test_one_may_not_skip_for_ever_between_good_steps(tmp_path):
    with pytest.raises(NonFiniteError, match="step 38, the 20th such step of this epoch"):
        run(tmp_path, Loss(*range(0, 99, 2)), "skip_limit=2", "data.batch_size=1")
    run(tmp_path, Loss(*range(0, 99, 2)), "skip_limit=2", epochs=6)  # 21 of 42, 3 or 4 an epoch


def test_only_weights_with_a_bias_go_unread(tmp_path):
    overrides = ["prior=vamp", "prior.num_components=4", "posterior=nsf"]
    module, _ = make_run(tmp_path, *overrides)
    read = {id(p) for p in watched_parameters(module)}
    unread = [name for name, p in module.named_parameters() if id(p) not in read]
    assert unread
    for name in unread:
        assert name.endswith(".weight")
        assert id(module.get_parameter(name.removesuffix("weight") + "bias")) in read
    assert id(module.model.prior.free_inputs) in read
    nets = nn.Linear(2, 2, bias=False), nn.Conv2d(1, 1, 3), nn.LayerNorm(2)
    assert [len(list(watched_parameters(net))) for net in nets] == [1, 1, 2]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("net", [nn.Linear(5, 3), nn.Conv1d(2, 3, 3), nn.ConvTranspose1d(2, 3, 3)])
def test_a_bad_signal_shows_in_the_bias(bad, net):
    """The rule that spares the weights: whatever element of the signal is bad."""
    x = torch.randn(4, 5) if isinstance(net, nn.Linear) else torch.randn(4, 2, 5)
    for i in range(net(x).numel()):
        net.zero_grad()
        signal = torch.randn(net(x).numel())
        signal[i] = bad
        y = net(x)
        y.backward(signal.view_as(y))
        assert not net.bias.grad.isfinite().all()
        assert not net.weight.grad.isfinite().all()


def test_a_limit_below_one_is_refused():
    with pytest.raises(ValueError, match="skip_limit must be at least 1 or null; got 0"):
        VAEModule(None, None, skip_limit=0)


@SKIPS
@pytest.mark.parametrize("accumulate", [1, 2])
def test_skipped_steps_do_not_spoil_the_figures(tmp_path, accumulate):
    scalars = Scalars()
    overrides = [f"accumulate={accumulate}"]
    module, _ = run(tmp_path, Loss(1), *overrides, callbacks=[scalars], log_every_n_steps=3)
    assert module.latest["kl"] == module.latest["kl"] > 0
    assert "objective/kl" in module.latest


@SKIPS
def test_an_adversary_is_not_stepped_either(tmp_path):
    weights = Weights()
    overrides = ["penalty=factor", "penalties.factor.discriminator.hidden=[8]"]
    module, data = make_run(tmp_path, *overrides)
    module.objective.objective = Loss(2)
    trainer = make_trainer(tmp_path, weights, epochs=1, limit_val_batches=0)
    trainer.fit(module, data)
    assert torch.equal(weights.after[2], weights.after[1])
    assert not torch.equal(weights.after[3], weights.after[2])


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    class Spoil(pl.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            if trainer.current_epoch == 1:
                next(pl_module.parameters()).data[0] = float("inf")

    keeper = Checkpoints(str(tmp_path), monitor="val/elbo")
    with pytest.raises(NonFiniteError, match=r"model\.encoder.* so best.ckpt was not saved"):
        run(tmp_path, ELBO(), callbacks=[Spoil(), keeper], epochs=3, limit_val_batches=1)
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert saved["global_step"] == STEPS
    assert all(value.isfinite().all() for value in saved["state_dict"].values())
    assert not list(tmp_path.glob("*.part"))


def test_a_validation_that_is_not_finite_ends_the_run_before_it_is_saved(tmp_path):
    class Wrong(ELBO):
        def forward(self, trace, at):
            terms = super().forward(trace, at)
            bad = not torch.is_grad_enabled() and at.step > STEPS
            return {**terms, "kl": terms["kl"] * float("nan")} if bad else terms

    keeper = Checkpoints(str(tmp_path), monitor="val/elbo")
    with pytest.raises(NonFiniteError, match="objective/kl became NaN or infinite by step 14"):
        run(tmp_path, Wrong(), callbacks=[keeper], epochs=3, limit_val_batches=1)
    for name in ("best", "last"):
        assert torch.load(tmp_path / f"{name}.ckpt", weights_only=True)["global_step"] == STEPS


class WrongNormal(LogScaleNormal):
    """A normal distribution with a log-density that is too low."""

    def log_prob(self, value):
        return super().log_prob(value) - 10


class WrongHead(NormalPosterior):
    def forward(self, params):
        q = super().forward(params).base_dist
        return Joint(WrongNormal(q.loc, q.log_scale), 1)


@pytest.mark.parametrize("options", [{"limit_val_batches": 0}, {"callbacks": []}])
def test_a_posterior_with_a_wrong_density_ends_the_run(tmp_path, options):
    """In training, and where nothing looks at training, in validation."""
    module, data = make_run(tmp_path, "prior=nsf", "prior.hidden_features=[8]")
    module.model.encoder.head = WrongHead(3)
    callbacks = options.pop("callbacks", [Scalars()])
    trainer = make_trainer(tmp_path, *callbacks, epochs=3, log_every_n_steps=5, **options)
    with pytest.raises(NegativeKLError, match=r"^kl is -[23]\d\.\d nats in the mean over"):
        trainer.fit(module, data)
