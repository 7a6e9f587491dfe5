"""Planning finds the best actions in a world where they are known."""

import pytest
import torch

from examples.pendulum import by_hand, plan
from tests.models.linear_world import SEEN, A, B, linear_world
from vae.models.rssm_cell import RecurrentState


def test_the_best_plan_of_a_linear_world_is_found():
    model, target = linear_world(2, variance=1e-5, noise=0.1).eval(), torch.tensor([0.3, -0.4])
    z = torch.tensor([0.2, 0.1])
    state = RecurrentState(torch.zeros(1, 1, 4), z.view(1, 1, 2))

    def nearness(x):
        return -(x[:, 0] / SEEN - target).square().sum(-1) - x[:, 1].square().sum(-1) / 1e4

    first = plan(model, state, nearness, horizon=2, candidates=400, rounds=12)[0]
    assert torch.allclose(first, torch.linalg.solve(B, target - A @ z), atol=0.05)


@pytest.mark.parametrize("angle", [0.2, -0.2])
def test_the_controller_by_hand_pulls_back_to_the_top(angle):
    x = torch.tensor([torch.tensor(angle).cos(), torch.tensor(angle).sin(), 0.0, 0.0])
    assert by_hand(x, torch.zeros(1)).sign().item() == -torch.tensor(angle).sign().item()
