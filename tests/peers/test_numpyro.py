"""Models written for NumPyro against the same log-joints in torch, and against NumPyro's ELBO."""

import pytest
import torch
from torch.distributions import Independent, Normal

from tests.peers.log_joints import LOG_JOINTS
from vae.inference import Target, from_numpyro

pytestmark = pytest.mark.peers


@pytest.fixture(autouse=True)
def jax(double_precision):
    import jax

    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", True)


def zoo(name):
    from tests.peers import numpyro_zoo

    return getattr(numpyro_zoo, name)


@pytest.mark.parametrize("log_joint", LOG_JOINTS, ids=lambda f: f.__name__)
def test_density_is_that_of_the_log_joint_and_the_jacobian(log_joint):
    latents = LOG_JOINTS[log_joint]
    target, ours = from_numpyro(zoo(log_joint.__name__)), Target.of(log_joint, latents)
    assert target.space.names == tuple(latents)
    assert target.space.shapes == ours.space.shapes
    u = (0.5 * torch.randn(2, 3, ours.space.dim)).requires_grad_()
    theirs, known = target.log_density(u), ours.log_density(u)
    assert torch.allclose(theirs, known, rtol=1e-12, atol=1e-10)
    slopes = [torch.autograd.grad(value.sum(), u)[0] for value in (theirs, known)]
    assert torch.allclose(*slopes, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["regression", "mixture"])
def test_density_is_the_negative_of_numpyros_potential(name):
    import jax
    import jax.numpy as jnp
    from numpyro.infer.util import potential_energy

    target = from_numpyro(zoo(name))
    (u,) = 0.5 * torch.randn(1, target.space.dim)
    slots = target.space.slots.items()
    parts = {n: jnp.asarray(u[s.start : s.stop].reshape(s.flat).numpy()) for n, s in slots}
    known = -float(jax.jit(lambda given: potential_energy(zoo(name), (), {}, given))(parts))
    assert target.log_density(u).item() == pytest.approx(known, rel=0, abs=1e-10)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("counts", "n is discrete"),
        ("some_rows", "draws 5 of 30 rows"),
        ("parameter", "numpyro.param scale"),
        ("nothing_latent", "all its sites are observed"),
        ("no_site", "no sample site of NumPyro.* one of Pyro is for from_pyro"),
        ("dependent_support", "the shape of level depends"),
        ("ordered", "has no counterpart in torch"),
    ],
)
def test_what_has_no_fixed_density_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        from_numpyro(zoo(name))


def test_single_precision_is_said(jax):
    target = from_numpyro(zoo("alone"))
    jax.config.update("jax_enable_x64", False)
    with pytest.warns(UserWarning, match="single precision"):
        target.log_density(torch.zeros(1, 1, dtype=torch.float64))
    assert target.log_density(torch.zeros(1, 1, dtype=torch.float32)).dtype == torch.float32


def test_elbo_is_that_of_numpyros_own(jax):
    import jax.numpy as jnp
    from numpyro import handlers
    from numpyro.infer import Trace_ELBO
    from numpyro.infer.autoguide import AutoNormal

    model = zoo("regression")
    target = from_numpyro(model)
    guide = AutoNormal(model)
    with handlers.block(), handlers.seed(rng_seed=0):
        guide()
    shift, params = 0.3 * torch.randn(target.space.dim), {}
    for site, slot in target.space.slots.items():
        loc = jnp.asarray(shift[slot.start : slot.stop].reshape(slot.flat).numpy())
        params |= {f"{site}_auto_loc": loc, f"{site}_auto_scale": jnp.full_like(loc, 0.3)}

    def loss(key):
        return Trace_ELBO().loss(key, params, model, guide)

    keys = jax.random.split(jax.random.PRNGKey(0), 4000)
    theirs = -torch.tensor(jax.jit(jax.vmap(loss))(keys).__array__())
    q = Independent(Normal(shift, 0.3), 1)
    u = q.sample((4000,))
    ours = target.log_density(u) - q.log_prob(u)
    spread = ((ours.var() + theirs.var()) / 4000).sqrt()
    assert abs(theirs.mean() - ours.mean()) < 4 * spread
