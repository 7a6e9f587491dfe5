"""Without gradients the log-probability goes another way to the same number."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from vae.distributions import Bernoulli

EVENTS = [(784,), (1, 28, 28), (3, 5), (13,), (131,), (1,)]


@pytest.mark.parametrize("size", [1.0, 20.0, 1000.0])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 3e-7), (torch.float64, 3e-15)])
def test_both_ways_give_the_cross_entropy(event, size, dtype, bound):
    logits = size * torch.randn(3, 5, *event, dtype=torch.float64)
    x = (torch.rand(5, *event, dtype=torch.float64) < 0.4).double()
    each = binary_cross_entropy_with_logits(logits, x.expand(logits.shape), reduction="none")
    exact = -each.flatten(2).sum(-1)
    px = Bernoulli(event)(logits.to(dtype))
    for mode in (torch.enable_grad, torch.no_grad):
        with mode():
            found = px.log_prob(x.to(dtype)).double()
        scale = (logits.abs() + 1).flatten(2).sum(-1)  # what rounding is relative to
        assert ((found - exact).abs() / scale).max() < bound, mode.__name__


@pytest.mark.parametrize("lead", [(), (4,), (7, 4)])
def test_values_and_logits_broadcast_without_gradients_too(lead):
    logits, x = torch.randn(4, 6), (torch.rand(*lead, 6) < 0.5).float()
    px = Bernoulli((6,))(logits)
    with torch.no_grad():
        found = px.log_prob(x)
    torch.testing.assert_close(found, px.log_prob(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_does_not_overflow(dtype):
    with torch.no_grad():
        log_p = Bernoulli((256,))(torch.zeros(1, 256, dtype=dtype)).log_prob(torch.ones(1, 256))
    assert log_p.item() == pytest.approx(-256 * 0.6931, rel=1e-2)
