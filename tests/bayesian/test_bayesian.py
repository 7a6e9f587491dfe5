"""Nets with a posterior over their weights: densities, estimators, and exact regression."""

import copy

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from vae.bayesian import (
    Flipout,
    GaussianPrior,
    LocalReparameterization,
    PlainSampling,
    ScaleMixturePrior,
    bayesian,
)
from vae.draws import At, Centers, FromPrior, Posterior, Replay

ESTIMATORS = {
    "plain": PlainSampling(),
    "flipout": Flipout(),
    "local": LocalReparameterization(),
}
LAYERS = {
    "linear": (nn.Linear(3, 4), (3,)),
    "without bias": (nn.Linear(3, 4, bias=False), (3,)),
    "signals": (nn.Conv1d(4, 6, 3, padding=2, dilation=2, groups=2), (4, 7)),
    "pictures": (nn.Conv2d(2, 4, 3, stride=2, padding=1, padding_mode="circular"), (2, 6, 5)),
}
pytestmark = pytest.mark.usefixtures("double_precision")


class Odd(nn.Module):
    """Parameters of its own, a norm, and a layer whose class is no plain linear one."""

    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.ones(3))
        self.norm = nn.LayerNorm(3)
        self.lin = nn.Linear(3, 2)

    def forward(self, x):
        return self.lin(self.norm(x * self.slope))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 4, batch_first=True)

    def forward(self, x):
        return self.gru(x)[0][:, -1]


def spread(net):
    """Give every weight a deviation of its own."""
    for layer in net.layers.values():
        layer.log_scale.data.uniform_(-2, 0)
    return net


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_kl_is_that_of_every_weight(name):
    body = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))
    net = spread(bayesian(body, prior=GaussianPrior(0.3), estimator=ESTIMATORS[name]))
    draws = Posterior(2, num_examples=50)
    net.weights(draws)
    want = 0.0
    for layer in net.layers.values():
        loc = torch.cat([dict(body.named_parameters())[key].flatten() for key in layer.shapes])
        q, p = Normal(loc, layer.log_scale.exp()), Normal(torch.zeros_like(loc), 0.3)
        want += torch.distributions.kl_divergence(q, p).sum()
    found = 50 * draws.trace().kl
    assert found.shape == (2, 1)
    assert torch.allclose(found, want, rtol=1e-9, atol=1e-6)
    assert sum(p.numel() for p in net.parameters()) == 2 * sum(p.numel() for p in body.parameters())


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_outputs_have_the_mean_and_variance_that_the_weights_say(name, kind):
    layer, shape = LAYERS[kind]
    net = spread(
        bayesian(copy.deepcopy(layer).double(), estimator=ESTIMATORS[name], input_dims=len(shape))
    )
    x, n = torch.randn(2, *shape), 3000
    with torch.no_grad():
        y = net(x.expand(n, *x.shape), net.weights(Posterior(n)))
        exact = net(x.expand(n, *x.shape), net.weights(Posterior(n, whole=False)))
        mean = net.net(x)
    assert y.shape == exact.shape == (n, *mean.shape)
    width = exact.std(0)
    assert ((y.mean(0) - mean).abs() < 5 * width / n**0.5 + 1e-9).all()
    assert torch.allclose(y.std(0), width, rtol=0.15)


def test_gradients_share_their_mean_with_falling_variance():
    x, target = torch.randn(64, 5), torch.randn(64, 1)
    body = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    net = spread(bayesian(body))
    found = {}
    for name, estimator in ESTIMATORS.items():
        net.estimator = estimator
        rows = []
        for _ in range(300):
            y = net(x, net.weights(Posterior())).view(64, 1)
            loss = (y - target).square().mean()
            grads = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)
            rows.append(torch.cat([g.flatten() for g in grads if g is not None]))
        found[name] = torch.stack(rows)
    variance = {name: rows.var(0).mean().item() for name, rows in found.items()}
    assert variance["plain"] > 2 * variance["flipout"]
    assert variance["flipout"] > 1.2 * variance["local"]
    error = (sum(rows.var(0) for rows in found.values()) / 300).sqrt()
    for rows in found.values():
        assert ((rows.mean(0) - found["local"].mean(0)).abs() < 5 * error + 1e-9).all()


@pytest.mark.parametrize("make", [Odd, Recurrent])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_any_module_has_weights(make, name):
    shape = (5, 3) if make is Recurrent else (3,)
    net = spread(bayesian(make(), estimator=ESTIMATORS[name], input_dims=len(shape)))
    x = torch.randn(4, *shape)
    for count in (1, 3):
        draws = Posterior(count)
        y = net(x.expand(count, *x.shape), net.weights(draws))
        assert y.shape == (count, 4, 2 if make is Odd else 4)
        if count == 3:
            assert y.std(0).min() > 0
        (y.square().sum() + draws.trace().kl.sum()).backward()
        assert all(p.grad.abs().sum() > 0 for p in net.parameters())
    centre = net(x, net.weights(Centers()))
    assert torch.allclose(centre, net.net(x), atol=1e-12)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_values_that_are_given_are_the_weights(name):
    net = spread(
        bayesian(
            nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), estimator=ESTIMATORS[name]
        )
    )
    x = torch.randn(6, 3)
    drawn = Posterior(3, whole=False)
    y = net(x, net.weights(drawn))
    assert y.shape == (3, 6, 2)
    z = {k: latent.z for k, latent in drawn.latents.items()}
    assert list(z) == ["0.weights", "2.weights"]
    for way in (At(z), Replay(z)):
        assert torch.equal(net(x, net.weights(way)), y)
    w, b = z["0.weights"][1, 0, :12].view(4, 3), z["0.weights"][1, 0, 12:]
    v, c = z["2.weights"][1, 0, :8].view(2, 4), z["2.weights"][1, 0, 8:]
    assert torch.allclose(y[1], (x @ w.T + b).tanh() @ v.T + c)


def test_what_is_not_drawn_has_a_kl_and_no_density():
    net = bayesian(nn.Linear(3, 2))
    draws = Posterior(2)
    net.weights(draws)
    (latent,) = draws.trace().latents
    assert latent.kl.isfinite().all()
    for density in ("log_q", "log_p"):
        with pytest.raises(ValueError, match="weights was not drawn"):
            getattr(latent, density)
    net = bayesian(nn.Linear(3, 2), prior=ScaleMixturePrior())
    draws = Posterior(4000)
    net.weights(draws)
    (latent,) = draws.trace().latents
    z = latent.q.sample((4000,))
    kl = (latent.q.log_prob(z) - latent.p.log_prob(z)).mean()
    assert latent.kl.mean().item() == pytest.approx(kl.item(), rel=0.05)


def test_weights_of_the_prior_have_its_width():
    net = bayesian(nn.Linear(200, 50), prior=GaussianPrior(0.25))
    draws = FromPrior(7, learned=False)
    values = net.weights(draws)
    assert values["weight"].shape == (1, 1, 50, 200)
    assert values["weight"].std().item() == pytest.approx(0.25, rel=0.03)
    learned = FromPrior(7)
    assert torch.allclose(net.weights(learned)["weight"][0, 0], net.net.weight, atol=0.2)


def test_a_copy_and_a_loaded_net_are_the_same(tmp_path):
    net = spread(bayesian(nn.Sequential(nn.Linear(3, 2)), prior=GaussianPrior(0.5)))
    torch.save(net.state_dict(), tmp_path / "net.pt")
    other = bayesian(nn.Sequential(nn.Linear(3, 2)), prior=GaussianPrior(1.0))
    other.load_state_dict(torch.load(tmp_path / "net.pt", weights_only=True))
    x = torch.randn(5, 3)
    for twin in (copy.deepcopy(net), other):
        outputs = []
        for each in (net, twin):
            torch.manual_seed(1)
            draws = Posterior(1)
            outputs += [each(x, each.weights(draws)), draws.trace().kl]
        assert torch.equal(outputs[0], outputs[2])
        assert torch.equal(outputs[1], outputs[3])
    assert "net.0.weight" in net.state_dict()


def test_an_input_of_zeros_has_gradients():
    net = bayesian(nn.Conv2d(1, 2, 3, bias=False), input_dims=3)
    net(torch.zeros(2, 1, 5, 5), net.weights(Posterior())).sum().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)


def test_a_weight_that_is_read_otherwise_is_refused():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.lin = nn.Linear(3, 3)

        def forward(self, x):
            return self.lin(x) @ self.lin.weight

    net = bayesian(Tied())
    with pytest.raises(ValueError, match="use the estimator PlainSampling"):
        net(torch.zeros(2, 3), net.weights(Posterior()))
    net.estimator = PlainSampling()
    assert net(torch.zeros(2, 3), net.weights(Posterior())).shape == (2, 3)


@pytest.mark.parametrize(
    ("net", "settings", "message"),
    [
        (None, {}, "bayesian takes a net, a torch.nn.Module such as .*; got None"),
        (lambda: 1, {}, "bayesian takes a net.*; got <function"),
        (bayesian(nn.Linear(3, 1)), {}, "the net has a posterior over its weights already"),
        (nn.Sequential(bayesian(nn.Linear(3, 1))), {}, "has a posterior over its weights already"),
        (nn.Linear(3, 1), {"prior": "normal"}, "prior must be one of vae.bayesian.* got 'normal'"),
        (nn.Linear(3, 1), {"estimator": "flipout"}, "estimator must be one of .* got 'flipout'"),
        (nn.Linear(3, 1), {"start_scale": "a"}, "start_scale must be a finite number.* got 'a'"),
        (nn.Linear(3, 1), {"input_dims": "a"}, "input_dims must be a whole number.* got 'a'"),
        (nn.ReLU(), {}, "ReLU has no parameters that could have a posterior"),
    ],
)
def test_what_has_no_posterior_is_refused(net, settings, message):
    with pytest.raises(ValueError, match=message):
        bayesian(net, **settings)
