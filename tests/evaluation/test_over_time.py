"""Sections on sequences, of a random walk of which everything is known."""

from math import pi, sqrt

import pytest
import torch
from torch.distributions import Independent, Normal

from tests.evaluation.subjects import Held
from tests.linear_gaussian import LinearGaussian
from tests.models.linear_world import SEEN, A, B, linear_world
from vae.data import DataModule, DataSpec, TensorExamples
from vae.evaluation import Denoising, Forecast, Imputation, MissingSteps, NotApplicable, Subject
from vae.evaluation.measures.errors import crps
from vae.evaluation.over_time.steps import interpolated, known_of, last_of
from vae.models import Model

N, T, D = 400, 24, 2
STEPS = torch.tensor([1.0, 3.0])  # deviations of the steps of each channel
GARBAGE = 1e9  # beyond the length, and where a value is missing


class Walk(Model):
    """x_t ~ N(x_(t−1), s²): it goes on from the last value, and fills in by straight lines."""

    build = classmethod(lambda cls, spec, parts: cls())
    is_sequential = True

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(STEPS)

    def run(self, batch, draws):
        x = batch["x"]
        p = Independent(Normal(x.new_zeros(len(x), 1), 1.0), 1)
        draws.latent("z", q=lambda: p, p=p)
        px = Independent(Normal(interpolated(x, known_of(batch))[None], 1.0), x.dim() - 1)
        draws.observe("x", lambda: px, x)

    def continued(self, batch, steps, num_samples=1):
        rows = torch.arange(len(batch["x"]))
        last = last_of(batch["x"], known_of(batch))[rows, batch["length"] - 1]
        noise = torch.randn(num_samples, len(last), steps, D) * self.scale
        return last[:, None] + noise.cumsum(2)


def subject(*, missing=0.0, model=None):
    torch.manual_seed(0)
    x = (torch.randn(N, T, D) * STEPS).cumsum(1)
    length = torch.randint(1, T + 1, (N,))
    fields = {"length": length}
    x[torch.arange(T) >= length[:, None]] = GARBAGE
    if missing:
        fields["mask"] = torch.rand(N, T, D) >= missing
        x[~fields["mask"]] = GARBAGE
    kinds = {"length": {"shape": (), "dtype": "int64"}, "mask": {"shape": (T, D), "dtype": "bool"}}
    spec = DataSpec("walks", (T, D), "real", fields={name: kinds[name] for name in fields})
    data = DataModule(Held(spec, TensorExamples(x, fields=fields)))
    return Subject((Walk() if model is None else model).eval(), data)


def values(section):
    return {name: figure.value for name, figure in section.figures.items()}


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_a_forecast_of_the_true_model_has_the_errors_of_a_random_walk(missing):
    section = Forecast(num_examples=N, num_samples=200)(subject(missing=missing))
    found = values(section)
    assert found["rmse"] == pytest.approx(found["rmse_last"], rel=0.01)
    first = section.series["by_step"][0]
    width = sqrt(STEPS.square().mean())
    if not missing:
        assert first["copy of the last value"] == pytest.approx(width, rel=0.1)
        assert found["coverage"] == pytest.approx(0.9, abs=0.02)
        # Of a normal forecast that is right CRPS is s/√π, and the absolute error of its mean
        # s·√(2/π).
        assert found["crps"] / found["crps_last"] == pytest.approx(1 / sqrt(2), abs=0.03)
    assert first["sequences"] > 250
    assert found["rmse"] < 4 * width  # the garbage was never read


def test_a_world_is_told_the_actions_to_come_and_its_forecasts_have_the_noise_of_x():
    torch.manual_seed(0)
    action, length = 3 * torch.randn(N, T, 2), torch.randint(2, T + 1, (N,))
    z, x, noise = torch.zeros(N, 2), [], 0.5
    for t in range(T):
        z = z @ A.T + (0 if t == 0 else action[:, t] @ B.T) + 0.3 * torch.randn(N, 2)
        x.append(SEEN * z + noise * torch.randn(N, 2))
    fields = {"length": length, "action": action}
    kinds = {"length": {"shape": (), "dtype": "int64"}}
    kinds["action"] = {"shape": (T, 2), "dtype": "float32"}
    data = Held(
        DataSpec("world", (T, D), "real", fields=kinds),
        TensorExamples(torch.stack(x, 1), fields=fields),
    )
    model = linear_world(T, variance=0.09, noise=noise, fields=("x", "length", "action"))
    found = values(Forecast(num_examples=N)(Subject(model.eval(), DataModule(data))))
    assert found["coverage"] == pytest.approx(0.9, abs=0.02)
    assert found["rmse"] < found["rmse_last"] / 5


def test_steps_are_hidden_from_the_model_and_only_these_are_judged():
    for hide in ("steps", "values"):
        found = values(MissingSteps(hide, num_examples=N)(subject(missing=0.1)))
        assert found["rmse_model"] == pytest.approx(found["rmse_lines"])
        assert found["rmse_lines"] < found["rmse_last"] < 5


def test_a_model_that_copies_takes_no_noise_away():
    found = values(Denoising(0.5, num_examples=N)(subject()))
    assert found["rmse_reconstruction"] == 0
    assert found["rmse_denoised"] == pytest.approx(found["rmse_noisy"])
    x = subject().examples(N)
    spread = torch.stack([x["x"][..., d][known_of(x)[..., d]].var() for d in range(D)]).mean()
    assert found["rmse_noisy"] == pytest.approx(0.5 * sqrt(spread), rel=0.02)


def test_crps_of_many_draws_is_that_of_the_distribution():
    torch.manual_seed(0)
    score = crps(2 * torch.randn(200_000, 1, dtype=torch.float64), torch.zeros(1)).item()
    assert score == pytest.approx(2 * (sqrt(2) - 1) / sqrt(pi), rel=0.01)


def test_lines_reach_the_nearest_value_beyond_the_ends():
    x = torch.tensor([0.0, 1.0, 9.0, 9.0, 4.0, 9.0])[None, :, None]
    known = torch.tensor([False, True, False, False, True, False])[None, :, None]
    assert interpolated(x, known).flatten().tolist() == [1, 1, 2, 3, 4, 4]
    assert last_of(x, known).flatten().tolist() == [2.5, 1, 1, 1, 4, 4]


def test_what_is_not_of_sequences_is_left_out():
    held = subject(model=LinearGaussian().factorised())
    for section in (Forecast(), MissingSteps(), Denoising()):
        with pytest.raises(NotApplicable, match="the model is none of sequences"):
            section(held)
    with pytest.raises(NotApplicable, match="report=.missing_steps. judges"):
        Imputation()(subject())
