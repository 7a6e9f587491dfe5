from pathlib import Path

import pytest
import torch
import yaml

from vae.distributions import Likelihood
from vae.instantiate import instantiate

CONFIGS = sorted(Path(__file__).parents[3].glob("vae/conf/likelihood/*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_config_builds_a_likelihood_from_what_the_data_states(path):
    node = yaml.safe_load(path.read_text(encoding="utf-8"))
    likelihood = instantiate(node, "likelihood", event_shape=(3, 8, 6), levels=4)
    assert isinstance(likelihood, Likelihood)
    px = likelihood(torch.zeros(2, *likelihood.param_shape))
    assert px.log_prob(torch.zeros(2, 3, 8, 6)).isfinite().all()
