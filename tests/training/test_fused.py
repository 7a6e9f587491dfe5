"""The short way to Adam's kernel is Adam."""

from functools import partial

import pytest
import torch
from torch.optim import SGD, Adam, AdamW

from tests.training.runs import make_run, make_trainer, same, weights_after
from vae.training.fused import FusedAdam

SETTINGS = {
    "adam": partial(Adam, lr=1e-2, fused=True),
    "adamw": partial(AdamW, lr=1e-2, weight_decay=0.1, fused=True),
    "betas": partial(Adam, lr=1e-2, betas=(0.5, 0.9), eps=1e-3, fused=True),
    "l2": partial(Adam, lr=1e-2, weight_decay=0.1, fused=True),
    "ascent": partial(AdamW, lr=1e-2, maximize=True, fused=True),
}


def descend(make, *, short, steps=5):
    """Take steps with given gradients, at a rate that falls; return weights and state."""
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.randn(shape)) for shape in ((3, 4), (5,))]
    optimizer = make(parameters)
    step = FusedAdam(optimizer).step if short else optimizer.step
    for i in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-2 / (i + 1)
        for parameter in parameters:
            parameter.grad = None if i == 2 else torch.randn_like(parameter)
        step()
    return [p.detach() for p in parameters], optimizer.state_dict()


@pytest.mark.parametrize("name", SETTINGS)
def test_weights_and_state_are_those_of_torch(name):
    assert FusedAdam.suits(SETTINGS[name]([torch.nn.Parameter(torch.zeros(1))]))
    ours, theirs = (descend(SETTINGS[name], short=short) for short in (True, False))
    assert same(ours[0], theirs[0])
    assert same(ours[1], theirs[1])


@pytest.mark.parametrize(
    "make",
    [
        partial(SGD, lr=1e-2),
        partial(Adam, lr=1e-2),
        partial(Adam, lr=1e-2, fused=True, amsgrad=True),
        type("MyAdam", (Adam,), {}),
    ],
)
def test_others_take_their_own_steps(make):
    assert not FusedAdam.suits(make([torch.nn.Parameter(torch.zeros(1))]))


def test_two_groups_or_types_take_their_own_steps():
    one, two = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1).double())
    assert not FusedAdam.suits(Adam([{"params": [one]}, {"params": [two]}], fused=True))
    assert not FusedAdam.suits(Adam([one, two], fused=True))


def test_a_step_that_is_to_be_dropped_changes_nothing():
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = Adam([parameter], lr=0.1, fused=True)
    step = FusedAdam(optimizer).step
    for bad in (0.0, 1.0, 0.0):
        before = parameter.detach().clone()
        optimizer.found_inf, optimizer.grad_scale = torch.tensor(bad), None
        parameter.grad = torch.full((3,), float("nan") if bad else 1.0)
        step()
        assert torch.equal(before, parameter.detach()) == bool(bad)
    assert optimizer.state[parameter]["step"] == 2


def test_a_run_takes_it(tmp_path, monkeypatch):
    taken = []
    whole = weights_after(tmp_path)
    step = FusedAdam.step
    monkeypatch.setattr(FusedAdam, "step", lambda self: (taken.append(1), step(self)))
    assert same(weights_after(tmp_path), whole)
    assert len(taken) == 14
    monkeypatch.setattr(FusedAdam, "suits", lambda optimizer: False)
    module, data = make_run(tmp_path)
    make_trainer(tmp_path).fit(module, data)
    assert same(module.state_dict(), whole)
