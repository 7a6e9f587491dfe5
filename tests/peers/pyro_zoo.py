"""The log-joints of `tests.peers.log_joints`, and what cannot be fitted, written for Pyro."""

import pyro
import pyro.distributions as dist
import torch

from tests.peers.log_joints import EFFECTS, ERRORS, POINTS, RESPONSE, ROWS


def normal_mean(data=ROWS[:, 0]):
    mu = pyro.sample("mu", dist.Normal(1.0, 2.0))
    with pyro.plate("rows", len(data)):
        pyro.sample("x", dist.Normal(mu, 0.5), obs=data)


def regression(x=ROWS, y=RESPONSE):
    weight = pyro.sample("weight", dist.Normal(torch.zeros(3).double(), 3.0).to_event(1))
    bias = pyro.sample("bias", dist.Normal(0.0, 10.0))
    scale = pyro.sample("scale", dist.HalfNormal(2.0))
    with pyro.plate("rows", len(x)):
        pyro.sample("y", dist.Normal(x @ weight + bias, scale), obs=y)


def centred():
    mu = pyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = pyro.sample("tau", dist.HalfCauchy(5.0))
    with pyro.plate("schools", 8):
        theta = pyro.sample("theta", dist.Normal(mu, tau))
        pyro.sample("y", dist.Normal(theta, ERRORS), obs=EFFECTS)


def non_centred():
    mu = pyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = pyro.sample("tau", dist.HalfCauchy(5.0))
    with pyro.plate("schools", 8):
        eta = pyro.sample("eta", dist.Normal(0.0, 1.0))
        pyro.sample("y", dist.Normal(mu + tau * eta, ERRORS), obs=EFFECTS)


def mixture():
    share = pyro.sample("share", dist.Dirichlet(torch.ones(3).double()))
    with pyro.plate("parts", 3):
        loc = pyro.sample("loc", dist.Normal(0.0, 3.0))
    scale = pyro.sample("scale", dist.LogNormal(0.0, 1.0))
    with pyro.plate("rows", len(POINTS)):
        part = pyro.sample("part", dist.Categorical(share))  # summed over by Pyro
        pyro.sample("x", dist.Normal(loc[part], scale), obs=POINTS)


def correlated():
    factor = pyro.sample("factor", dist.LKJCholesky(3, torch.tensor(2.0).double()))
    scale = pyro.sample("scale", dist.HalfNormal(torch.ones(3).double()).to_event(1))
    level = pyro.sample("level", dist.Uniform(-1.0, 2.0))
    share = pyro.sample("share", dist.Beta(2.0, 3.0))
    loc = level * torch.stack([share, 1 - share, share * 0])
    with pyro.plate("rows", len(ROWS)):
        pyro.sample("x", dist.MultivariateNormal(loc, scale_tril=scale[:, None] * factor), obs=ROWS)


def counts():
    n = pyro.sample("n", dist.Poisson(3.0))
    pyro.sample("x", dist.Normal(n, 1.0), obs=torch.tensor(2.0))


def one_by_one():
    p = pyro.sample("p", dist.Beta(1.0, 1.0))
    on = pyro.sample("on", dist.Bernoulli(p), infer={"enumerate": "sequential"})
    pyro.sample("x", dist.Normal(on, 1.0), obs=torch.tensor(2.0))


def some_rows():
    mu = pyro.sample("mu", dist.Normal(0.0, 1.0))
    with pyro.plate("rows", 30, subsample_size=5) as rows:
        pyro.sample("x", dist.Normal(mu, 1.0), obs=ROWS[rows, 0])


def own_rows():
    mu = pyro.sample("mu", dist.Normal(0.0, 1.0))
    rows = torch.randperm(30)[:5]
    pyro.sample("x", dist.Normal(mu, 1.0).expand([5]).to_event(1), obs=ROWS[rows, 0])


def parameter():
    scale = pyro.param("scale", torch.tensor(2.0))
    mu = pyro.sample("mu", dist.Normal(0.0, scale))
    pyro.sample("x", dist.Normal(mu, 1.0), obs=torch.tensor(1.0))


def nothing_latent():
    pyro.sample("x", dist.Normal(0.0, 1.0), obs=torch.tensor(1.0))


def all_discrete():
    z = pyro.sample("z", dist.Bernoulli(0.5))
    pyro.sample("x", dist.Normal(z, 1.0), obs=torch.tensor(0.3))


def no_site():
    return torch.zeros(())


def not_observed():
    mu = pyro.sample("mu", dist.Normal(0.0, 1.0))
    pyro.sample("x", dist.Normal(mu, 1.0), obs=torch.tensor(torch.nan))


def dependent_support():
    high = pyro.sample("high", dist.Uniform(0.0, 10.0))
    level = pyro.sample("level", dist.Uniform(torch.zeros(()), high))
    pyro.sample("x", dist.Normal(level, 1.0), obs=torch.tensor(1.0))


def sometimes():
    mu = pyro.sample("mu", dist.Normal(0.0, 1.0))
    extra = pyro.sample("extra", dist.Normal(0.0, 1.0)) if mu > -5 else 0.0
    pyro.sample("x", dist.Normal(mu + extra, 1.0), obs=torch.tensor(1.0))


def branching():
    mu = pyro.sample("mu", dist.Normal(0.0, 1.0))
    loc = mu if mu > 0 else 2 * mu
    pyro.sample("x", dist.Normal(loc, 1.0), obs=torch.tensor(1.0))
