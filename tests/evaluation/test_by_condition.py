"""Rows of samples by condition: of one z in each column, and of the class that stands beside it."""

import torch

from tests.compose import settings_of
from vae.build import build_model
from vae.data import DataSpec
from vae.evaluation.drawing.by_condition import MOST, samples_by_condition

FIELDS = {
    "dose": {"shape": (), "dtype": "float32"},
    "pair": {"shape": (2,), "dtype": "float32"},
}


def made(condition, **facts):
    torch.manual_seed(0)
    spec = DataSpec("vectors", (5,), "real", fields=FIELDS, **facts)
    own = ["model=mlp", "model.latent_dim=2", "model.encoder.hidden=[4]", "likelihood=normal"]
    return build_model(settings_of(*own, *condition), spec).eval(), spec


def batch(columns=4):
    return {
        "x": torch.zeros(columns, 5),
        "label": torch.zeros(columns, dtype=torch.int64),
        "dose": torch.linspace(0, 100, columns),
        "pair": torch.randn(columns, 2),
    }


def test_a_row_is_a_class_and_a_column_has_one_z():
    model, spec = made(
        ["model.condition=[label]"], num_classes=3, class_names=("cat", "dog", "owl")
    )
    found = samples_by_condition(model, spec, batch(), seed=7)
    rows, labels = found["label"]
    assert labels == ["cat", "dog", "owl"]
    with torch.random.fork_rng():
        torch.manual_seed(7)
        z = model.sample_latents(4, given={"label": 0})
    for row, label in zip(rows, range(3), strict=True):
        px = model.decode(z, given={"label": torch.full((4,), label)})
        assert torch.allclose(row, px.mean, atol=1e-6)


def test_many_classes_have_the_first_rows_and_a_number_its_quantiles():
    model, spec = made(["model.condition=[label,dose,pair]"], num_classes=50)
    known = {**batch(500), "dose": torch.arange(101.0)}
    found = samples_by_condition(model, spec, batch(), known=known)
    assert found["label"].rows.shape == (MOST, 4, 5)
    assert found["dose"].labels == [f"dose\n{share}" for share in (5, 25, 50, 75, 95)]
    assert sorted(found) == ["dose", "label"]


def test_a_model_of_x_alone_has_no_rows():
    model, spec = made([], num_classes=3)
    assert samples_by_condition(model, spec, batch()) == {}
