"""The page of a fit, with chains beside it."""

import json
from copy import deepcopy
from itertools import pairwise

import matplotlib
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch.distributions import constraints

from tests.reports.test_page import Reader
from vae.evaluation.drawing.canvas import STYLE
from vae.inference import posterior_pictures
from vae.inference.coordinates import coordinates_of
from vae.inference.families import MeanField
from vae.inference.fitted import Fit
from vae.inference.optimizing import fit
from vae.inference.probabilities import probability_rows
from vae.inference.states import States
from vae.inference.target import Target
from vae.mcmc import Chains

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture
def fitted():
    """A mean field at the origin, whose target is a normal of its own shape."""
    target = Target.of(
        lambda mu, tau: -(mu.square().sum() + tau.log().square()) / 2 - tau.log(),
        {"mu": (constraints.real, (2,)), "tau": constraints.positive},
    )
    steps = torch.arange(50)
    return Fit(
        target,
        MeanField(3, scale=1.0),
        steps=steps,
        elbo_trace=-5 * torch.exp(-steps.double()),
        elbo_errors=torch.full((50,), 0.1),
    )


def read(page):
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    assert not reader.open
    return " ".join(" ".join(reader.text).split())


def test_a_fit_stands_beside_chains(fitted, tmp_path):
    u = torch.randn(4, 500, 3)
    text = read(fitted.report(tmp_path, Chains(fitted.target.space, u, "NUTS", 0)))
    for told in ("Trust the fit", "NUTS has mixed", "Fit and NUTS agree", "Marginals", "Pairs"):
        assert told in text
    (rows,) = json.loads((tmp_path / "metrics.json").read_text())["posterior"]["tables"].values()
    assert [row["latent"] for row in rows] == ["mu[0]", "mu[1]", "tau"]
    assert rows[0]["NUTS mean"] == pytest.approx(u[..., 0].mean().item())
    assert {"fit sd", "R̂", "ESS"} <= rows[0].keys()
    assert len(list((tmp_path / "pictures").iterdir())) == 4


def test_chains_that_have_not_mixed_or_lie_elsewhere_say_so(fitted, tmp_path):
    u = torch.randn(4, 500, 3)
    u[..., 1] += 2
    u[0, :, 0] += 5
    text = read(fitted.report(tmp_path, Chains(fitted.target.space, u, "SGLD", 7)))
    assert "Do not take SGLD for the truth" in text
    assert "7 transitions diverged" in text
    assert "Fit and SGLD differ" in text


def test_a_fit_alone_has_a_page(fitted, tmp_path):
    text = read(fitted.report(tmp_path, title="Mine"))
    assert "Mine" in text
    assert "NUTS" not in text


@pytest.mark.parametrize("alone", [False, True])
def test_a_discrete_latent_is_shown_by_the_probabilities_of_its_values(alone, tmp_path):
    supports = {"k": (constraints.integer_interval(2, 4), (2,)), "on": constraints.boolean}
    states = States(supports, "enumerate")
    p = torch.tensor([[0.5, 0.3, 0.2], [0.0, 0.1, 0.9]])
    states.logits["k"].data = p.log()
    more = {} if alone else {"mu": constraints.real}
    target = Target.of(lambda **values: values["on"], {**supports, **more})
    trace = {"steps": torch.arange(50), "elbo_trace": torch.zeros(50)}
    family = MeanField(target.space.dim)
    fitted = Fit(target, family, states=states, elbo_errors=torch.ones(50), **trace)
    assert "k[1]  0.000  0.100  0.900" in str(fitted)
    fitted.report(tmp_path)
    tables = json.loads((tmp_path / "metrics.json").read_text())["posterior"]["tables"]
    rows = tables.pop("probabilities of k")
    assert [row["latent"] for row in rows] == ["k[0]", "k[1]"]
    assert [rows[0][value] for value in "234"] == pytest.approx([0.5, 0.3, 0.2])
    assert tables.pop("probabilities of on")[0].keys() == {"latent", "0", "1"}
    assert [row["latent"] for table in tables.values() for row in table] == list(more)


def test_of_many_values_the_most_probable_are_told():
    p = torch.full((1, 100), 0.001)
    p[0, 40:52] += 0.075
    (row,) = probability_rows(range(5, 105), {"k": p})
    assert list(row)[1:] == [*map(str, range(45, 57)), "others"]
    assert row["others"] == pytest.approx(0.088)


def test_the_page_tells_how_a_fit_was_made(tmp_path):
    fitted = fit(
        lambda mu: -mu.square() / 2,
        {"mu": constraints.real},
        log_likelihood=lambda batch, mu: -(batch["x"] - mu).square(),
        data={"x": torch.randn(30)},
        batch_size=10,
        num_samples=3,
        estimator="stl",
        steps=40,
        lr=0.02,
        seed=7,
        quiet=True,
    )
    deepcopy(fitted).report(tmp_path)
    found = json.loads((tmp_path / "metrics.json").read_text())["protocol"]
    assert found == {
        "family": "MeanField",
        "dimensions": 1,
        "steps": 40,
        "learning rate": 0.02,
        "schedule": "Cosine(final=0.0, warmup=0.0)",
        "seed": 7,
        "objective": "ELBO",
        "draws per step": 3,
        "estimator": "StickTheLanding()",
        "rows": 30,
        "rows in a step": 10,
    }


def test_chains_of_other_latents_are_refused(fitted, tmp_path):
    space = Target.of(lambda other: other, {"other": constraints.real}).space
    with pytest.raises(ValueError, match="the fit is of"):
        fitted.report(tmp_path, Chains(space, torch.randn(2, 50, 1)))


def test_coordinates_that_never_move_are_left_out():
    values = {"w": torch.randn(5, 2, 2).tril()}
    names, columns = coordinates_of(values)
    assert names == ["w[0,0]", "w[1,0]", "w[1,1]"]
    assert columns.shape == (5, 3)


def test_numbers_beside_the_panels_stand_apart_and_both_pictures_are_as_large(monkeypatch):
    figures = []

    def kept(fill, size, legend):
        with matplotlib.rc_context(STYLE):
            figure = Figure(figsize=(size[0] / 72, size[1] / 72), dpi=72, layout="constrained")
            fill(figure)
            FigureCanvasAgg(figure).draw()
        figures.append(figure)

    monkeypatch.setattr(posterior_pictures, "figured", kept)
    centre = torch.tensor([-2.0, 1234.0, -0.0012, 12000.0])
    draws = centre + torch.tensor([0.02, 0.5, 1e-4, 900.0]) * torch.randn(2000, 4)
    for draw in (posterior_pictures.draw_marginals, posterior_pictures.draw_pairs):
        draw(["a", "b", "c", "d"], draws, None, "")
    marginals, pairs = figures
    assert (marginals.get_size_inches() == pairs.get_size_inches()).all()
    for axes in (*marginals.axes, *(axes for axes in pairs.axes if axes.get_visible())):
        shown = [text for text in axes.get_xticklabels() if text.get_visible() and text.get_text()]
        low, high = axes.get_xlim()
        boxes = [t.get_window_extent() for t in shown if low <= t.get_position()[0] <= high]
        assert all(one.x1 + 3 < next_.x0 for one, next_ in pairwise(boxes))
