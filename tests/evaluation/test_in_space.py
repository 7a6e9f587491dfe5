"""Prior and aggregate posterior in their space: what is drawn is what was drawn, on its side."""

import math
from math import pi

import pytest
import torch
from torch.distributions import Dirichlet, Independent, Normal, constraints

from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.evaluation import LatentSpace, measure
from vae.evaluation.drawing.in_space import in_space
from vae.evaluation.drawing.layouts import hammer, on_globe, on_plane, on_triangle
from vae.evaluation.drawing.marginals import OF_PRIOR
from vae.evaluation.drawing.palette import CLASSES
from vae.evaluation.drawing.rose import BINS, densities
from vae.evaluation.sections import latent_pictures, latent_space
from vae.supports import unit_sphere

NAMES = ("z0", "z1", "z2", "z3")


def directions(count, dim=3):
    return torch.nn.functional.normalize(torch.randn(count, dim), dim=-1)


def test_the_section_hands_over_codes_and_prior_as_they_are(monkeypatch):
    """Codes moved by 3 of a standard normal prior, each with its label."""
    seen = {}
    monkeypatch.setattr(latent_space, "PRIOR_DRAWS", 2000)
    monkeypatch.setattr(
        latent_pictures,
        "in_space",
        lambda q, p, *_, classes, **__: seen.update(q=q, p=p, classes=classes),
    )
    gold = LinearGaussian(orthogonal=True)
    model = gold.factorised()
    model.encoder.net.bias.data[0] += 3
    x, labels = gold.marginal.sample((2000,)), torch.arange(2000) % 3
    subject = subject_of(model.float(), x.float(), labels=labels)
    measure(subject, {"latents": LatentSpace(num_points=10, num_shown=1)})
    q, p = seen["q"], seen["p"]
    assert q.mean(0).tolist() == pytest.approx([3, 0, 0], abs=0.15)
    assert p.mean(0).tolist() == pytest.approx([0, 0, 0], abs=0.15)
    assert q.std(0).tolist() == pytest.approx([1, 1, 1], abs=0.1)
    assert p.std(0).tolist() == pytest.approx([1, 1, 1], abs=0.1)
    assert torch.equal(seen["classes"].values, labels)
    assert torch.corrcoef(torch.stack([q[:, 0], subject.codes().z[:, 0]]))[0, 1] > 0.9


def test_equal_areas_of_a_sphere_stay_equal():
    """Of uniform directions, of 7 coordinates too, an ellipse holds its share of the area."""
    for dim in (3, 7):
        points = directions(40_000, dim)
        layout = on_globe(points, points, [4 % dim, 0, 2], NAMES[:3])
        assert torch.equal(layout.prior, layout.codes)
        radius = (layout.prior.square() / torch.tensor([8.0, 2.0])).sum(-1)
        assert radius.max() <= 1 + 1e-5
        for share in (0.1, 0.5, 0.9):  # the square of the radius is the area
            assert (radius < share).float().mean().item() == pytest.approx(share, abs=0.01)
        assert (layout.prior[:, 0] > 0).float().mean().item() == pytest.approx(0.5, abs=0.01)


def test_directions_of_a_sphere():
    at = hammer(torch.eye(3).repeat(2, 1) * torch.tensor([1.0, 1, 1, -1, -1, -1])[:, None])
    up, side = 2**0.5, 4 * math.sin(pi / 8)
    expected = [[0, 0], [side, 0], [0, up], [2 * up, 0], [-side, 0], [0, -up]]
    at[3, 0].abs_()  # the opposite of the middle is the whole edge
    assert torch.allclose(at, torch.tensor(expected), atol=1e-6)


def test_shares_lie_at_the_mean_of_the_corners():
    q, p = Dirichlet(torch.tensor([6.0, 1, 1])), Dirichlet(torch.tensor([1.0, 1, 6]))
    layout = on_triangle(q.sample((5000,)), p.sample((5000,)), NAMES[:3])
    corners = layout.lines[0][:3]
    for places, of in ((layout.codes, q), (layout.prior, p)):
        expected = (of.mean @ corners).tolist()
        assert places.mean(0).tolist() == pytest.approx(expected, abs=0.02)
    assert [name for name, _ in layout.marks] == ["z0", "z1", "z2"]
    assert layout.marks[2][1][1] > layout.marks[0][1][1]


def test_contours_of_a_normal_prior_hold_what_they_say():
    prior = Independent(Normal(torch.tensor([1.0, -2, 0]), torch.tensor([0.5, 3, 1])), 1)
    p = prior.sample((20_000,))
    layout = on_plane(p + 10, p, prior, [1, 0], ("z1", "z0"))
    centre, deviation = torch.tensor([-2.0, 1.0]), torch.tensor([3.0, 0.5])
    distance = ((layout.prior - centre) / deviation).norm(dim=-1)
    for line, held in zip(layout.lines, (0.5, 0.95), strict=True):
        radius = ((line - centre) / deviation).norm(dim=-1)
        assert radius.std() < 1e-5
        assert (distance < radius.mean()).float().mean().item() == pytest.approx(held, abs=0.01)
    assert torch.allclose(layout.codes, layout.prior + 10)
    assert (layout.low < layout.prior.quantile(0.01, 0)).all()
    assert (layout.high > layout.codes.quantile(0.99, 0)).all()
    assert on_plane(p, p, p, [1, 0], ("z1", "z0")).lines == ()


def test_density_of_angles():
    half = torch.rand(20_000) * pi  # the upper half, of density 1/π
    found = densities(torch.stack([half.cos(), half.sin()], -1))
    assert found.sum().item() * 2 * pi / BINS == pytest.approx(1, abs=1e-5)
    assert found[: BINS // 2].max() == 0
    assert found[BINS // 2 :].mean().item() == pytest.approx(1 / pi, abs=0.01)


def sharp_and_wide(kind):
    """Return a space, codes that are nearly all alike and draws of a prior that are spread."""
    if kind == "reals":
        return constraints.real, 0.01 * torch.randn(500, 4), torch.randn(500, 4)
    if kind == "sphere":
        near = torch.nn.functional.normalize(torch.tensor([1.0, 0, 0]) + directions(500) / 50)
        return unit_sphere, near, directions(500)
    wide = Dirichlet(torch.ones(3)).sample((500,))
    return constraints.simplex, torch.tensor([[0.3, 0.3, 0.4]]) + 0.01 * wide, wide


@pytest.mark.parametrize("kind", ["reals", "sphere", "simplex"])
def test_points_are_on_their_side(kind):
    """Points that are alike cover little of their panel, and are not of the prior's colour."""
    support, q, p = sharp_and_wide(kind)
    dims = list(range(q.shape[1]))
    drawn = in_space(q, p, p, support, dims, NAMES[: len(dims)], most=4)
    columns, rows = places(drawn, OF_PRIOR), places(drawn, CLASSES[0])
    assert len(columns) > 4 * len(rows) > 0
    axis = 0 if kind == "sphere" else 1  # one above the other, or side by side
    assert columns[:, axis].float().mean() < rows[:, axis].float().mean()


def test_frequencies_are_on_their_side():
    """A prior that is uniform has one colour; codes of one category have two."""
    q, p = torch.eye(4)[torch.zeros(300, 3, dtype=torch.long)], torch.eye(4)[torch.arange(4)]
    p = p.unsqueeze(1).expand(-1, 3, -1)
    drawn = in_space(q, p, p, constraints.one_hot, [0, 1, 2], NAMES[:3], most=3)
    height, width = drawn.pixels.shape[1:]
    line = drawn.pixels[:, height // 2]
    left, right = (line[:, a:b].T.unique(dim=0) for a, b in ((110, 240), (330, 560)))
    assert len(left) == 1
    assert len(right) >= 2
    assert width == 720


@pytest.mark.parametrize("support", [constraints.boolean, constraints.simplex, unit_sphere])
def test_bars_are_of_the_codes_and_lines_of_the_prior(support):
    """Bits, more than three shares, and angles: codes at one end, the prior at the other."""
    few, many = torch.full((50, 4), 0.1), torch.full((50, 4), 0.9)
    if support is unit_sphere:  # straight down, straight up
        few, many = torch.tensor([[0.0, -1.0]]), torch.tensor([[0.0, 1.0]])
    dims = list(range(few.shape[1]))
    for q, p in ((few, many), (many, few)):
        drawn = in_space(q, p, p, support, dims, NAMES[: len(dims)], most=4)
        of_prior = places(drawn, OF_PRIOR)[:, 0].float()
        of_prior = of_prior[of_prior < drawn.pixels.shape[1] - 80]  # above the legend
        middle = drawn.pixels.shape[1] / 2
        assert (of_prior.min() < middle - 40) == (q is few)


def places(picture, color):
    """Return the rows and columns of the pixels of a colour, or of it on white, ``(N, 2)``."""
    wanted = torch.tensor([int(color[i : i + 2], 16) for i in (1, 3, 5)]).float()
    pixels = picture.pixels.permute(1, 2, 0).float()
    return ((pixels - wanted).abs().amax(-1) < 45).nonzero()
