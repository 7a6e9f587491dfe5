"""One training step of the parts that settings describe."""

from copy import deepcopy
from functools import cache

import torch

from tests.compose import settings_of
from vae.build import check_parts
from vae.data import DataSpec
from vae.training import VAEModule

BINARY = DataSpec("binary", (1, 8, 8), "boolean", 2)
MLP = ["model=mlp", "model.encoder.hidden=[16]", "model.latent_dim=4"]
OBJECTIVES = {  # every objective, with fewer samples
    "elbo": [],
    "free_bits": [],
    "enumerated_elbo": [
        "posterior=categorical",
        "posterior.temperature=null",
        "posterior.num_categories=3",
    ],
    "stratified_elbo": ["posterior=mixture"],
    "iwae": ["objective.num_samples=3"],
    "ciwae": ["objective.num_samples=3"],
    "renyi": ["objective.num_samples=3"],
    "miwae": ["objective.num_groups=2", "objective.group_size=2"],
    "piwae": ["objective.num_groups=2", "objective.group_size=2"],
}


@cache
def composed(*overrides):
    """Return settings that are made once; they are not to be changed."""
    return settings_of("data=sprites", *overrides)


def step(overrides, spec=BINARY):
    """Build the parts, take one optimizer step and return the loss."""
    return take_step(composed(*overrides), spec)


def take_step(settings, spec=BINARY):
    """Build the parts of settings, take a step of every optimizer and return the loss."""
    module = VAEModule.from_config(settings, spec)
    before = deepcopy(module.state_dict())
    check_parts(module.model, module.objective, spec)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), f"the blank examples left a trace in {name}"
    batch = {"x": examples(spec)}
    if "label" in module.objective.fields:
        batch["label"] = torch.arange(len(batch["x"])) - 1  # the first is not known
    trace = module.model(batch, num_samples=module.objective.num_samples())
    loss = sum(module.objective(trace).values())
    loss.backward()
    for name, p in module.named_parameters():
        assert p.grad is not None, name
        assert p.grad.isfinite().all(), name
    for optimizer in module.make_optimizers():
        optimizer.step()
    return loss.detach()


def examples(spec, count=4):
    """Return examples that such data might hold."""
    x = torch.rand(count, *spec.shape)
    if spec.support == "boolean":
        return x.round()
    return (x * 255).round() / 255 if spec.levels == 256 else x
