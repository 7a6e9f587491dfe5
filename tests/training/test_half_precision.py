"""Half precision with a scaled loss: one scale, several optimizers, unscaled before clipping."""

import math

import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from torch.nn.utils import clip_grad_norm_

from tests.training.runs import make_run, make_trainer
from vae.training import update

SETTINGS = [
    "penalty=factor",
    "penalties.factor.discriminator.hidden=[8]",
    "optimizer=sgd",
    "optimizer.lr=0.1",
    "scheduler=constant",
]


def half(scale):
    return MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=scale))


def one_step(folder, *overrides, **options):
    module, data = make_run(folder, *SETTINGS, *overrides)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    make_trainer(folder, max_steps=1, **options).fit(module, data)
    moved = {name: p.detach() - before[name] for name, p in module.named_parameters()}
    return module.gradient_norm, moved


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_an_optimizer_multiplies_in_full_precision(tmp_path, precision, monkeypatch):
    kinds = []

    def step(self, closure=None):
        weight = self.param_groups[0]["params"][0]
        kinds.append((weight.grad.dtype, (weight @ weight.mT).dtype))

    monkeypatch.setattr(torch.optim.SGD, "step", step)
    one_step(tmp_path, precision=precision)
    assert set(kinds) == {(torch.float32, torch.float32)}


def norm(moved, *, adversary):
    mine = [d for name, d in moved.items() if ("adversary" in name) == adversary]
    return torch.cat([d.flatten() for d in mine]).norm().item()


@pytest.mark.parametrize("scale", [1.0, 1024.0])
def test_the_scale_leaves_no_trace(tmp_path, scale):
    full, moved = one_step(tmp_path)
    reduced, moved_reduced = one_step(tmp_path, plugins=[half(scale)])
    assert reduced == pytest.approx(full, rel=0.02)
    for adversary in (False, True):
        expected = norm(moved, adversary=adversary)
        assert expected > 0
        assert norm(moved_reduced, adversary=adversary) == pytest.approx(expected, rel=0.02)


def test_clipping_sees_unscaled_gradients(tmp_path):
    _, moved = one_step(tmp_path, "gradient_clip=0.01", plugins=[half(1024.0)])
    assert norm(moved, adversary=False) == pytest.approx(0.1 * 0.01, rel=0.02)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize("precision", ["bf16-mixed", "scaled"])
def test_fused_optimizers_get_clipped_gradients(tmp_path, optimizer, precision, monkeypatch):
    norms = []

    def clip(parameters, limit):
        parameters = list(parameters)
        norms.append([float(clip_grad_norm_(parameters, most)) for most in (limit, math.inf)])

    monkeypatch.setattr(update, "clip_grad_norm_", clip)
    how = {"plugins": [half(1024.0)]} if precision == "scaled" else {"precision": precision}
    one_step(tmp_path, f"optimizer={optimizer}", "gradient_clip=0.01", **how)
    assert len(norms) == 2
    for before, after in norms:
        assert after == pytest.approx(min(before, 0.01), rel=1e-3)
    assert max(before for before, _ in norms) > 0.1


def test_an_overflow_skips_the_step_and_lowers_the_scale(tmp_path):
    plugin = half(2.0**40)
    _, moved = one_step(tmp_path, plugins=[plugin])
    assert norm(moved, adversary=False) == 0
    assert plugin.scaler.get_scale() < 2.0**40
