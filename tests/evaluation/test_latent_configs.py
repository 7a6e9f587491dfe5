"""The files of the latent space in ``vae/conf/report``."""

import inspect

import pytest
import yaml

from vae.cli.compose import CONF
from vae.instantiate import instantiate


@pytest.mark.parametrize("name", ["latent_space", "scatter"])
def test_a_report_file_lists_every_setting_at_its_default(name):
    text = (CONF / "report" / f"{name}.yaml").read_text()
    assert text.startswith(f"# @package report.{name}\n")
    node = yaml.safe_load(text)
    made = instantiate(node, f"report.{name}")
    defaults = {n: p.default for n, p in inspect.signature(type(made)).parameters.items()}
    assert {key: value for key, value in node.items() if key != "_target_"} == defaults
