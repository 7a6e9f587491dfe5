"""The log-joints of `tests.peers.log_joints`, and what cannot be fitted, written for NumPyro."""

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

from tests.peers import log_joints

EFFECTS, ERRORS, POINTS, RESPONSE, ROWS = (
    jnp.asarray(getattr(log_joints, name).numpy())
    for name in ("EFFECTS", "ERRORS", "POINTS", "RESPONSE", "ROWS")
)


def normal_mean(data=ROWS[:, 0]):
    mu = numpyro.sample("mu", dist.Normal(1.0, 2.0))
    with numpyro.plate("rows", len(data)):
        numpyro.sample("x", dist.Normal(mu, 0.5), obs=data)


def regression(x=ROWS, y=RESPONSE):
    weight = numpyro.sample("weight", dist.Normal(jnp.zeros(3), 3.0).to_event(1))
    bias = numpyro.sample("bias", dist.Normal(0.0, 10.0))
    scale = numpyro.sample("scale", dist.HalfNormal(2.0))
    with numpyro.plate("rows", len(x)):
        numpyro.sample("y", dist.Normal(x @ weight + bias, scale), obs=y)


def centred():
    mu = numpyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = numpyro.sample("tau", dist.HalfCauchy(5.0))
    with numpyro.plate("schools", 8):
        theta = numpyro.sample("theta", dist.Normal(mu, tau))
        numpyro.sample("y", dist.Normal(theta, ERRORS), obs=EFFECTS)


def non_centred():
    mu = numpyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = numpyro.sample("tau", dist.HalfCauchy(5.0))
    with numpyro.plate("schools", 8):
        eta = numpyro.sample("eta", dist.Normal(0.0, 1.0))
        numpyro.sample("y", dist.Normal(mu + tau * eta, ERRORS), obs=EFFECTS)


def mixture():
    share = numpyro.sample("share", dist.Dirichlet(jnp.ones(3)))
    with numpyro.plate("parts", 3):
        loc = numpyro.sample("loc", dist.Normal(0.0, 3.0))
    scale = numpyro.sample("scale", dist.LogNormal(0.0, 1.0))
    parts = dist.Normal(loc, scale)
    with numpyro.plate("rows", len(POINTS)):
        numpyro.sample("x", dist.MixtureSameFamily(dist.Categorical(share), parts), obs=POINTS)


def correlated():
    factor = numpyro.sample("factor", dist.LKJCholesky(3, 2.0))
    scale = numpyro.sample("scale", dist.HalfNormal(jnp.ones(3)).to_event(1))
    level = numpyro.sample("level", dist.Uniform(-1.0, 2.0))
    share = numpyro.sample("share", dist.Beta(2.0, 3.0))
    loc = level * jnp.stack([share, 1 - share, share * 0])
    px = dist.MultivariateNormal(loc, scale_tril=scale[:, None] * factor)
    with numpyro.plate("rows", len(ROWS)):
        numpyro.sample("x", px, obs=ROWS)


def counts():
    n = numpyro.sample("n", dist.Poisson(3.0))
    numpyro.sample("x", dist.Normal(n, 1.0), obs=2.0)


def some_rows():
    mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
    with numpyro.plate("rows", 30, subsample_size=5) as rows:
        numpyro.sample("x", dist.Normal(mu, 1.0), obs=ROWS[rows, 0])


def parameter():
    scale = numpyro.param("scale", 2.0)
    mu = numpyro.sample("mu", dist.Normal(0.0, scale))
    numpyro.sample("x", dist.Normal(mu, 1.0), obs=1.0)


def nothing_latent():
    numpyro.sample("x", dist.Normal(0.0, 1.0), obs=1.0)


def no_site():
    return 0.0


def dependent_support():
    high = numpyro.sample("high", dist.Uniform(0.0, 10.0))
    level = numpyro.sample("level", dist.Uniform(0.0, high))
    numpyro.sample("x", dist.Normal(level, 1.0), obs=1.0)


def ordered():
    loc = numpyro.sample("loc", dist.ImproperUniform(dist.constraints.ordered_vector, (), (3,)))
    numpyro.sample("x", dist.Normal(loc, 1.0).to_event(1), obs=jnp.ones(3))


def alone():
    numpyro.sample("mu", dist.Normal(0.0, 1.0))
