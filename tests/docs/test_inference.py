"""What docs/inference.md says of families of distributions holds: gradients against quadrature."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import pytest
import scipy.stats
import torch
from torch import Tensor
from torch.distributions import (
    AffineTransform,
    Beta,
    Categorical,
    ContinuousBernoulli,
    Dirichlet,
    Distribution,
    Gamma,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    OneHotCategoricalStraightThrough,
    RelaxedOneHotCategorical,
    SigmoidTransform,
    StudentT,
    TransformedDistribution,
    Uniform,
    VonMises,
)

from tests.docs.documents import ROOT, spans, tables
from vae.distributions import LogGumbelSoftmax
from vae.flows import zuko

PAGE = ROOT / "docs" / "inference.md"
REPEATS, DRAWS = 50, 4000
POWERS = (1, 2)  # f(z) = z and z²
VALUES = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64)  # of three categories
REALS = (-torch.inf, torch.inf)
Params = Sequence[Tensor]


@dataclass
class Family:
    """A row of the table: estimates of E[z^k], and what they should be, as functions of φ."""

    params: Sequence[float | list[float]]
    estimate: Callable[[Params, int], Tensor]
    exact: Callable[[Params, int], Tensor]

    def leaves(self) -> list[Tensor]:
        return [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in self.params]


def integral(density: Callable[[Tensor], Tensor], span: tuple[float, float], k: int) -> Tensor:
    """Integrate z^k over a density by double-exponential rules, which ends do not harm."""
    t = torch.linspace(-3.6, 3.6, 8001, dtype=torch.float64)
    inner, slope = torch.pi / 2 * t.sinh(), torch.pi / 2 * t.cosh()
    if span == REALS:
        z, slope = inner.sinh(), slope * inner.cosh()
    else:
        width = span[1] - span[0]
        z, slope = span[0] + width * (2 * inner).sigmoid(), slope * width / 2 / inner.cosh() ** 2
    inside = (z > span[0]) & (z < span[1])
    z, slope = z[inside], slope[inside]
    return (z**k * density(z) * slope).sum() * (t[1] - t[0])


def reparameterized(make: Callable[..., Distribution], params: Params, k: int) -> Tensor:
    return (make(*params).rsample((DRAWS,)) ** k).mean()


def score(make: Callable[..., Distribution], params: Params, k: int) -> Tensor:
    q = make(*params)
    z = q.sample((DRAWS,))
    return (z**k * q.log_prob(z)).mean()


def one(
    make: Callable[..., Distribution],
    params: Sequence[float],
    span: tuple[float, float],
    estimate: Callable = reparameterized,
) -> Family:
    """A family over one number, whose support does not move."""

    def exact(p: Params, k: int) -> Tensor:
        return integral(lambda z: make(*p).log_prob(z).exp(), span, k)

    return Family(params, partial(estimate, make), exact)


def full_normal(loc: Tensor, rows: Tensor) -> MultivariateNormal:
    return MultivariateNormal(loc, scale_tril=rows.tril())


def second(make: Callable[..., Distribution], params: Params, k: int) -> Tensor:
    return (make(*params).rsample((DRAWS,))[:, 1] ** k).mean()


def second_of_normal(p: Params, k: int) -> Tensor:
    marginal = Normal(p[0][1], p[1].tril()[1].norm())
    return integral(lambda z: marginal.log_prob(z).exp(), REALS, k)


def second_of_dirichlet(p: Params, k: int) -> Tensor:
    marginal = Beta(p[0][1], p[0][0] + p[0][2])
    return integral(lambda z: marginal.log_prob(z).exp(), (0, 1), k)


def uniform(p: Params, k: int) -> Tensor:
    a, b = p
    return integral(torch.ones_like, (0, 1), 0) * (b ** (k + 1) - a ** (k + 1)) / (b - a) / (k + 1)


def logistic(loc: Tensor, scale: Tensor) -> Distribution:
    parts = [SigmoidTransform().inv, AffineTransform(loc, scale)]
    return TransformedDistribution(Uniform(loc * 0, 1.0), parts)


def mixture(logits: Tensor, loc: Tensor, scale: Tensor) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(logits=logits), Normal(loc, scale))


def stratified(params: Params, k: int) -> Tensor:
    logits, loc, scale = params
    z = Normal(loc, scale).rsample((DRAWS,))
    return (logits.softmax(-1) * z**k).sum(-1).mean()


def spline(*params: Tensor) -> Distribution:
    flow = zuko.flows.NSF(1, transforms=1, bins=3)
    names = [name for name, _ in flow.named_parameters()]
    return torch.func.functional_call(flow, dict(zip(names, params, strict=True)), ())


def of_spline(p: Params, k: int) -> Tensor:
    return integral(lambda z: spline(*p).log_prob(z.unsqueeze(-1)).exp(), REALS, k)


def score_of_values(params: Params, k: int) -> Tensor:
    q = Categorical(logits=params[0])
    chosen = q.sample((DRAWS,))
    return (VALUES[chosen] ** k * q.log_prob(chosen)).mean()


def soft(make: Callable[..., Distribution], params: Params, k: int) -> Tensor:
    return ((make(logits=params[0]).rsample((DRAWS,)) @ VALUES) ** k).mean()


def enumerated(params: Params, k: int) -> Tensor:
    return (params[0].softmax(-1) * VALUES**k).sum()


LOGITS = [0.3, -0.2, 0.6]
FAMILIES = {
    "normal": one(Normal, [0.4, 1.3], REALS),
    "full normal": Family(
        [[0.4, -0.7], [[0.9, 0.0], [0.6, 1.2]]], partial(second, full_normal), second_of_normal
    ),
    "log-normal": one(LogNormal, [0.2, 0.3], (0, 30)),
    "logistic": one(logistic, [0.4, 0.8], REALS),
    "Laplace": one(Laplace, [0.4, 0.8], REALS),
    "uniform": Family([-0.4, 1.3], partial(reparameterized, Uniform), uniform),
    "Gamma": one(Gamma, [2.3, 1.4], (0, 60)),
    "Beta": one(Beta, [2.3, 1.4], (0, 1)),
    "Dirichlet": Family([[2.3, 1.4, 0.8]], partial(second, Dirichlet), second_of_dirichlet),
    "Student t": one(StudentT, [9.0, 0.4, 1.3], REALS),
    "von Mises": one(VonMises, [0.4, 1.3], (-torch.pi, torch.pi), score),
    "mixture": Family(
        [[0.3, -0.4], [-1.0, 2.0], [0.5, 0.8]], stratified, one(mixture, [], REALS).exact
    ),
    "flow": Family(
        [[[0.1, -0.4, 0.6]], [[0.3, 0.2, -0.5]], [[0.4, 0.8]]],
        partial(reparameterized, spline),
        of_spline,
    ),
    "categorical": Family([LOGITS], score_of_values, enumerated),
}
BIASED = {  # with the power for which they are not
    "relaxed categorical": (partial(soft, partial(RelaxedOneHotCategorical, 0.5)), None),
    "straight-through": (partial(soft, OneHotCategoricalStraightThrough), 1),
}


def distances(family: Family, k: int) -> Tensor:
    """Return how many standard errors each entry of the mean gradient lies from the exact one."""
    params = family.leaves()
    right = torch.autograd.grad(family.exact(params, k), params)
    found = []
    for _ in range(REPEATS):
        slopes = torch.autograd.grad(family.estimate(params, k), params)
        found.append(torch.cat([slope.flatten() for slope in slopes]))
    all_right = torch.cat([slope.flatten() for slope in right])
    each = torch.stack(found)
    error = each.std(0) / REPEATS**0.5
    # What moves all draws alike has no spread; what no density depends on, no slope.
    return (each.mean(0) - all_right) / (error + 2e-4 * (1 + all_right.abs()))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("k", POWERS)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_gradient_is_that_of_the_integral(name, k):
    assert distances(FAMILIES[name], k).abs().max() < 4


@pytest.mark.parametrize("k", POWERS)
@pytest.mark.parametrize("name", BIASED)
def test_what_the_page_calls_biased_is(name, k):
    estimate, unbiased_at = BIASED[name]
    found = distances(Family([LOGITS], estimate, enumerated), k).abs().max()
    assert found < 4 if k == unbiased_at else found > 20


def test_the_table_has_these_families_and_those_without_a_gradient():
    table = next(t for t in tables(PAGE) if t[0][0] == "family")
    told = {row[0] for row in table[1:]}
    assert told == FAMILIES.keys() | BIASED.keys() | {"continuous Bernoulli"}


@pytest.mark.parametrize(
    "name",
    [
        n
        for _, span in spans(PAGE)
        if (n := span).isidentifier() and hasattr(torch.distributions, n)
    ],
)
def test_what_has_no_rsample_is_what_the_page_says(name):
    kind = getattr(torch.distributions, name)
    if isinstance(kind, type) and issubclass(kind, Distribution):
        none = {"Poisson", "Binomial", "NegativeBinomial", "Geometric", "Multinomial"}
        none |= {"LKJCholesky", "VonMises", "MixtureSameFamily", "Categorical"}
        assert (kind.has_rsample is False) == (name in none)


def test_the_score_function_is_wrong_where_ends_move():
    family = FAMILIES["uniform"]
    moved = Family(family.params, partial(score, Uniform), family.exact)
    assert distances(moved, 1).abs().max() > 20
    a, b = family.leaves()
    wrong = torch.autograd.grad(score(Uniform, (a, b), 1), b)[0]
    assert wrong == pytest.approx(-0.45 / 1.7, abs=0.03)  # −E[z] / (b − a)


def test_the_log_normal_deviation():
    loc = torch.full((1_000_000,), 0.2, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad((LogNormal(loc, 0.3).rsample() ** 2).sum(), loc)
    deviation = torch.tensor(4 * 0.3**2).expm1().sqrt()
    assert slope.std() / slope.mean() == pytest.approx(deviation.item(), rel=0.01)


def test_small_gammas_vanish_and_the_slope_by_their_concentration_is_off_a_little():
    tiny = Gamma(torch.full((4000,), 1e-3, dtype=torch.float64), 1.0).sample()
    assert 0.45 < (tiny <= torch.finfo(torch.float64).tiny).double().mean() < 0.55
    alpha = torch.full((4000,), 10.0, dtype=torch.float64, requires_grad=True)
    z = Gamma(alpha, 1.0).rsample()
    (slope,) = torch.autograd.grad(z.sum(), alpha)
    of = scipy.stats.gamma
    step, at = 1e-4, z.detach().numpy()
    right = -(of.cdf(at, 10 + step) - of.cdf(at, 10 - step)) / (2 * step) / of.pdf(at, 10)
    assert 3e-4 < abs(slope.numpy() / right - 1).max() < 7e-4


def test_beta_piles_up_below_one_in_float32():
    assert (Beta(1.0, 0.01).sample((4000,)) > 1 - 1e-7).float().mean() > 0.5


def test_a_continuous_bernoulli_has_no_gradient_in_the_middle():
    for middle, right in ((0.5, 0.0), (0.4995, 0.0), (0.3, 0.383)):
        p = torch.full((100_000,), middle, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(ContinuousBernoulli(p).rsample().sum(), p)
        assert slope.mean() == pytest.approx(right, abs=0.005)


def test_a_spline_is_the_identity_beyond_its_box():
    far = torch.tensor([[5.5], [-7.0]])
    assert torch.equal(zuko.flows.NSF(1, transforms=1)().transform(far), far)


def test_the_kl_of_relaxed_variables_is_the_same_at_every_temperature_and_larger():
    logits = torch.tensor(LOGITS, dtype=torch.float64)
    found = []
    for t in (0.1, 1.0):
        torch.manual_seed(0)
        q, p = LogGumbelSoftmax(t, logits), LogGumbelSoftmax(t, 0 * logits)
        z = q.sample((DRAWS,))
        found.append(q.log_prob(z) - p.log_prob(z))
    assert torch.allclose(*found, rtol=0, atol=1e-10)
    hard = torch.distributions.kl_divergence(
        Categorical(logits=logits), Categorical(logits=0 * logits)
    )
    assert found[0].mean() - hard > 4 * found[0].std() / DRAWS**0.5
