"""Sections that draw latents, of every space that latents may live in."""

import pytest
import torch

from tests.evaluation.subjects import subject_of
from tests.steps import BINARY, MLP, composed, examples
from vae.build import build_model
from vae.evaluation import measure
from vae.evaluation.measures.variables import study
from vae.evaluation.sections.gallery import Gallery
from vae.evaluation.sections.interpolations import NO_LINE, Interpolations
from vae.evaluation.sections.traversals import Traversals
from vae.training.callbacks.picture_log import draw_all

TIED = ["von_mises_fisher", "power_spherical", "dirichlet", "logistic_normal"]
FREE = ["gamma", "beta", "bernoulli"]
WAYS = {"von_mises_fisher": ["spherical"], "power_spherical": ["spherical"]}


def subject(posterior):
    model = build_model(composed(*MLP, f"posterior={posterior}"), BINARY).eval()
    return subject_of(model, examples(BINARY, 12))


@pytest.mark.parametrize("posterior", TIED + FREE)
def test_pictures_of_latents(posterior):
    sections = {
        "gallery": Gallery(columns=3),
        "traversals": Traversals(starts=1, steps=3, movie="none"),
        "interpolations": Interpolations(pairs=2, steps=3, movie="none"),
        "line": Interpolations(path="linear", movie="none"),
    }
    report = measure(subject(posterior), sections)
    left_out = {}
    if posterior in TIED:
        left_out["traversals"] = (
            "a traversal moves one coordinate alone, which those of unit vectors and of shares of "
            "a whole cannot"
        )
    if posterior in WAYS:
        left_out["line"] = NO_LINE
    assert report.left_out == left_out
    assert report.sections["gallery"].notes == []
    assert report.sections["interpolations"].protocol["path"] == WAYS.get(posterior, ["linear"])


@pytest.mark.parametrize("posterior", TIED + FREE)
def test_pictures_in_training(posterior):
    model = build_model(composed(*MLP, f"posterior={posterior}"), BINARY).eval()
    pictures = draw_all(model, {"x": examples(BINARY, 4)}, 4, 3, (0.0, 1.0))
    wanted = {"reconstructions", "samples", *(["traversals"] if posterior in FREE else [])}
    assert pictures.keys() == wanted


def test_what_lies_between_unit_vectors_is_one():
    one = subject("von_mises_fisher")
    z = one.model.embed(one.examples(2)["x"])
    (way,) = Interpolations().ways(study(one.model, one.batches(1))).values()
    middle = way(z[:1], z[1:], torch.tensor(0.3))
    assert middle.norm(dim=-1).item() == pytest.approx(1, abs=1e-5)
