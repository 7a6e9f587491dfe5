"""A mixture about training examples, of which an example's own is left out in training."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from tests.compose import settings_of
from vae.build import build_model, check_parts
from vae.data import DataModule, DataSpec, Memory
from vae.starting import start_at_data
from vae.training import VAEModule

REALS = DataSpec("reals", (4,), "real", num_classes=3)
NET = ["model=mlp", "model.encoder.hidden=[8]", "model.latent_dim=2"]
KINDS = {
    "exemplar": ["prior=exemplar", "prior.num_exemplars=3"],
    "vamp": ["prior=vamp", "prior.num_components=3", "prior.fixed=true"],
}
PLACES = [10, 4, 7]
X = torch.tensor([[2.0, 0, 0, 0], [0, -3, 0, 0], [0, 0, 1, 1]], dtype=torch.float64)
LABELS = torch.tensor([0, 2, 0])


def settings(kind, *more):
    """Return the settings of a small model whose prior leaves one out."""
    own = [*KINDS[kind], "prior.leave_one_out=true"]
    return settings_of(*NET, "likelihood=normal", *own, *more)


def model_of(kind, *more):
    """Return a model of three exemplars, which stand at `PLACES`."""
    model = build_model(settings(kind, *more), REALS)
    kept = {"x": X, "index": torch.tensor(PLACES), "label": LABELS}
    model.prior.initialize(lambda n, field="x": kept[field][:n])
    return model


def each_density(model, z, *given):
    """Return the density of z, ``(B, 2)``, about each exemplar, ``(B, 3)``."""
    q = model.encoder(X, *given).base_dist
    scale = torch.ones(3, 2) if "raw_scale" in dict(model.prior.named_parameters()) else q.scale
    return Normal(q.loc, scale).log_prob(z.unsqueeze(1)).sum(-1).exp()


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("kind", KINDS)
def test_in_training_an_exemplar_has_the_mixture_of_the_others(kind):
    """And an example that is none has that of all; in evaluation all count for every example."""
    model, index = model_of(kind).train(), torch.tensor([4, 99, 10, 7])
    x = torch.stack([X[1], torch.ones(4), X[0], X[2]])
    trace = model({"x": x, "index": index}, num_samples=2)
    z = trace["z"].z[0]
    each = each_density(model, z)
    others = torch.tensor([[1, 0, 1], [1, 1, 1], [0, 1, 1], [1, 1, 0]], dtype=each.dtype)
    exact = ((each * others).sum(1) / others.sum(1)).log()
    assert torch.allclose(trace["z"].log_p[0], exact)
    exact.sum().backward(retain_graph=True)
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    model.eval()
    assert torch.allclose(model.prior().log_prob(z), each.mean(1).log())
    assert torch.allclose(model({"x": x, "index": index})["z"].p.log_prob(z), each.mean(1).log())
    assert torch.equal(model({"x": x})["z"].p.log_prob(z), model.prior().log_prob(z))


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("kind", KINDS)
def test_of_a_class_the_others_keep_their_weights(kind):
    model = model_of(kind, "model.condition=[label]", "prior.conditional=true").train()
    z, label = torch.randn(2, 2), torch.tensor([0, 1])
    each = each_density(model, z, LABELS)
    found = model.prior(label, index=torch.tensor([10, 10])).log_prob(z)
    apart = (label[:, None] != LABELS).double()
    weights = (-4.0 * apart).exp() * torch.tensor([0.0, 1.0, 1.0])
    assert torch.allclose(found.exp(), (each * weights).sum(1) / weights.sum(1))
    draws = model.prior(label, index=torch.tensor([10, 4])).sample((9,))
    assert draws.isfinite().all()


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("kind", KINDS)
def test_the_data_say_which_exemplar_an_example_is(kind):
    """Of 20 training examples of 26 in a random order, 3 are exemplars."""
    x = np.arange(26 * 4, dtype=np.float32).reshape(26, 4)
    data = DataModule(Memory(x), batch_size=5, val_size=3, test_size=3)
    module = VAEModule.from_config(settings(kind, "data=array", "data.path=none"), data.spec)
    start_at_data(module.model, data)
    data.fields = module.fields
    prior, met = module.model.prior.train(), 0
    for group in data.train_dataloader():
        for _, draft in group:
            batch = draft.make()
            left_out = prior(index=batch["index"]).logits.isinf()
            same = (batch["x"].double()[:, None] == prior.pseudo_inputs).all(-1)
            assert torch.equal(left_out, same)
            met += int(same.sum())
    assert met == 3
    other = build_model(settings(kind), data.spec)
    other.load_state_dict(module.model.state_dict())
    assert torch.equal(other.prior.places, prior.places)


def test_what_cannot_be_left_out_is_refused():
    model = model_of("exemplar").train()
    with pytest.raises(ValueError, match=r"ExemplarPrior reads index .* or use model.eval\(\)"):
        model(X.float())
    assert model.sample(2).shape == (2, 4)
    module = VAEModule.from_config(settings("exemplar"), REALS)
    assert module.fields == ("x", "index")
    check_parts(module.model, module.objective, REALS)
    with pytest.raises(ValueError, match="prior: leave_one_out=true .* use fixed=true"):
        build_model(settings("vamp", "prior.fixed=false"), REALS)
    lone = {"x": X[:1].float(), "index": torch.tensor([5])}
    with pytest.raises(ValueError, match="a mixture about one example: use two components"):
        model.prior.initialize(lambda n, field="x": lone[field])
