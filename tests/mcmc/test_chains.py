"""What chains say of themselves."""

import pytest
import torch
from torch.distributions import constraints

from vae.inference.mixing import bulk_ess, split_rhat
from vae.inference.space import Space
from vae.mcmc import Chains

pytestmark = pytest.mark.usefixtures("double_precision")


def autoregressive(rho, shape=(4, 2000, 3)):
    x = torch.randn(*shape)
    for t in range(1, shape[1]):
        x[:, t] = rho * x[:, t - 1] + (1 - rho**2) ** 0.5 * x[:, t]
    return x


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, -0.5])
def test_a_draw_is_worth_as_much_as_its_correlation_leaves(rho):
    found = bulk_ess(autoregressive(rho)).mean().item()
    assert found == pytest.approx(8000 * (1 - rho) / (1 + rho), rel=0.3)


def test_ranks_do_not_see_a_monotone_map():
    x = autoregressive(0.5)
    assert bulk_ess(x.exp()).allclose(bulk_ess(x))
    cauchy = torch.distributions.Cauchy(0.0, 1.0).sample((4, 1000))
    assert split_rhat(cauchy) < 1.01


def test_chains_that_disagree_have_a_large_rhat():
    x = autoregressive(0.5)
    assert (split_rhat(x) < 1.01).all()
    x[0, :, 0] += 1  # another mean
    x[0, :, 1] *= 3  # another spread
    x[:, 1000:, 2] += 1  # another second half
    assert (split_rhat(x) > 1.05).all()


def test_what_never_moves_or_is_not_finite_has_no_figure():
    x = autoregressive(0.0, (2, 50, 2))
    x[..., 0], x[1, 3, 1] = 1.0, torch.nan
    assert split_rhat(x).isnan().all()
    assert bulk_ess(x).isnan().all()
    with pytest.raises(ValueError, match="from 4 draws each on; got 3"):
        split_rhat(x[:, :3])


def test_values_are_those_of_the_supports():
    space = Space({"mu": constraints.real, "tau": (constraints.positive, (2,))})
    u = autoregressive(0.2, (2, 500, 3))
    chains = Chains(space, u)
    assert chains.values["tau"].equal(u[..., 1:].exp())
    assert chains.mean["tau"].allclose(u[..., 1:].exp().flatten(0, 1).mean(0))
    assert chains.std["mu"].allclose(u[..., 0].flatten().std())
    assert chains.rhat["tau"].shape == chains.ess["tau"].shape == (2,)
    once = chains.sample(1000)["mu"]
    assert once.sort().values.equal(u[..., 0].flatten().sort().values)
    assert chains.sample(3000)["tau"].shape == (3000, 2)


def test_chains_are_shown_as_a_table():
    space = Space({"a": constraints.real, "b": (constraints.positive, (2,))})
    chains = Chains(space, torch.randn(2, 200, 3), "NUTS", 3)
    head, *rows, last = str(chains).splitlines()
    assert head.split() == ["mean", "sd", "R̂", "ESS"]
    assert [row.split()[0] for row in rows] == ["a", "b[0]", "b[1]"]
    assert float(rows[0].split()[3]) == pytest.approx(chains.rhat["a"].item(), rel=1e-3)
    assert last == "NUTS: 2 chains of 200 draws, 3 divergences"
    assert len(repr(chains)) < 150
    assert str(Chains(space, torch.randn(2, 3, 3))).splitlines()[0].split() == ["mean", "sd"]
    many = Chains(Space({"a": (constraints.real, (50,))}), torch.randn(2, 9, 50))
    assert "and 30 more" in str(many)
