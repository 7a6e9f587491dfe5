"""A compiled step is the step."""

import pytest
import torch

from tests.training.runs import make_run, make_trainer, same
from vae.cli import trainer_checks
from vae.objectives import ELBO, Schedule
from vae.training import step

COMPILES = pytest.mark.skipif(not trainer_checks.COMPILES, reason="an older torch")
STAGES = ["objective.num_samples.values=[1,2,3]", "objective.num_samples.starts=[5,9]"]


def weights_of(folder, overrides, *, compiled):
    module, data = make_run(folder, *overrides)
    if compiled:
        module.compiled = True
    make_trainer(folder).fit(module, data)
    return module.state_dict()


@COMPILES
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch about itself
@pytest.mark.parametrize(
    ("overrides", "most"),
    [
        (["+schedule@objective.beta=linear", "objective.beta.steps=10"], 2),
        (["objective=iwae", "objective.num_samples=3", "penalty=mmd"], 2),
        (["objective=iwae", "+schedule@objective.num_samples=stages", *STAGES], 4),
        # Gradients inside of the step, which a graph in two pieces would lose.
        (["objective=iwae", "objective.num_samples=3", "estimator=dreg"], 2),
        (["objective=iwae", "objective.num_samples=3", "estimator=score"], 2),
        (["objective=piwae", "estimator=dreg"], 2),
        (["estimator=stl", "penalty=gradient_penalty"], 2),
    ],
)
def test_weights_are_those_of_the_plain_step(tmp_path, own_noise, overrides, most):
    compiled = weights_of(tmp_path, overrides, compiled=True)
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert not torch._dynamo.utils.counters["graph_break"]
    assert 0 < graphs <= most, "a number that changes with the step is no new program"
    plain = weights_of(tmp_path, overrides, compiled=False)
    for name, value in plain.items():
        assert torch.allclose(value, compiled[name], rtol=1e-4, atol=1e-6), name
    assert same(weights_of(tmp_path, overrides, compiled=True), compiled)


class Jump(Schedule):
    """A user's own schedule, with a branch in Python."""

    def __call__(self, step):
        return 1.0 if step < 5 else 4.0 + step


@COMPILES
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch about itself
def test_any_schedule_is_followed_without_a_new_program(tmp_path, own_noise):
    ends = []
    for compiled in (True, False):
        module, data = make_run(tmp_path)
        module.objective, module.compiled = ELBO(Jump()), compiled
        make_trainer(tmp_path).fit(module, data)
        ends.append(module.state_dict())
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    for name, value in ends[1].items():
        assert torch.allclose(value, ends[0][name], rtol=1e-4, atol=1e-6), name


def test_a_step_of_two_graphs_is_refused(tmp_path, own_noise):
    with pytest.raises(ValueError, match="these parts cannot be compiled"):
        weights_of(tmp_path, ["posterior=nsf", "estimator=dreg"], compiled=True)


def test_an_older_compiler_is_refused(monkeypatch):
    monkeypatch.setattr(trainer_checks, "COMPILES", False)
    trainer_checks.check_compiler({"compile": False})
    with pytest.raises(ValueError, match=r"compile=true needs torch 2\.14 or later, this is 2\."):
        trainer_checks.check_compiler({"compile": True})


def test_what_cannot_be_compiled_is_told_at_the_first_call_only():
    def function(model, objective, x, num_samples):
        if x is None:
            raise NotImplementedError("no such operator\nwith a long story")
        return {}, {}

    with pytest.raises(ValueError, match=r"\(no such operator\): use compile=false"):
        step.Compiled(function)(None, None, None, 1)
    later = step.Compiled(function)
    later(None, None, torch.ones(1), 1)
    with pytest.raises(NotImplementedError):
        later(None, None, None, 1)
