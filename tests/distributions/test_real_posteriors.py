"""Posteriors over the reals beyond the contract of all: numbers that are known otherwise."""

import pytest
import torch
from torch.distributions import (
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    StudentT,
    kl_divergence,
)

from tests.distributions.heads import HEADS, D, over_reals
from vae.distributions import (
    FullNormalPosterior,
    LogScaleStudentT,
    LowRankNormal,
    LowRankNormalPosterior,
    MixturePosterior,
    NormalPosterior,
    PlanarPosterior,
    RadialPosterior,
    StudentTPosterior,
    SylvesterPosterior,
    draw,
    tempered,
)


@pytest.fixture(autouse=True)
def in_double(double_precision):
    pass


@pytest.mark.parametrize("name", ["full normal", "low-rank normal"])
def test_a_normal_without_mixing_is_the_diagonal_one(name):
    head = HEADS[name]()
    params = torch.randn(5, *head.param_shape)
    params[:, 2 * D :] = 0
    q, diagonal = head(params), NormalPosterior(D)(params[:, : 2 * D])
    z = torch.randn(7, 5, D)
    assert torch.allclose(q.log_prob(z), diagonal.log_prob(z))
    assert torch.allclose(kl_divergence(q, diagonal), torch.zeros(5), atol=1e-9)


@pytest.mark.parametrize("name", ["full normal", "low-rank normal"])
def test_a_normal_is_torchs_of_its_covariance(name):
    head = HEADS[name]()
    q = head(torch.randn(5, *head.param_shape))
    theirs = MultivariateNormal(q.mean, q.covariance_matrix)
    p = Independent(Normal(torch.randn(D), torch.rand(D) + 0.5), 1)
    full = MultivariateNormal(p.mean, torch.diag(p.variance))
    z = torch.randn(7, 5, D)
    assert torch.allclose(q.log_prob(z), theirs.log_prob(z))
    assert torch.allclose(q.variance, theirs.variance)
    assert torch.allclose(q.entropy(), theirs.entropy())
    assert torch.allclose(kl_divergence(q, p), kl_divergence(theirs, full))
    draws = draw(q, 20_000)[0]
    error = (draws - q.mean).square().std(0) / 20_000**0.5
    assert (((draws - q.mean).square().mean(0) - q.variance).abs() < 4 * error).all()


@pytest.mark.parametrize("dim", [2, 32])
def test_low_rank_density_is_right_in_single_precision(dim):
    """Deviations of 100 over 0.1, of which torch's own loses nats."""
    loc, factor = torch.zeros(dim).float(), torch.full((dim, 1), 1000.0).float()
    log_scale = torch.full((dim,), 0.1).log().float()
    q = LowRankNormal(loc, factor, log_scale)
    z = q.sample((200,))
    exact = LowRankNormal(loc.double(), factor.double(), log_scale.double())
    scale = log_scale.exp().double()
    covariance = torch.outer(scale * 1000, scale * 1000) + torch.diag(scale.square())
    reference = MultivariateNormal(loc.double(), covariance).log_prob(z.double())
    assert torch.allclose(exact.log_prob(z.double()), reference, atol=1e-4)
    assert (q.log_prob(z) - reference).abs().max() < 2e-3
    theirs = LowRankMultivariateNormal(
        loc, log_scale.exp()[:, None] * factor, log_scale.exp().square()
    )
    assert (theirs.log_prob(z) - reference).abs().max() > 1


def test_student_t_is_torchs():
    loc, log_scale = torch.randn(5), torch.randn(5)
    for df in (2.5, 6.0, 50.0):
        q = LogScaleStudentT(loc, log_scale, torch.tensor(df))
        theirs = StudentT(df, loc, log_scale.exp())
        z = 5 * torch.randn(7, 5)
        assert torch.allclose(q.log_prob(z), theirs.log_prob(z))
        assert torch.allclose(q.variance, theirs.variance)
        assert torch.allclose(q.entropy(), theirs.entropy())


def test_learned_degrees_of_freedom_start_at_ten_and_stay_where_there_is_a_variance():
    q = StudentTPosterior(D, df=None)(torch.zeros(3 * D)).base_dist
    assert q.df.tolist() == pytest.approx([10] * D, rel=0.1)
    for raw in (-1e6, 1e6):
        df = StudentTPosterior(D, df=None)(torch.full((3 * D,), raw)).base_dist.df
        assert ((df >= 2.1) & (df <= 100)).all()


@pytest.mark.parametrize("df", [2.0, 0.0, -1.0, 101.0, float("nan"), float("inf")])
def test_degrees_of_freedom_are_checked(df):
    with pytest.raises(ValueError, match=r"df must be from 2\.1 to 100, or null"):
        StudentTPosterior(2, df=df)


def test_moments_of_a_mixture_are_integrals():
    q = HEADS["mixture"](2)(0.5 * torch.randn(15))
    points, weights = over_reals(2)
    mass = weights * q.log_prob(points).exp()
    mean = mass @ points
    covariance = torch.einsum("n,ni,nj->ij", mass, points - mean, points - mean)
    assert torch.allclose(q.mean, mean)
    assert torch.allclose(q.covariance_matrix, covariance)
    assert torch.allclose(q.variance, covariance.diagonal())


def test_a_mixture_of_one_is_the_normal():
    head = MixturePosterior(D, components=1)
    params = torch.randn(5, 1 + 2 * D).requires_grad_()
    q, z = head(params), torch.randn(7, 5, D)
    loc, log_scale = params[:, 1:].chunk(2, -1)
    normal = NormalPosterior(D)(torch.cat([loc + head.offsets, log_scale], -1))
    assert torch.allclose(q.log_prob(z), normal.log_prob(z))
    drawn = q.rsample((7,))
    (ours,) = torch.autograd.grad(drawn.square().sum(), params)
    noise = ((drawn - q.mean) / q.variance.sqrt()).detach()
    again = normal.mean + normal.stddev * noise
    (theirs,) = torch.autograd.grad(again.square().sum(), params)
    assert torch.allclose(ours[:, 1:], theirs[:, 1:])
    assert ours[:, 0].abs().max() < 1e-12


def test_a_narrower_mixture_has_narrower_parts():
    q = HEADS["mixture"]()(torch.randn(21))
    narrow = tempered(q, 0.5)
    assert torch.equal(narrow.loc, q.loc)
    assert torch.allclose(narrow.log_scale.exp(), 0.5 * q.log_scale.exp())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: FullNormalPosterior(0), "latent_dim must be at least 1"),
        (lambda: LowRankNormalPosterior(2, rank=0), "rank must be a whole number of at least 1"),
        (lambda: MixturePosterior(2, components=0), "components must be a whole number"),
        (lambda: PlanarPosterior(2, num_flows=0), "num_flows must be a whole number"),
        (lambda: RadialPosterior(2, num_flows=0), "num_flows must be a whole number"),
        (lambda: SylvesterPosterior(2, reflections=0), "reflections must be a whole number"),
    ],
)
def test_settings_are_checked(build, message):
    with pytest.raises(ValueError, match=message):
        build()
