"""The training loop: what it computes does not depend on how it is cut into pieces."""

from functools import partial

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from tests.linear_gaussian import LinearGaussian
from tests.training.runs import BATCH, VAL, make_run, make_trainer, same, weights_after
from vae.objectives import ELBO, Objective
from vae.training import VAEModule
from vae.training.callbacks import EMA
from vae.training.evaluating import EVALUATION
from vae.training.seeding import seed_noise


class EveryStep(pl.Callback):
    """Notes weights, gradient norm and step after each group."""

    def __init__(self):
        self.weights, self.norms, self.steps = [], [], []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.weights.append(nn.utils.parameters_to_vector(pl_module.parameters()).detach().clone())
        self.norms.append(pl_module.gradient_norm)
        self.steps.append(trainer.global_step)


class MeanKL(Objective):
    """A loss without noise, with a closed form."""

    def forward(self, trace, at):
        return {"kl": trace.kl.mean()}


class ToDouble(nn.Module):
    def forward(self, x):
        return x.double()


def exact_module(**settings):
    """The linear-Gaussian model in double precision with a loss without noise."""
    model = LinearGaussian().factorised()
    model.encoder.net = nn.Sequential(ToDouble(), model.encoder.net)
    return VAEModule(model, MeanKL(), optimizer=partial(torch.optim.SGD, lr=1e-3), **settings)


@pytest.mark.parametrize("group_size", [2, 7, 100])
def test_groups_do_not_change_the_weights(tmp_path, group_size):
    alone = weights_after(tmp_path, "group_size=1")
    assert same(alone, weights_after(tmp_path, f"group_size={group_size}"))


def test_a_module_is_trained_again_with_averaged_weights(tmp_path):
    """Its copy, which the average is, holds nothing of the Trainer."""
    module, data = make_run(tmp_path)
    for _ in range(2):
        make_trainer(tmp_path, EMA(decay=0.9), epochs=1).fit(module, data)


@pytest.mark.parametrize("group_size", [3, 100])
def test_groups_do_not_change_the_average_of_the_weights(tmp_path, group_size):
    """It is what a run ends with: every step counts in it."""
    alone = weights_after(tmp_path, "group_size=1", callbacks=(EMA(decay=0.9),))
    assert not same(alone, weights_after(tmp_path, "group_size=1"))
    grouped = weights_after(tmp_path, f"group_size={group_size}", callbacks=(EMA(decay=0.9),))
    assert same(alone, grouped)


@pytest.mark.parametrize("options", [{"limit_val_batches": 0}, {"check_val_every_n_epoch": 2}])
def test_validation_does_not_change_the_weights(tmp_path, options):
    objective = ["+schedule@objective.beta=linear", "objective.beta.steps=10"]
    often = weights_after(tmp_path, *objective)
    assert same(often, weights_after(tmp_path, *objective, **options))


def test_seed_and_only_seed_changes_the_weights(tmp_path):
    first, again, other = (weights_after(tmp_path, f"seed={seed}") for seed in (3, 3, 4))
    assert same(first, again)
    assert not same(first, other)


def test_an_accumulated_step_is_the_step_of_the_larger_batch(tmp_path, double_precision):
    ends = []
    for batch, accumulate in ((2 * BATCH, 1), (BATCH, 2)):
        data = make_run(tmp_path, f"data.batch_size={batch}")[1]
        module, notes = exact_module(accumulate=accumulate), EveryStep()
        trainer = make_trainer(tmp_path, notes, limit_val_batches=0)
        trainer.fit(module, data)
        ends.append((notes.weights[-1], trainer.global_step))
    assert ends[0][1] == ends[1][1] > 0
    assert torch.allclose(ends[0][0], ends[1][0], rtol=0, atol=1e-12)
    start = nn.utils.parameters_to_vector(exact_module().parameters())
    assert not torch.allclose(ends[0][0], start, atol=1e-6)


def test_the_gradient_norm_is_that_before_clipping_and_the_update_is_clipped(
    tmp_path, double_precision
):
    clip, lr = 1e-3, 1e-3
    notes = {}
    for gradient_clip in (None, clip):
        module, seen = exact_module(gradient_clip=gradient_clip), EveryStep()
        data = make_run(tmp_path)[1]
        make_trainer(tmp_path, seen, max_steps=1, limit_val_batches=0).fit(module, data)
        start = nn.utils.parameters_to_vector(exact_module().parameters()).detach()
        notes[gradient_clip] = seen.norms[0], (seen.weights[0] - start).norm().item()
    (free_norm, free_step), (norm, step) = notes[None], notes[clip]
    assert norm == free_norm > clip
    assert free_step == pytest.approx(lr * free_norm, rel=1e-6)
    assert step == pytest.approx(lr * clip, rel=1e-3)


@pytest.mark.parametrize("max_steps", [1, 5, 7, 9])
def test_training_stops_at_exactly_max_steps_inside_a_group(tmp_path, max_steps):
    limited, seen = {"max_steps": max_steps, "epochs": -1}, {}
    for group_size in (1, 3):
        module, data = make_run(tmp_path, f"group_size={group_size}", "scheduler=constant")
        trainer = make_trainer(tmp_path, **limited)
        trainer.fit(module, data)
        assert trainer.global_step == max_steps
        assert module.examples_seen == max_steps * BATCH
        seen[group_size] = module.state_dict()
    assert same(seen[1], seen[3])


OBJECTIVES = {
    "elbo": ["objective=elbo"],
    "beta": ["objective=elbo", "objective.beta=4"],
    "samples": ["objective=elbo", "objective.num_samples=3"],
    "free_bits": ["objective=free_bits"],
    "capacity": ["objective.beta=0", "penalty=capacity"],
    "adversary": ["penalty=factor", "penalties.factor.discriminator.hidden=[8]"],
    "dreg": ["objective=iwae", "estimator=dreg"],
    "iwae": ["objective=iwae"],
}


ELBO_TERMS = {"reconstruction", "kl"}
TERMS = {
    "iwae": {"iwae"},
    "dreg": {"iwae"},
    "capacity": ELBO_TERMS | {"capacity"},
    "adversary": ELBO_TERMS | {"factor", "factor_discriminator"},
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_true_elbo_is_logged_under_every_objective(tmp_path, name):
    """Also: the last, smaller batch counts by its size."""
    module, data = make_run(tmp_path, *OBJECTIVES[name], "likelihood=normal")
    trainer = make_trainer(tmp_path, epochs=1)
    trainer.fit(module, data)
    logged = {k: float(v) for k, v in trainer.callback_metrics.items()}
    log_px, kl = [], []
    for index, x in enumerate(batch["x"] for batch in data.val_dataloader()):
        seed_noise(x.device, module.seed, EVALUATION, 0, index)
        with torch.no_grad():
            trace = module.model(x, num_samples=module.objective.num_samples())
        q, px = trace.latents[0].q.base_dist, trace.px.base_dist
        standard = Normal(0.0, 1.0)
        log_px.append(Normal(px.mean, px.stddev).log_prob(x).sum(-1).mean(0))
        kl.append(kl_divergence(Normal(q.mean, q.stddev), standard).sum(-1))
    expected = torch.cat(log_px).mean().item(), torch.cat(kl).mean().item()
    assert len(torch.cat(kl)) == VAL
    assert logged["val/log_likelihood"] == pytest.approx(expected[0], rel=1e-5)
    assert logged["val/kl"] == pytest.approx(expected[1], rel=1e-5)
    assert logged["val/elbo"] == pytest.approx(expected[0] - expected[1], rel=1e-5)
    terms = {name for name in logged if name.startswith("val/objective/")}
    assert terms == {f"val/objective/{term}" for term in TERMS.get(name, ELBO_TERMS)}


def test_the_objectives_own_terms_are_logged_beside_the_elbo(tmp_path):
    module, data = make_run(tmp_path, "objective.beta=4")
    trainer = make_trainer(tmp_path, epochs=1)
    trainer.fit(module, data)
    logged = {k: float(v) for k, v in trainer.callback_metrics.items()}
    assert logged["val/objective/kl"] == pytest.approx(4 * logged["val/kl"], rel=1e-6)
    assert logged["val/objective/reconstruction"] == pytest.approx(-logged["val/log_likelihood"])


def test_the_learning_rate_runs_through_its_schedule(tmp_path):
    module, data = make_run(tmp_path, "scheduler=cosine", "scheduler.final=0.25")
    trainer = make_trainer(tmp_path)
    trainer.fit(module, data)
    group = trainer.optimizers[0].param_groups[0]
    assert group["lr"] == pytest.approx(0.25 * group["initial_lr"])
    assert module.total_steps == trainer.global_step


def test_a_schedule_needs_an_end(tmp_path):
    module, data = make_run(tmp_path, "scheduler=cosine")
    with pytest.raises(ValueError, match="a scheduler needs the number of steps"):
        make_trainer(tmp_path, epochs=-1).fit(module, data)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"gradient_clip": 0.0}, "gradient_clip must be above 0 or null; got 0"),
        ({"gradient_clip": -1.0}, "gradient_clip must be above 0"),
        ({"accumulate": 0}, "accumulate must be at least 1; got 0"),
    ],
)
def test_numbers_out_of_range_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        VAEModule(LinearGaussian().factorised(), ELBO(), **setting)


def test_a_trainer_alone_sets_the_statistics_of_the_data(tmp_path):
    module, data = make_run(tmp_path, "data.standardize=true")
    assert module.model.standardize.unset
    make_trainer(tmp_path, epochs=1).fit(module, data)
    assert torch.equal(module.model.standardize.shift, data.statistics()[0])
    assert torch.equal(module.model.standardize.scale, data.statistics()[1])


def test_the_data_are_asked_for_all_that_is_read(tmp_path):
    module, data = make_run(tmp_path)
    seen = set()
    module.model.register_forward_pre_hook(lambda model, inputs: seen.add(tuple(inputs[0])))
    module.objective.fields = ("index",)
    make_trainer(tmp_path, epochs=1).fit(module, data)
    assert seen == {("x", "index")}


@pytest.mark.parametrize("every", [1, 3])
def test_a_validation_in_mid_epoch_leaves_training_as_it_is(tmp_path, every):
    """Also in the midst of an accumulation, whose gradients Lightning would clear."""
    whole = weights_after(tmp_path, "accumulate=2")
    assert same(weights_after(tmp_path, "accumulate=2", val_check_interval=every), whole)
