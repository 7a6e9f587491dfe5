"""A trial of how nets are executed leaves everything as it was."""

from copy import deepcopy
from math import inf

from tests.training.runs import make_run, make_trainer, same
from vae.training.execution import time_batches


def test_a_trial_leaves_module_data_and_random_numbers_as_they_were(tmp_path):
    module, data = make_run(tmp_path, "group_size=3", "penalty=factor")
    before = deepcopy(module.state_dict())
    timing = time_batches(module, data, (), accelerator="cpu")
    assert 0 < timing.least < inf
    assert same(module.state_dict(), before)
    make_trainer(tmp_path).fit(module, data)
    other, same_data = make_run(tmp_path, "group_size=3", "penalty=factor")
    make_trainer(tmp_path).fit(other, same_data)
    assert same(module.state_dict(), other.state_dict())
