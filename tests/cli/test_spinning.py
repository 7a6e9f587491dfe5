"""Threads that wait for each other leave their cores to others soon."""

import os

import pytest

from tests.cli.command import start
from vae.cli.spinning import SPINS, spin_briefly

COMMANDS = """
import os, sys
from vae.cli import app

for command, *arguments in (["train", "model.latent_dim=0"], ["evaluate", "checkpoint=weights.pt"]):
    os.environ.pop("GOMP_SPINCOUNT", None)
    sys.argv = [command, *arguments]
    try:
        getattr(app, command)()
    except SystemExit:
        print(command, os.environ.get("GOMP_SPINCOUNT"), "torch" in sys.modules)
"""


def test_both_commands_say_so_before_torch_is_loaded(tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"nothing")
    told = start("", "-c", COMMANDS, folder=tmp_path).stdout
    assert told.split("\n")[:2] == [f"train {SPINS} True", f"evaluate {SPINS} True"]


@pytest.mark.parametrize(
    "chosen", [{"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": ""}]
)
def test_a_policy_of_ones_own_stays(monkeypatch, chosen):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    spin_briefly()
    assert {name: os.environ[name] for name in os.environ if name in chosen} == chosen
    assert os.environ.get("GOMP_SPINCOUNT") == chosen.get("GOMP_SPINCOUNT")
