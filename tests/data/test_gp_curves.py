"""Curves of a Gaussian process: their law, and the exact predictions beside those of gpytorch."""

from math import log, pi

import pytest
import torch

from vae.data import RBF, GPCurves, Matern, Periodic

KERNELS = {"rbf": RBF(), "matern": Matern(), "periodic": Periodic(1.5)}


@pytest.fixture(params=KERNELS)
def source(request):
    return GPCurves(
        1200, points=9, kernel=KERNELS[request.param], length_scale=(0.4, 0.9), noise=0.2, seed=3
    )


def covariance(source, at, length):
    return source.kernel.covariance(at.double(), length.double()) + 0.2**2 * torch.eye(at.shape[1])


def test_curves_have_the_law_that_is_stated(source):
    known = source.load().train
    y, at = known.take(torch.arange(1200))[:, 0].double(), known.fields["at"][:, 0]
    length = known.fields["length_scale"]
    assert (at.diff() >= 0).all()
    assert at.min() > -2
    assert at.max() < 2
    assert (length.min() - 0.4).abs() < 0.01
    assert (length.max() - 0.9).abs() < 0.01
    factor = torch.linalg.cholesky(covariance(source, at, length))
    white = torch.linalg.solve_triangular(factor, y.unsqueeze(-1), upper=False).squeeze(-1)
    assert (white.T.cov() - torch.eye(9)).abs().max() < 0.15
    assert white.mean(0).abs().max() < 0.12
    assert (white**4).mean().sub(3).abs() < 0.3


def test_few_are_the_first_of_many(source):
    few = GPCurves(1100, points=9, kernel=source.kernel, length_scale=(0.4, 0.9), noise=0.2, seed=3)
    ours, all_of_them = few.load().train, source.load().train
    assert torch.equal(ours.x, all_of_them.x[:1100])
    assert torch.equal(ours.fields["at"], all_of_them.fields["at"][:1100])
    assert not torch.equal(ours.x, GPCurves(1100, points=9, seed=4).load().train.x)


def test_the_exact_predictions_are_those_of_the_joint_normal_distribution(source):
    known = source.load().train
    y, at = known.take(torch.arange(6))[:, 0], known.fields["at"][:6, 0]
    length, c = known.fields["length_scale"][:6], torch.rand(6, 9) < 0.5
    c[0], c[1] = False, True
    mean, variance = source.predicted(at, torch.where(c, y, torch.nan), c, length)
    for b in range(6):
        k = covariance(source, at[b : b + 1], length[b : b + 1])[0]
        inverse = torch.linalg.inv(k[c[b]][:, c[b]])
        cross = (k - 0.2**2 * torch.eye(9))[:, c[b]]
        torch.testing.assert_close(
            mean[b], cross @ inverse @ y[b, c[b]].double(), atol=1e-4, rtol=0
        )
        expected = k.diagonal() - (cross @ inverse * cross).sum(1)
        torch.testing.assert_close(variance[b], expected, atol=1e-4, rtol=0)
        rest = ~c[b]
        if b > 1:  # the density of all is that of the known ones and of the others given these
            one = int(rest.nonzero()[0])
            with_one = c[b].clone()
            with_one[one] = True
            ratio = log_density(k, y[b], with_one) - log_density(k, y[b], c[b])
            p = torch.distributions.Normal(mean[b, one], variance[b, one].sqrt())
            torch.testing.assert_close(p.log_prob(y[b, one].double()), ratio, atol=1e-4, rtol=1e-4)


def log_density(k, y, c):
    k, y = k[c][:, c], y[c].double()
    return -0.5 * (y @ torch.linalg.solve(k, y) + k.logdet() + len(y) * log(2 * pi))


@pytest.mark.peers
@pytest.mark.parametrize("name", ["rbf", "matern"])
def test_gpytorch_predicts_the_same(name):
    gpytorch = pytest.importorskip("gpytorch")
    source = GPCurves(1, points=40, kernel=KERNELS[name], length_scale=0.5, noise=0.1)
    known = source.load().train
    y, at = known.take(torch.arange(1))[:, 0].double(), known.fields["at"][:, 0].double()
    c = torch.zeros(1, 40, dtype=torch.bool)
    c[0, ::3] = True

    class Exact(gpytorch.models.ExactGP):
        def __init__(self, noise):
            super().__init__(at[c], y[c], noise)
            self.mean = gpytorch.means.ZeroMean()
            kinds = {"rbf": gpytorch.kernels.RBFKernel, "matern": gpytorch.kernels.MaternKernel}
            self.kernel = kinds[name]()
            self.kernel.lengthscale = 0.5

        def forward(self, t):
            return gpytorch.distributions.MultivariateNormal(self.mean(t), self.kernel(t))

    noise = gpytorch.likelihoods.GaussianLikelihood().double()
    model = Exact(noise).double().eval()
    noise.eval().noise = 0.1**2
    with torch.no_grad(), gpytorch.settings.max_cholesky_size(10_000):
        theirs = noise(model(at[0]))
    mean, variance = source.predicted(at, y, c, torch.tensor([0.5]))
    torch.testing.assert_close(mean[0], theirs.mean, atol=1e-4, rtol=0)
    torch.testing.assert_close(variance[0], theirs.variance, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"length_scale": [0.5, 0.1]}, r"data\.length_scale must be a number above 0, or the ends"),
        ({"noise": 0}, r"data\.noise must be a number above 0; got 0"),
        ({"points": 0}, r"data\.points must be a whole number of at least 1"),
        ({"kernel": "rbf"}, r"data\.kernel must be a kernel, as RBF is; got 'rbf'"),
    ],
)
def test_a_wrong_setting_is_told(settings, told):
    with pytest.raises(ValueError, match=told):
        GPCurves(5, **settings)
