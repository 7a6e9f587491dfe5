"""Every section of a model that standardises against the same model of standardised data.

Densities differ by the Jacobian, and nothing else: distances are between standardised values.
"""

import pytest
import torch

from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.evaluation import (
    Amortization,
    Annealing,
    Anomaly,
    ByLabel,
    Imputation,
    Neighbours,
    RateDistortion,
    measure,
)
from vae.models import Standardize

# Powers of two, which change no digit.
SHIFT = torch.tensor([1024.0, -8.0, 0.0, 2.0, 64.0, 0.0])
SCALE = torch.tensor([64.0, 0.5, 8.0, 0.125, 16.0, 2.0])


def report_of(x, other, standardize):
    model = LinearGaussian().factorised(width=1.5).float()
    model.standardize = standardize
    labels = torch.arange(len(x)) % 2
    few = {"num_examples": 4, "num_chains": 2, "num_temperatures": 5}
    evaluations = {
        "amortization": Amortization(num_examples=8, num_steps=20),
        "annealing": Annealing(**few),
        "rate_distortion": RateDistortion(**few),
        "by_label": ByLabel(columns=2),
        "imputation": Imputation(num_examples=6, chains=2, burn_in=3, steps=5),
        "neighbours": Neighbours(num_samples=10, columns=2),
        "anomaly": Anomaly(subject_of(model, other).data, num_samples=3),
    }
    report = measure(subject_of(model, x, labels=labels), evaluations)
    assert not report.left_out
    return report


def test_figures_and_pictures_are_those_of_standardised_data():
    generator = torch.Generator().manual_seed(0)
    x, other = SHIFT + SCALE * torch.randn(2, 40, 6, generator=generator)
    standardize = Standardize((6,))
    standardize.set(SHIFT, SCALE)
    ours = report_of(x, other, standardize)
    plain = report_of(standardize(x), standardize(other), None)
    jacobians = (0.0, SCALE.log().sum().item(), SCALE[3:].log().sum().item())
    moved = set()
    for name, section in plain.sections.items():
        for key, figure in section.figures.items():
            found = ours.sections[name].figures[key]
            apart = abs(found.value - figure.value)
            nearest = min(jacobians, key=lambda j, apart=apart: abs(apart - abs(j)))
            assert apart == pytest.approx(abs(nearest), abs=2e-3), (name, key)
            moved |= {(name, key)} if nearest else set()
            assert found.error == pytest.approx(figure.error, abs=2e-3), (name, key)
        for title, picture in section.pictures.items():
            if name not in ("rate_distortion", "anomaly"):  # which draw densities
                other = ours.sections[name].pictures[title]
                assert torch.equal(picture.pixels, other.pixels), (name, title)
    assert {("rate_distortion", "distortion"), ("imputation", "log_density")} < moved
    assert not any("rmse" in key or name == "neighbours" for name, key in moved)
