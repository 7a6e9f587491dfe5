"""Adversaries: trained in the same step as the model, by optimizers of their own."""

from functools import partial
from itertools import pairwise

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from tests.training.runs import BATCH, TRAIN, make_run, make_trainer, same, weights_after
from tests.training.test_module import exact_module
from vae.objectives import Objective, Penalized
from vae.objectives.penalties import Adversary
from vae.training.callbacks import EMA

PENALTIES = ("factor", "adversarial")
PER_EPOCH = TRAIN // BATCH


def with_penalty(name):
    """Return the overrides of a small discriminator."""
    return [f"penalty={name}", f"penalties.{name}.discriminator.hidden=[8]"]


def parts_of(module):
    """Return the parameters of the model and of its one adversary, a vector each."""
    (adversary,) = (part for part in module.objective.modules() if isinstance(part, Adversary))
    return [parameters_to_vector(p.parameters()).detach() for p in (module.model, adversary)]


class Notes(pl.Callback):
    """Keeps both vectors of parameters after each group of batches."""

    def __init__(self):
        self.model, self.adversary = [], []

    def on_train_start(self, trainer, pl_module):
        self.note(pl_module)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.steps_directly = pl_module.take_step.update.steps_directly
        self.note(pl_module)

    def note(self, module):
        model, adversary = parts_of(module)
        self.model.append(model.clone())
        self.adversary.append(adversary.clone())


class ThroughStrategy(pl.Callback):
    """Sends the steps through strategy and precision plugin."""

    def on_train_epoch_start(self, trainer, pl_module):
        pl_module.take_step.update.steps_directly = False


def moves(vectors):
    """Return how far each vector is from the one before."""
    return [float((b - a).norm()) for a, b in pairwise(vectors)]


@pytest.mark.parametrize("name", PENALTIES)
def test_each_optimizer_holds_its_own_parameters_and_moves_them(tmp_path, name):
    module, data = make_run(tmp_path, *with_penalty(name))
    notes = Notes()
    trainer = make_trainer(tmp_path, notes)
    trainer.fit(module, data)
    ours, theirs = (
        {p for group in optimizer.param_groups for p in group["params"]}
        for optimizer in trainer.optimizers
    )
    assert theirs == {*module.objective.penalties[name].adversary.discriminator.parameters()}
    assert ours == {*module.model.parameters()} == {*module.parameters()} - theirs
    assert min(*moves(notes.model), *moves(notes.adversary)) > 0
    assert module.num_examples == TRAIN


@pytest.mark.parametrize("max_steps", [5, 9])
def test_only_the_models_steps_are_counted(tmp_path, max_steps):
    ends = []
    for group_size in (1, 10):
        overrides = [*with_penalty("factor"), f"group_size={group_size}"]
        module, data = make_run(tmp_path, *overrides)
        trainer = make_trainer(tmp_path, epochs=-1, max_steps=max_steps)
        trainer.fit(module, data)
        assert trainer.global_step == max_steps
        assert module.examples_seen == max_steps * BATCH
        ends.append(module.state_dict())
    assert same(*ends)


def test_the_schedule_is_the_models(tmp_path):
    module, data = make_run(tmp_path, *with_penalty("factor"), "scheduler=cosine")
    trainer = make_trainer(tmp_path)
    trainer.fit(module, data)
    ours, theirs = (optimizer.param_groups[0] for optimizer in trainer.optimizers)
    assert ours["lr"] < 1e-6 < ours["initial_lr"]
    assert theirs["lr"] == 1e-4
    assert "initial_lr" not in theirs


@pytest.mark.parametrize("clip", ["null", 1e-3])
def test_each_gradient_is_clipped_by_its_own_norm(tmp_path, clip):
    """With a rate of 1 the length of a step is the norm of what the optimizer was given."""
    overrides = [*with_penalty("factor"), "scheduler=constant", f"gradient_clip={clip}"]
    overrides += ["optimizer=sgd", "optimizer.lr=1.0", "optimizer.momentum=0"]
    module, data = make_run(tmp_path, *overrides, "penalties.factor.weight=1")
    factor = module.objective.penalties["factor"]
    factor.adversary.make_optimizer = partial(torch.optim.SGD, lr=1.0)
    notes = Notes()
    make_trainer(tmp_path, notes, max_steps=1).fit(module, data)
    lengths = [moves(notes.model)[0], moves(notes.adversary)[0]]
    if clip == "null":
        assert min(lengths) > 2e-3
        assert lengths[0] != pytest.approx(lengths[1], rel=0.1)
    else:
        assert lengths == pytest.approx([clip, clip], rel=1e-2)


class Linear(Objective):
    """A game that is linear in the examples, so that batches can be added up."""

    def __init__(self):
        super().__init__()
        net = nn.Linear(3, 1)
        net.weight.data.fill_(0.5)
        self.adversary = Adversary(net, optimizer=partial(torch.optim.SGD, lr=1e-2))

    def forward(self, trace, at):
        mean = trace.latents[0].q.mean
        loss = self.adversary.loss(mean, torch.zeros_like(mean))
        return {"fooling": -self.adversary.log_ratio(mean).mean(), "discriminator": loss}


def test_an_accumulated_step_is_the_step_of_the_larger_batch(tmp_path, double_precision):
    ends = []
    for batch, accumulate in ((2 * BATCH, 1), (BATCH, 2)):
        data = make_run(tmp_path, f"data.batch_size={batch}")[1]
        module, notes = exact_module(accumulate=accumulate), Notes()
        module.objective = Penalized(module.objective, {"linear": Linear()})
        trainer = make_trainer(tmp_path, notes, limit_val_batches=0)
        trainer.fit(module, data)
        assert trainer.global_step == 2 * (PER_EPOCH // 2)
        ends.append((notes.model[-1], notes.adversary[-1]))
        assert min(float((v[-1] - v[0]).norm()) for v in (notes.model, notes.adversary)) > 1e-4
    for one, two in zip(*ends, strict=True):
        assert torch.allclose(one, two, rtol=0, atol=1e-12)


def test_both_step_every_second_batch(tmp_path):
    module, data = make_run(tmp_path, *with_penalty("adversarial"), "accumulate=2")
    notes = Notes()
    make_trainer(tmp_path, notes, epochs=1).fit(module, data)
    stepped = [index % 2 == 1 for index in range(PER_EPOCH)]
    assert [move > 0 for move in moves(notes.model)] == stepped
    assert [move > 0 for move in moves(notes.adversary)] == stepped


@pytest.mark.parametrize("name", PENALTIES)
def test_the_way_through_the_strategy_ends_the_same(tmp_path, name):
    overrides = [*with_penalty(name), "gradient_clip=1"]
    plain = weights_after(tmp_path, *overrides)
    assert same(plain, weights_after(tmp_path, *overrides, callbacks=(ThroughStrategy(),)))


@pytest.mark.parametrize("name", PENALTIES)
def test_reduced_precision(tmp_path, name):
    module, data = make_run(tmp_path, *with_penalty(name))
    notes = Notes()
    trainer = make_trainer(tmp_path, notes, precision="bf16-mixed")
    trainer.fit(module, data)
    assert notes.steps_directly
    assert trainer.global_step == 2 * PER_EPOCH
    assert torch.cat(parts_of(module)).isfinite().all()
    assert min(*moves(notes.model), *moves(notes.adversary)) > 0


def test_weights_are_averaged_beside_an_adversary(tmp_path):
    overrides = with_penalty("factor")
    module, data = make_run(tmp_path, *overrides)
    average = EMA(decay=0.9)
    make_trainer(tmp_path, average, epochs=1).fit(module, data)
    last = weights_after(tmp_path, *overrides, epochs=1)
    ends = module.state_dict()
    assert list(ends) == list(last)
    assert all(value.isfinite().all() for value in ends.values())
    assert not any(torch.equal(ends[name], last[name]) for name in ends)
