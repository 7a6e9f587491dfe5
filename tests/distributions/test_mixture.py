"""A mixture of many components, which must not be held for all values at once."""

import pytest
import torch
from torch.distributions import Independent, Normal
from torch.utils._python_dispatch import TorchDispatchMode

from tests.linear_gaussian import LinearGaussian
from vae.distributions import UniformMixture, WeightedMixture, mixture
from vae.evaluation.measures.latent_path import LatentPath
from vae.evaluation.sections.amortization import fit_posterior
from vae.models import VAE
from vae.priors import VampPrior

pytestmark = pytest.mark.usefixtures("double_precision")
ROOM = 3000  # numbers


class Largest(TorchDispatchMode):
    """Remembers the size of the largest tensor that an operation returns, in numbers held."""

    def __init__(self):
        super().__init__()
        self.size = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.size = max(self.size, result.untyped_storage().nbytes() // result.itemsize)
        return result


def vamp(gold):
    model = gold.factorised(width=2.0)
    prior = VampPrior(model.encoder, (6,), "real", num_components=50)
    return VAE(model.encoder, model.decoder, prior).eval()


def log_weights(model, x):
    model.log_weights(x, num_samples=40, max_rows=100)


def forward(model, x):
    with torch.no_grad():
        return model(x, num_samples=40).kl


def sample(model, x):
    model.prior().sample((len(x), 40))


def anneal(model, x):
    path = LatentPath(model, x, num_chains=8, max_rows=100)
    path(path.draw(8))


def fit(model, x):
    fit_posterior(model, x, [0.1], num_samples=8, max_rows=100)


@pytest.mark.parametrize("use", [log_weights, forward, sample, anneal, fit])
def test_values_meet_the_components_some_at_a_time(use, monkeypatch):
    """All at once, 20 × 40 latents and 50 components of 3 dimensions are 120,000 numbers."""
    monkeypatch.setattr(mixture, "HELD", ROOM)
    gold = LinearGaussian()
    model, x = vamp(gold), gold.marginal.sample((20,))
    with Largest() as largest:
        use(model, x)
    assert largest.size <= 20 * 256 * 3  # of draws from q, which are no more for a mixture


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_density_is_the_same_in_parts(weighted, grad, monkeypatch):
    parts = Independent(Normal(torch.randn(7, 2), 0.5), 1)
    p = WeightedMixture(parts, torch.randn(3, 7)) if weighted else UniformMixture(parts)
    z = torch.randn(5, 3, 2)
    with torch.set_grad_enabled(grad):
        whole = p.log_prob(z)
        monkeypatch.setattr(mixture, "HELD", 30)
        assert torch.allclose(p.log_prob(z), whole, atol=1e-12)
        assert p.expand((5, 3)).sample().shape == z.shape
