import pytest
import scipy.stats
import torch

from vae.distributions.likelihoods.continuous_bernoulli import LogitContinuousBernoulli

LOGITS = [1e-3, 0.1, 0.29, 0.31, 1.0, 5.0, 17.0, 50.0, 100.0, 1e4]
X = torch.tensor([0.0, 0.2, 0.7, 1.0], dtype=torch.float64)


def reference(logit):
    """Return log p(X) and the mean: for l < 0 this is a truncated exponential, else its mirror."""
    size = abs(logit)
    truncated = scipy.stats.truncexpon(b=size, scale=1 / size)
    x, mean = (1 - X, 1 - truncated.mean()) if logit > 0 else (X, truncated.mean())
    return torch.as_tensor(truncated.logpdf(x)), torch.tensor(mean)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("size", LOGITS)
def test_it_is_a_truncated_exponential(size, sign, dtype):
    log_p, mean = reference(sign * size)
    logit = torch.tensor(sign * size, dtype=dtype, requires_grad=True)
    p = LogitContinuousBernoulli(logit)
    found = p.log_prob(X.to(dtype))
    rtol = 1e-9 if dtype == torch.float64 else 2e-6
    torch.testing.assert_close(found.double(), log_p, rtol=rtol, atol=max(rtol, rtol * size / 4))
    torch.testing.assert_close(p.mean.double(), mean, rtol=rtol, atol=rtol)
    for x, score in zip(X, found, strict=True):
        (slope,) = torch.autograd.grad(score, logit, retain_graph=True)
        torch.testing.assert_close(slope.double(), x - mean, rtol=rtol, atol=3 * rtol)


def test_it_is_uniform_at_zero_with_the_right_slope():
    logit = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    log_p = LogitContinuousBernoulli(logit).log_prob(X)
    (slope,) = torch.autograd.grad(log_p.sum(), logit)
    torch.testing.assert_close(log_p, torch.zeros_like(X))
    torch.testing.assert_close(slope, X - 0.5)


def test_mode_is_the_likelier_end():
    p = LogitContinuousBernoulli(torch.tensor([-3.0, 3.0]))
    torch.testing.assert_close(p.mode, torch.tensor([0.0, 1.0]))
    assert (p.log_prob(p.mode) > p.log_prob(1 - p.mode)).all()


def test_that_of_torch_is_still_no_density_in_single_precision():
    """Once this fails, `LogitContinuousBernoulli` may go."""
    logit = torch.tensor(50.0)
    torchs = torch.distributions.ContinuousBernoulli(logits=logit, validate_args=False)
    assert (torchs.log_prob(X.float()).double() - reference(50.0)[0]).abs().max() > 0.5
