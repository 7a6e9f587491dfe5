import pytest
import torch

from tests.objectives.penalties.traces import trace_at, z_score
from vae.objectives import LinearSchedule, Progress
from vae.objectives.penalties import MMD, IMQKernel, RBFKernel
from vae.objectives.penalties.mmd import squared_mmd

pytestmark = pytest.mark.usefixtures("double_precision")

KERNELS = {"rbf": RBFKernel, "imq": IMQKernel}
SCALES = (0.1, 0.5, 2.0)
ONE_PAIR = {"rbf": lambda d2, c: (-d2 / c).exp(), "imq": lambda d2, c: c / (c + d2)}


@pytest.fixture(params=KERNELS)
def name(request):
    return request.param


def repeated(estimator, shift, draws=800, n=8):
    """Many estimates, each from n draws of N(shift, 1) and of N(0, 1)."""
    kernel = RBFKernel(SCALES)
    pairs = torch.randn(draws, 2, n, 1)
    return torch.stack([estimator(a + shift, b, kernel) for a, b in pairs])


def expected_rbf(shift, variance, scale):
    """E exp(−d²/C) with d ~ N(shift, variance)."""
    c = 2 * scale
    return (1 + 2 * variance / c) ** -0.5 * torch.tensor(-(shift**2) / (c + 2 * variance)).exp()


def check_unbiased(estimator):
    """Zero on average between equal distributions, which no estimate that is never negative is."""
    estimates = repeated(estimator, 0.0)
    assert z_score(estimates, 0.0).abs() < 4
    assert estimates.min() < 0


def check_closed_form(estimator):
    """The mean over draws between N(1, 1) and N(0, 1)."""
    expected = sum(2 * (expected_rbf(0.0, 2, c) - expected_rbf(1.0, 2, c)) for c in SCALES)
    estimates = repeated(estimator, 1.0)
    assert z_score(estimates, expected).abs() < 4
    assert estimates.std() / len(estimates) ** 0.5 < 0.06 * expected


def with_diagonal(a, b, kernel):
    return kernel(a, a).mean() + kernel(b, b).mean() - 2 * kernel(a, b).mean()


def negative(a, b, kernel):
    return -squared_mmd(a, b, kernel)


def one_cross_term(a, b, kernel):
    return squared_mmd(a, b, kernel) + kernel(a, b).mean()


MUTANTS = {"with diagonal": with_diagonal, "negative": negative, "one cross term": one_cross_term}


def test_equal_distributions_are_zero_apart_on_average():
    check_unbiased(squared_mmd)


def test_mean_is_the_closed_form():
    check_closed_form(squared_mmd)


@pytest.mark.parametrize("mutant", ["with diagonal", "one cross term"])
def test_a_biased_mutant_is_caught(mutant):
    with pytest.raises(AssertionError):
        check_unbiased(MUTANTS[mutant])


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught(mutant):
    with pytest.raises(AssertionError):
        check_closed_form(MUTANTS[mutant])


def test_estimate_is_that_of_a_double_loop(name):
    a, b = torch.randn(2, 6, 3)
    n = len(a)

    def k(x, y):
        return sum(ONE_PAIR[name]((x - y).square().sum(), 2 * 3 * s) for s in SCALES)

    within = sum(k(s[i], s[j]) for s in (a, b) for i in range(n) for j in range(n) if i != j)
    across = sum(k(a[i], b[j]) for i in range(n) for j in range(n))
    expected = within / (n * (n - 1)) - 2 * across / n**2
    assert torch.allclose(squared_mmd(a, b, KERNELS[name](SCALES)), expected)


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_a_kernel_is_positive_definite_and_one_at_no_distance(name, scale):
    a = torch.randn(20, 3)
    k = KERNELS[name]((scale,))(a, a)
    assert torch.allclose(k.diagonal(), torch.ones(20))
    assert torch.linalg.eigvalsh(k).min() > -1e-12
    assert ((k > 0) & (k <= 1)).all()


def test_a_kernel_is_the_sum_over_its_scales(name):
    a, b = torch.randn(5, 3), torch.randn(7, 3)
    alone = [KERNELS[name]((scale,))(a, b) for scale in SCALES]
    assert alone[0].shape == (5, 7)
    assert torch.allclose(KERNELS[name](SCALES)(a, b), sum(alone))


def test_distance_grows_with_a_shift(name):
    a, b = torch.randn(2, 300, 2)
    distances = [squared_mmd(a + shift, b, KERNELS[name]()).item() for shift in (0, 1, 2, 3)]
    assert distances == sorted(distances)
    assert distances[1] > 10 * abs(distances[0])


def test_gradient_moves_latents_towards_the_prior(name):
    """In the mean over latents: one by one they also repel each other."""
    z = (torch.randn(100, 2) + 3).requires_grad_()
    objective = MMD(1.0, kernel=KERNELS[name]())
    for _ in range(40):
        (gradient,) = torch.autograd.grad(objective(trace_at(z))["mmd"], z)
        z = (z - 50 * gradient).detach().requires_grad_()
    assert z.mean(0).norm() < 1.5


def test_term_is_the_weighted_estimate_against_draws_of_the_prior():
    trace = trace_at(torch.randn(50, 2) + 1)
    objective = MMD(LinearSchedule(6.0, steps=10), kernel=RBFKernel())
    torch.manual_seed(3)
    u = trace.latents[0].p.sample((50,))
    torch.manual_seed(3)
    term = objective(trace, Progress(5))["mmd"]
    assert torch.allclose(term, 3 * squared_mmd(trace.latents[0].z[0], u, RBFKernel()))


def test_a_batch_of_one_example_costs_nothing():
    assert MMD()(trace_at(torch.randn(1, 2)))["mmd"] == 0


@pytest.mark.parametrize("scales", [(), (1.0, 0.0), (-1.0,)])
def test_scales_are_checked(name, scales):
    with pytest.raises(ValueError, match="scales must be one or more numbers above 0"):
        KERNELS[name](scales)


def test_a_negative_weight_is_refused():
    """As published defaults of InfoVAE give one."""
    with pytest.raises(ValueError, match="weight must be a finite number of at least 0"):
        MMD(-1.0)
