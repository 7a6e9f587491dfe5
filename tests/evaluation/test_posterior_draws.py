"""From x to parameters, draws and decodings: what is drawn is what the model says."""

import pytest
import torch

from tests.evaluation.subjects import subject_of
from tests.evaluation.test_in_space import places
from tests.evaluation.test_several_latents import ladder
from tests.linear_gaussian import LinearGaussian
from tests.steps import BINARY, MLP, composed, examples
from vae.build import build_model
from vae.evaluation import PosteriorDraws, measure
from vae.evaluation.drawing.drawn_codes import PosteriorPanel, drawn_codes
from vae.evaluation.drawing.palette import class_colors
from vae.evaluation.sections import posterior_draws

TITLE = posterior_draws.TITLE


def handed_over(monkeypatch, subject, **settings):
    """Return what the section hands over to be drawn, and the section."""
    seen = []

    def drawn(*given, span):
        seen[:] = given
        return drawn_codes(*given, span=span)

    monkeypatch.setattr(posterior_draws, "drawn_codes", drawn)
    report = measure(subject, {"draws": PosteriorDraws(3, 10, **settings)})
    return *seen, report.sections["draws"]


def test_the_parameters_are_those_of_q_and_each_draw_is_decoded(monkeypatch):
    """Where q is known and the decoder affine."""
    exact = LinearGaussian()
    model = exact.factorised().float()
    subject = subject_of(model, exact.marginal.sample((50,)))
    x, (panel,), decoded, section = handed_over(monkeypatch, subject)
    dims = [int(name[1:]) for name in panel.names]
    assert sorted(dims) == [0, 1, 2]
    q = model.encode(x)
    kl = model(subject.examples(50)["x"])["z"].kl_per_dim.mean((0, 1))
    assert kl[dims].diff().le(0).all()  # the most used first
    assert torch.allclose(panel.center, q.mean[:, dims], atol=1e-5)
    assert torch.allclose(panel.spread, q.stddev[:, dims], atol=1e-5)
    assert ((panel.draws - panel.center).abs() < 6 * panel.spread).all()
    w, b = exact.w[:, dims].float(), exact.b.float()
    assert torch.allclose(decoded, panel.draws @ w.T + b, atol=1e-4)
    assert section.protocol == {"examples": 3, "draws": 10, "num_examples": 50}
    assert section.notes == []


def test_probabilities_are_bars_and_draws_one_of_their_categories(monkeypatch):
    model = build_model(composed(*MLP, "posterior=joint"), BINARY)
    subject = subject_of(model, examples(BINARY, 20), support="boolean")
    x, (z, c), _, _ = handed_over(monkeypatch, subject, variables=2)
    assert (z.title, c.title) == ("q(z|x)", "q(c|x)")
    assert (len(z.names), c.names) == (2, [str(i) for i in range(10)])
    probabilities = model.encode(x)["c"].base_dist.probs[:, 0]
    assert torch.allclose(c.center, probabilities, atol=1e-6)
    assert (c.draws.sum(-1) == 1).all()
    assert c.spread is None


@pytest.mark.parametrize(
    "posterior", ["nsf", "categorical", "bernoulli", "gamma", "dirichlet", "von_mises_fisher"]
)
def test_latents_of_every_space(posterior):
    """Parameters by a formula, or of a flow by many draws."""
    model = build_model(composed(*MLP, f"posterior={posterior}"), BINARY)
    subject = subject_of(model, examples(BINARY, 12), support="boolean")
    section = measure(subject, {"draws": PosteriorDraws(2, 2)}).sections["draws"]
    bars = posterior in ("categorical", "bernoulli")
    assert ("a bar is a probability" in section.pictures[TITLE].note) == bars


def test_latents_that_are_given_others_are_left_out():
    section = measure(ladder(), {"draws": PosteriorDraws(2, 2)}).sections["draws"]
    assert section.notes == ["Drawn of the latents z3, z2, z1: z3."]


def test_each_draw_keeps_its_colour():
    """In the panel one above the other, as the draws are, then a column of its own."""
    draws = torch.tensor([[[2.0]], [[1.0]], [[0.0]]])
    panel = PosteriorPanel("q(z|x)", ["z0"], torch.ones(1, 1), torch.ones(1, 1), draws)
    drawn = drawn_codes(torch.zeros(1, 1, 8, 8), [panel], torch.zeros(3, 1, 1, 8, 8), span=(0, 1))
    found = [places(drawn, color) for color in class_colors(3)]
    right = [rows[:, 1].float().max() for rows in found]
    assert right == sorted(right)
    edge = min(rows[rows[:, 1] > 300][:, 1].min() for rows in found)
    heights = [rows[rows[:, 1] < edge][:, 0].float().mean() for rows in found]
    assert heights == sorted(heights)
