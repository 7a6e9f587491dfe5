"""Hierarchies: log p(x) in closed form, levels without content, temperatures, gradients."""

import pytest
import torch

from tests.compose import settings_of
from tests.linear_hierarchy import SIZE, hierarchy, set_weights
from tests.steps import BINARY, composed, step
from vae.build import build_model, build_objective
from vae.objectives import (
    ELBO,
    IWAE,
    DReG,
    FreeBits,
    LinearSchedule,
    Progress,
    StickTheLanding,
)
from vae.objectives.schedule import schedules_of

pytestmark = pytest.mark.usefixtures("double_precision")
KINDS = ["hvae", "ladder"]
MAPS = ["model=vdvae", "model.channels=[8,8,8]", "model.blocks=[0,1,2]", "model.latent_channels=2"]
SMALL = {
    "hvae": ["model.lower_dims=[3,2]", "model.encoder.hidden=[8]", "model.between.hidden=[6]"],
    "ladder": ["model.lower_dims=[3,2]", "model.encoder.hidden=[8]", "model.num_features=5"],
}


@pytest.fixture
def x():
    torch.manual_seed(1)
    return torch.randn(4, SIZE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("levels", [1, 2, 5])
def test_every_weight_is_log_p_of_x_at_the_exact_posterior(kind, levels, x):
    model, log_p = hierarchy(kind, levels)
    trace = model(x, num_samples=6)
    found = model.log_weights(x, num_samples=6, max_rows=5)
    for log_w in (trace.log_weight, found):
        assert torch.allclose(log_w, log_p(x).expand(6, -1), rtol=0, atol=1e-8)
    for latent in trace.latents[:-1] if kind == "hvae" else []:  # at a draw of what was given it
        assert torch.equal(latent.kl, latent.log_q - latent.log_p)
        assert torch.allclose(latent.kl_per_dim.sum(-1), latent.kl)
    assert trace.latents[-1].closed_kl is not None
    assert {latent.name for latent in trace.latents} == {f"z{i + 1}" for i in range(levels)}
    values = {latent.name: latent.point for latent in trace.latents}
    assert torch.allclose(model.decode(values).mean, trace.px.mean)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "objective", [ELBO(estimator=StickTheLanding()), IWAE(num_samples=5, estimator=DReG())]
)
def test_gradients_along_the_chain_vanish_at_the_exact_posterior(kind, objective, x):
    model, _ = hierarchy(kind, 3)
    sum(objective(model(x, num_samples=objective.num_samples())).values()).backward()
    of_q = [model.encoder, *model.ups] if kind == "hvae" else [*model.features, *model.estimates]
    for part in of_q:
        assert all(p.grad.abs().max() < 1e-8 for p in part.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_missing_values_are_filled_in_by_levels_of_several_sizes(kind):
    """Which are drawn upwards and replayed downwards: no level takes the place of another."""
    settings = composed(f"model={kind}", "model.latent_dim=1", *SMALL[kind])
    model = build_model(settings, BINARY).double().eval()
    found = model.impute(torch.ones(4, 1, 8, 8), torch.rand(4, 1, 8, 8) < 0.5, burn_in=1, steps=4)
    assert found.mean.isfinite().all()
    assert 0 < found.acceptance <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_level_whose_posterior_is_its_prior_changes_nothing(kind, x):
    model, _ = hierarchy(kind, 2)
    top = model.ups[-1] if kind == "hvae" else model.estimates[-1]
    for part in (top, model.downs[-1]):  # N(0, I), whatever the other level is
        set_weights(part, torch.zeros(SIZE), torch.ones(SIZE))
    trace = model(x, num_samples=3)
    z1, q1 = trace["z1"].z, trace["z1"].q
    alone = model.decoder(z1).log_prob(x) + model.prior().log_prob(z1) - q1.log_prob(z1)
    assert torch.allclose(trace.log_weight, alone, rtol=0, atol=1e-12)
    assert trace["z2"].kl.abs().max() < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_each_level_has_a_temperature(kind):
    model, _ = hierarchy(kind, 3)
    found = {}
    for temperature in (1.0, 0.5):
        torch.manual_seed(0)
        found[temperature] = model.sample_latents(20, temperature={"z3": temperature})
    one, half = found[1.0], found[0.5]
    assert torch.allclose(half["z3"], 0.5 * one["z3"])
    for i, down in enumerate(model.downs, 1):  # of the same noise, what is above moves the mean
        above, moved = one[f"z{i + 1}"], half[f"z{i + 1}"]
        assert torch.allclose(half[f"z{i}"] - one[f"z{i}"], down(moved).mean - down(above).mean)
    with pytest.raises(ValueError, match="the model has no latent z4; it has z3, z2, z1"):
        model.sample(3, temperature={"z4": 0.5})


@pytest.mark.parametrize("posterior", ["normal", "categorical", "planar"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_gets_a_gradient(kind, posterior):
    torch.set_default_dtype(torch.float32)
    own = [f"model={kind}", f"posterior={posterior}", "model.latent_dim=2", *SMALL[kind]]
    prior = ["prior=uniform_categorical"] if posterior == "categorical" else []
    if kind == "ladder" and posterior != "normal":
        with pytest.raises(ValueError, match="use posterior=normal, or model=hvae"):
            step((*own, *prior))
    else:
        assert step((*own, *prior)).isfinite()


def test_a_flow_of_another_number_of_variables_is_refused():
    own = ["model=hvae", "posterior=iaf", "model.latent_dim=2", "model.lower_dims=[3]"]
    told = r"over 2 variables and a latent has 3: .* model.lower_dims=\[2\]"
    with pytest.raises(ValueError, match=told):
        build_model(composed(*own), BINARY)


def blocks(*own):
    """Return a model of three maps of bits, away from where it starts, and some data."""
    torch.manual_seed(0)
    model = build_model(composed(*MAPS, *own), BINARY).double()
    for p in model.parameters():
        p.data += 0.1 * torch.randn_like(p)
    return model, torch.rand(4, 1, 8, 8).round()


@pytest.mark.parametrize("own", [[], ["relative=false"], ["normalization=spectral"]])
def test_every_parameter_of_the_blocks_gets_a_gradient(own):
    model, x = blocks(*(f"model.{setting}" for setting in own))
    trace = model(x)
    (-trace.elbo.mean()).backward()
    assert all(p.grad.abs().max() > 0 for p in model.parameters())
    assert [latent.point.shape[3:] for latent in trace.latents] == [(2, 2), (2, 2), (4, 4)]


@pytest.mark.parametrize("kind", ["weight", "spectral"])
def test_weights_are_normalised_but_those_that_start_at_zero(kind):
    model = build_model(composed(*MAPS, f"model.normalization={kind}"), BINARY).train()
    model(torch.rand(4, 1, 8, 8).round())
    convs = [layer for layer in model.steps.modules() if isinstance(layer, torch.nn.Conv2d)]
    changed = [layer for layer in convs if hasattr(layer, "parametrizations")]
    assert all(layer.weight.any() == (layer in changed) for layer in convs)
    for layer in changed if kind == "spectral" else []:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2) < 1.3


@pytest.mark.parametrize("prior", ["mixture", "two_stage"])
def test_a_prior_of_vectors_is_refused_for_maps(prior):
    own = ["prior.latent_dim=2"] if prior == "two_stage" else []
    told = (
        r"shapes \(2,\) and \(2, 2, 2\): give both the same, or use prior=standard_normal, normal"
    )
    with pytest.raises(ValueError, match=told):
        build_model(composed(*MAPS, f"prior={prior}", *own), BINARY)


def test_a_block_whose_posterior_is_its_prior_changes_nothing():
    model, x = blocks()
    lowest = [step for step in model.steps if hasattr(step, "posterior")][-1]
    for p in lowest.posterior[-1].parameters():
        p.data.zero_()
    trace = model(x, num_samples=2)
    assert trace["z1"].kl.abs().max() < 1e-12
    assert trace["z2"].kl.min() > 0
    assert torch.allclose(trace["z1"].q.mean, trace["z1"].p.mean, rtol=0, atol=1e-12)
    without = trace.log_px + sum(trace[z].log_p - trace[z].log_q for z in ("z3", "z2"))
    assert torch.allclose(trace.log_weight, without, rtol=0, atol=1e-12)


def test_a_weight_and_free_nats_of_each_level(x):
    trace = hierarchy("ladder", 3)[0](x)
    kl = {latent.name: latent.kl.mean() for latent in trace.latents}
    slowly = {"z3": LinearSchedule(end=1.0, steps=10), "z1": 0.5}
    weighted = ELBO(slowly)(trace, Progress(step=4))["kl"]
    assert torch.allclose(weighted, 0.4 * kl["z3"] + kl["z2"] + 0.5 * kl["z1"])
    assert ELBO(slowly).monitor == "val/elbo"
    nats = (kl["z1"] + kl["z2"]).item() / 2
    free = FreeBits(nats, by_latent=True)(trace)["kl"]
    assert torch.allclose(free, sum(value.clamp_min(nats) for value in kl.values()))
    with pytest.raises(ValueError, match="beta: the model has no latent z4; it has z3, z2, z1"):
        ELBO({"z4": 1.0})(trace)
    with pytest.raises(ValueError, match="use estimator=pathwise, or one beta for all"):
        ELBO({"z1": 1.0}, estimator=StickTheLanding())


def test_a_schedule_of_one_level_is_a_line_of_the_command():
    chosen = ["model=ladder", "+schedule@objective.beta.z2=linear", "objective.beta.z2.steps=8"]
    settings = settings_of(*chosen)
    model = build_model(settings, BINARY)
    objective = build_objective(settings, model, BINARY)
    assert objective.of_each["z2"](4) == 0.5
    assert list(schedules_of(objective)) == [objective.of_each["z2"]]
