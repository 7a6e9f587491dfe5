"""Models written for Pyro against the same log-joints in torch, and against Pyro's own ELBO."""

import pytest
import torch
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from tests.peers.log_joints import LOG_JOINTS
from vae.inference import Target, from_pyro

pytestmark = pytest.mark.peers


@pytest.fixture(autouse=True)
def pyro(double_precision):
    import pyro

    pyro.clear_param_store()
    return pyro


def zoo(name):
    from tests.peers import pyro_zoo

    return getattr(pyro_zoo, name)


def points(dim, count=5):
    return 0.5 * torch.randn(count, dim, dtype=torch.float64)


@pytest.mark.parametrize("log_joint", LOG_JOINTS, ids=lambda f: f.__name__)
def test_density_is_that_of_the_log_joint_and_the_jacobian(log_joint):
    latents = LOG_JOINTS[log_joint]
    target, ours = from_pyro(zoo(log_joint.__name__)), Target.of(log_joint, latents)
    assert target.space.names == tuple(latents)
    assert target.space.shapes == ours.space.shapes
    for u in (points(ours.space.dim), points(ours.space.dim, 1)):
        u.requires_grad_()
        theirs, known = target.log_density(u), ours.log_density(u)
        assert torch.allclose(theirs, known, rtol=1e-12, atol=1e-10)
        slopes = [torch.autograd.grad(value.sum(), u)[0] for value in (theirs, known)]
        assert torch.allclose(*slopes, rtol=1e-10, atol=1e-10)
    assert target.captured.reason == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("counts", "n is discrete"),
        ("one_by_one", "on is discrete"),
        ("some_rows", "draws 5 of 30 rows"),
        ("own_rows", "draws numbers besides its sample sites"),
        ("parameter", "pyro.param scale"),
        ("nothing_latent", "all its sites are observed"),
        ("all_discrete", "a continuous latent: z, which Pyro sums over, is discrete"),
        ("no_site", "no sample site of Pyro.* one of NumPyro is for from_numpyro"),
        ("not_observed", r"^the model has no density.*Real\(\).*invalid values: nan\Z"),
        ("dependent_support", "the support of level depends"),
    ],
)
def test_what_has_no_fixed_density_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        from_pyro(zoo(name))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("m",), "from_pyro takes a model, a function of sample sites.*got 'm'"),
        ((lambda x: x,), r"from_pyro\(model, x\) calls the model as model\(x\): mis"),
        ((lambda x: x, 1, 2), r"calls the model as model\(x\): too many positional arguments"),
    ],
)
def test_what_is_no_model_or_lacks_its_data_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        from_pyro(*given)


def test_branches_are_followed_row_by_row():
    target = from_pyro(zoo("branching"))
    u = torch.tensor([[1.0], [-1.0]])
    value = target.log_density(u)
    assert "RuntimeError" in target.captured.reason
    locs = torch.tensor([1.0, -2.0])
    known = Normal(0.0, 1.0).log_prob(u[:, 0]) + Normal(locs, 1.0).log_prob(torch.ones(2))
    assert torch.allclose(value, known)


def test_a_latent_that_is_not_always_there_is_refused():
    target = from_pyro(zoo("sometimes"))
    with pytest.raises(ValueError, match="got extra in some runs only"):
        target.log_density(torch.tensor([[-6.0, 0.0]]))


def test_random_numbers_checks_and_parameters_stay_as_they_were(pyro):
    state, checks = torch.get_rng_state(), Distribution._validate_args
    target = from_pyro(zoo("centred"))
    target.log_density(torch.zeros(5, target.space.dim))
    assert torch.equal(torch.get_rng_state(), state)
    assert Distribution._validate_args == checks
    assert not list(pyro.get_param_store())


def elbos(target, q, draws=4000):
    """Estimate the ELBO of a target; return it with its standard error."""
    u = q.sample((draws,))
    log_w = target.log_density(u) - q.log_prob(u)
    return log_w.mean(), log_w.std() / draws**0.5


@pytest.mark.parametrize("kind", ["AutoNormal", "AutoMultivariateNormal"])
@pytest.mark.parametrize("name", ["non_centred", "regression", "correlated"])
def test_elbo_is_that_of_pyros_own(pyro, name, kind):
    from pyro.infer import Trace_ELBO, autoguide

    model = zoo(name)
    target = from_pyro(model)
    guide = getattr(autoguide, kind)(model, init_scale=0.3)
    guide()
    dim = target.space.dim
    shift = 0.3 * torch.randn(dim)
    if kind == "AutoNormal":
        for site, slot in target.space.slots.items():
            loc = shift[slot.start : slot.stop].reshape(slot.flat)
            getattr(guide.locs, site).data.copy_(loc)
        q = Independent(Normal(shift, 0.3), 1)
    else:
        guide.loc.data.copy_(shift)
        factor = torch.eye(dim) + 0.1 * torch.randn(dim, dim).tril(-1)
        guide.scale_tril = factor
        q = MultivariateNormal(shift, scale_tril=0.3 * factor)
    estimate = Trace_ELBO(num_particles=1)
    theirs = -torch.tensor([estimate.loss(model, guide) for _ in range(200)])
    ours, error = elbos(target, q)
    spread = (error**2 + theirs.var() / len(theirs)).sqrt()
    assert abs(theirs.mean() - ours) < 4 * spread
