"""torch checks what a user's distributions are given, whatever of ours was imported or trained."""

import subprocess
import sys
from pathlib import Path

import pytest
from torch.distributions import Distribution, Normal

from tests.training.runs import make_run, make_trainer
from vae.argument_checks import unchecked
from vae.objectives import ELBO

ROOT = Path(__file__).parents[2]
IMPORTS = """
import pkgutil, sys
from types import SimpleNamespace
from importlib import import_module
from torch.distributions import Distribution
from vae.instantiate import resolve

Distribution.set_default_validate_args(sys.argv[1] == "on")
resolve("zuko.flows.NSF", "prior")
import vae, vae.training.step
for found in pkgutil.walk_packages(vae.__path__, "vae."):
    import_module(found.name)
vae.training.step.compiled(SimpleNamespace(compiled_parts=()))
assert Distribution._validate_args == (sys.argv[1] == "on")
"""


@pytest.mark.parametrize("checks", ["on", pytest.param("off", marks=pytest.mark.slow)])
def test_imports_and_compilation_leave_the_checks_as_they_were(checks):
    call = [sys.executable, "-W", "ignore", "-c", IMPORTS, checks]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


class Watch(ELBO):
    """The ELBO, which notes whether arguments are checked, and may raise."""

    def __init__(self, wrong=False):
        super().__init__()
        self.wrong = wrong
        self.seen = set()

    def forward(self, trace, at):
        self.seen.add(Distribution._validate_args)
        if self.wrong:
            raise RuntimeError("wrong")
        return super().forward(trace, at)


@pytest.mark.parametrize("wrong", [False, True])
def test_steps_check_nothing_and_what_follows_them_does(tmp_path, monkeypatch, wrong):
    monkeypatch.setattr(Distribution, "_validate_args", True)
    module, data = make_run(tmp_path, "prior=nsf", "prior.hidden_features=[8]")
    module.objective = Watch(wrong)
    trainer = make_trainer(tmp_path, epochs=1)
    if wrong:
        with pytest.raises(RuntimeError, match="wrong"):
            trainer.fit(module, data)
    else:
        trainer.fit(module, data)
    assert module.objective.seen == {False}
    with pytest.raises(ValueError, match="scale"):
        Normal(0.0, -1.0)


def test_checks_are_out_inside_only(monkeypatch):
    monkeypatch.setattr(Distribution, "_validate_args", True)
    with unchecked(), unchecked():
        assert Normal(0.0, -1.0).scale == -1
    assert Distribution._validate_args
