"""Functions completed from few points: the figures by hand, beside the exact process."""

import pytest
import torch

from tests.models.test_neural_process import made
from vae.data import DataModule, GPCurves, Memory
from vae.evaluation import Completions, Subject, measure


def subject_of(model, source):
    return Subject(model, DataModule(source, val_size=2, test_size=20, batch_size=4))


def test_the_figures_are_means_over_points_that_are_not_known():
    source = GPCurves(40, points=12, length_scale=(0.3, 0.6))
    model = made("attentive_neural_process", "model.latent=false").float()
    subject = subject_of(model, source)
    report = measure(subject, {"c": Completions([0, 6, 11, 12], columns=2)})
    section = report.sections["c"]
    batch = subject.examples(20)
    at, y, length = batch["at"][:, 0], batch["x"][:, 0], batch["length_scale"]
    nothing = torch.zeros(20, 12, dtype=torch.bool)
    p = torch.distributions.Normal(0, torch.tensor(1 + 0.1**2).double().sqrt())
    exact = p.log_prob(y.double()).mean(1)
    ours = model.predict({"at": batch["at"]}).log_prob(batch["x"]).double().mean(1)
    mean, _ = source.predicted(at, y, nothing, length)
    assert mean.abs().max() == 0
    figures = section.figures
    assert figures["exact_0"].value == pytest.approx(exact.mean().item(), abs=1e-4)
    assert figures["log_likelihood_0"].value == pytest.approx(ours.mean().item(), abs=1e-4)
    assert figures["gap_0"].value == pytest.approx((exact - ours).mean().item(), abs=1e-4)
    assert figures["exact_11"].value > figures["exact_6"].value > figures["exact_0"].value
    assert "gap_12" not in figures
    assert len(section.pictures) == 1
    assert section.pictures["completions"].svg


def test_pictures_are_completed():
    pictures = Memory((torch.rand(30, 1, 4, 4) > 0.5).numpy(), name="bits")
    model = made("neural_process", "likelihood=bernoulli", spec=pictures.spec)
    found = Completions([3], columns=2)(subject_of(model.float(), pictures))
    assert set(found.figures) == {"log_likelihood_3"}
    assert found.pictures["completions"].rows == ("original", "3 known", "completed")
