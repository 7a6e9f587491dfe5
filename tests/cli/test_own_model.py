"""A model of one's own with settings of its own, trained by the command."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn

import vae
from tests.cli.command import array, call
from vae.build import build_model
from vae.distributions import Joint, LogScaleNormal
from vae.models import Model
from vae.spec import DataSpec

__all__ = ["Factors"]


class Factors(Model):
    """Factor analysis: all of its parts are its own but the net of q, which may be any."""

    def __init__(self, dim: int, encoder: nn.Module, *, spread: float) -> None:
        super().__init__()
        self.encoder, self.spread = encoder, spread
        self.decoder = nn.Linear(encoder.out_features // 2, dim)
        self.log_scale = nn.Parameter(torch.zeros(dim))

    @classmethod
    def build(cls, spec, parts, *, width: int, encoder: Mapping[str, Any], spread: float = 1.0):
        (dim,) = spec.shape
        net = parts.net(encoder, "encoder", in_shape=spec.shape, out_shape=(2 * width,))
        return cls(dim, net, spread=spread)

    def run(self, batch, draws):
        def q():
            return self.normal(*self.encoder(batch["x"]).chunk(2, -1))

        zeros = self.log_scale.new_zeros(self.decoder.in_features)
        z = draws.latent("z", q=q, p=self.normal(zeros, zeros + self.spread))
        px = self.normal(self.decoder(z), self.log_scale.expand(*z.shape[:-1], -1))
        draws.observe("x", px, batch.get("x"))

    @staticmethod
    def normal(loc, log_scale):
        return Joint(LogScaleNormal(loc, log_scale.expand_as(loc)), 1)


OWN = [
    "data=array",
    "model=linear",
    f"plugins=[{__name__}]",
    f"model._target_={__name__}.Factors",
    "~model.decoder",
    "~model.latent_dim",
    "+model.width=2",
    "trainer=cpu",
    "trainer.max_epochs=1",
    "data.batch_size=8",
    "callbacks.pictures.columns=1",
]


@pytest.mark.parametrize("others", [[], ["~posterior", "~prior", "~likelihood"]])
def test_it_needs_no_part_that_it_does_not_ask_for(monkeypatch, capsys, tmp_path, others):
    """With others' parts in the settings, or without."""
    arguments = [*OWN, *others, array(tmp_path), "penalty=factor", "test=false"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status == 0, message
    named = {"plugins": [__name__]}
    assert "log_scale" in vae.load(tmp_path / "run", **named).state_dict()
    assert vae.load(tmp_path / "run", **named).sample(3).shape == (3, 6)
    folder = vae.export(tmp_path / "run", tmp_path / "shared", **named)
    assert vae.load(folder, **named).sample(3).shape == (3, 6)
    going_on = [*arguments, "resume=auto", "trainer.max_epochs=2"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *going_on)
    assert status == 0, message


WRONG = {
    "no width": (["~model.width"], "model.width is missing"),
    "a width in words": (["model.width=abc"], "model.width must be a whole number; got 'abc'"),
    "another name": (["+model.widht=3"], "model.widht is not a setting; did you mean"),
    "a net that is none": (["model.encoder=3"], "model.encoder must be"),
    "a wrong size": (["model.width=-1"], "model.encoder: out_shape must be at least 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_its_own_settings_are_checked_as_those_of_any_part(monkeypatch, capsys, tmp_path, name):
    wrong, told = WRONG[name]
    status, _, message = call(monkeypatch, capsys, tmp_path, *OWN, array(tmp_path), *wrong)
    assert status == 2
    assert told in message


@pytest.mark.parametrize("target", ["vae.models.Model", "vae.models.Standardize"])
def test_what_is_no_model_is_refused(target):
    with pytest.raises(ValueError, match="model must be a model; got"):
        build_model({"model": {"_target_": target}}, DataSpec("vectors", (6,), "real"))
