"""One bound in bytes for every pass that is not training."""

import pytest
import torch

from vae.distributions import Bernoulli, Conditional, NormalPosterior
from vae.models import VAE, rows
from vae.models.rows import Held, bytes_per_row, prior_rows, scored_rows, whole_rows
from vae.networks import MLP
from vae.priors import StandardNormal

SMALL = 1 << 20  # bytes
X = torch.bernoulli(torch.full((3, 6), 0.5))


@pytest.fixture
def model():
    torch.manual_seed(0)
    encoder = Conditional(MLP((6,), (4,), hidden=[4000]), NormalPosterior(2))
    decoder = Conditional(MLP((2,), (6,), hidden=[4000]), Bernoulli((6,)))
    return VAE(encoder, decoder, StandardNormal((2,))).eval()


def peak(run):
    """Return the most bytes that tensors hold at once while something runs."""
    with Held() as held:
        run()
    return max(held.levels)


def test_what_is_freed_and_what_does_not_grow_counts_once():
    def run(count):
        fixed = torch.zeros(10_000)
        x = torch.zeros(count, 100) + fixed[:100]
        x = x.exp().log().abs()  # of five such tensors three are held at once
        return x.view(-1), fixed

    assert bytes_per_row(run, None) == 3 * 100 * 4


PASSES = {
    "samples of an example": lambda model, n: model.log_weights(X[:1], num_samples=n),
    "pictures": lambda model, n: model.sample(n),
    "noisy pictures": lambda model, n: model.sample(n, noise=True),
    "latents": lambda model, n: model.sample_latents(n),
}


@pytest.mark.parametrize("name", PASSES)
def test_memory_does_not_grow_with_the_number_of_rows(name, model, monkeypatch):
    """But for what is returned, and for latents: 5,000 hidden layers at once would be 80 MB."""
    monkeypatch.setattr(rows, "BYTES", SMALL)
    few, many = (peak(lambda n=n: PASSES[name](model, n)) for n in (500, 5000))
    assert many < 2 * SMALL
    assert many - few < 4500 * 100


def test_draws_do_not_depend_on_the_bound(model, monkeypatch):
    found = []
    for most in (SMALL, 1 << 30):
        monkeypatch.setattr(rows, "BYTES", most)
        torch.manual_seed(1)
        found.append((model.log_weights(X, num_samples=400), model.sample(400)))
    assert torch.allclose(found[0][0], found[1][0], atol=1e-4)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-6)


def test_counting_leaves_the_random_state_and_a_model_in_training_alone(model):
    state = torch.get_rng_state()
    whole = whole_rows(model, {"x": X}, 1 << 30)
    assert whole < 1 << 30
    assert whole.bit_count() == 1
    assert scored_rows(model, {"x": X}, 1 << 30) < 1 << 30
    assert prior_rows(model, {}, 1 << 30)[1] < 1 << 30
    assert torch.equal(torch.get_rng_state(), state)
    assert whole_rows(model.train(), {"x": X}, 12_345_678) == 12_345_678
