"""What every evaluation draws keeps the contract of `Picture`, for pictures, signals, vectors."""

import re
from xml.etree import ElementTree

import pytest
import torch

from tests.evaluation.subjects import subject_of
from tests.steps import MLP, composed
from vae.build import build_model
from vae.data import DataSpec
from vae.evaluation import (
    Anomaly,
    ByLabel,
    Disentanglement,
    Gallery,
    Imputation,
    Interpolations,
    LatentSpace,
    Neighbours,
    Picture,
    PosteriorDraws,
    RateDistortion,
    Scatter,
    Traversals,
    measure,
)
from vae.evaluation.drawing.palette import MOST_CLASSES, class_colors, class_legend
from vae.evaluation.drawing.plots import OPACITY, histograms, points
from vae.evaluation.drawing.render import GROUND, picture_of
from vae.reports.shown import shown_picture

HOSTILE = ("<script>alert(1)</script>\x1b[31m\x00", "</svg><a href='http://a.b'>$x$", "x" * 300)
SHAPES = {"pictures": (1, 8, 8), "signals": (2, 20), "vectors": (5,)}
LINKS = ("#", "data:image/png;base64,")


def report_of(shape):
    spec = DataSpec("held", shape, "real")
    model = build_model(composed(*MLP, "likelihood=normal"), spec)
    x, y = torch.rand(60, *shape), torch.arange(60) % 3
    held = {"labels": y, "class_names": HOSTILE}
    factors = torch.stack([y, torch.arange(60) % 2], 1)
    drawing = {
        "anomaly": Anomaly(subject_of(model, x).data, num_examples=4, num_samples=1),
        "by_label": ByLabel(2),
        "gallery": Gallery(2),
        "imputation": Imputation(num_examples=2, chains=1, burn_in=1, steps=1),
        "interpolations": Interpolations(pairs=1, steps=2, frames=2, rounds=1),
        "latent_space": LatentSpace(num_shown=2),
        "neighbours": Neighbours(num_samples=2),
        "posterior_draws": PosteriorDraws(2, 2),
        "rate": RateDistortion(num_examples=2, num_chains=2, num_temperatures=3, num_steps=1),
        "scatter": Scatter(),
        "traversals": Traversals(max_dims=2, starts=1, steps=2, frames=2),
    }
    sections = dict(measure(subject_of(model, x, **held), drawing).sections)
    quick = Disentanglement(num_points=100, rounds=1, num_train=100, num_eval=10)
    other = {"scatter": Scatter()} | ({"disentanglement": quick} if len(shape) == 1 else {})
    judged = measure(subject_of(model, x, factors=factors), other)
    sections |= {f"{name} of factors": part for name, part in judged.sections.items()}
    assert len(sections) == len(drawing) + len(other)
    return sections


@pytest.mark.parametrize("kind", SHAPES)
def test_every_picture_of_a_report(kind):
    """Row labels and legends are text beside the pixels, and plots are safe, sharp SVG."""
    for name, section in report_of(SHAPES[kind]).items():
        assert section.pictures, name
        for title, picture in section.pictures.items():
            check(picture, plotted=kind != "pictures" or not picture.rows, where=(name, title))


def check(picture, plotted, where):
    assert isinstance(picture, Picture), where
    assert picture.pixels.dtype == torch.uint8, where
    assert picture.pixels.shape[-2] % max(1, len(picture.rows)) == 0, where
    assert len({color for _, color in picture.legend}) == len(picture.legend), where
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for _, color in picture.legend), where
    assert (picture.svg is not None) == (plotted and picture.pixels.dim() == 3), where
    if picture.svg is not None:
        check_svg(picture.svg, {*picture.rows, *dict(picture.legend)}, where)


def check_svg(svg, beside, where):
    root = ElementTree.fromstring(svg)
    tags = {element.tag.partition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "g", "defs", "clipPath", "path", "rect", "use", "text", "image"}, where
    values = [(k.rpartition("}")[2], v) for e in root.iter() for k, v in e.attrib.items()]
    ids = {value for key, value in values if key == "id"}
    for key, value in values:
        assert not key.startswith("on"), where
        assert key != "href" or value.startswith(LINKS), where
        assert set(re.findall(r"url\((.*?)\)", value)) <= {f"#{name}" for name in ids}, where
    drawn = {"".join(e.itertext()) for e in root.iter() if e.tag.endswith("text")}
    assert not drawn & {text for text in beside if not text.isdigit()}, where
    assert "currentColor" in svg, where
    assert float(root.attrib["width"]) <= 360, where
    sizes = [float(found) for found in re.findall(r"font-size: ([\d.]+)px", svg)]
    assert min(sizes, default=12) >= 11, where


@pytest.mark.parametrize("count", [2, 8, 10, MOST_CLASSES, MOST_CLASSES + 1])
def test_classes_have_colours_of_their_own_and_a_legend_while_they_can(count):
    legend = class_legend(list(range(count)))
    assert len(legend) == (count if count <= MOST_CLASSES else 0)
    assert len(set(class_colors(count))) == min(count, MOST_CLASSES)
    colors = [float(i % count) for i in range(2 * count)]
    labels = {"xlabel": "x", "ylabel": "y", "names": range(count)}
    drawn = points(torch.rand(2 * count, 2), colors, **labels)
    assert drawn.legend == legend
    assert bool(drawn.note) == (count > MOST_CLASSES)


def lab(color):
    """Return sRGB values in [0, 1] as CIELAB under D65."""
    linear = torch.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    rows = [(0.4125, 0.3576, 0.1804), (0.2127, 0.7152, 0.0722), (0.0193, 0.1192, 0.9503)]
    xyz = torch.tensor(rows) @ linear / torch.tensor([0.9505, 1, 1.089])
    x, y, z = torch.where(xyz > 0.008856, xyz ** (1 / 3), 7.787 * xyz + 16 / 116)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("ground", ["#ffffff", "#14181e"])
def test_points_of_ten_classes_are_told_apart_on_light_and_dark(ground):
    """As they are drawn, with the ground shining through; a just visible difference is 2.3."""
    colors = [
        torch.tensor([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        for color in (*class_colors(10), ground)
    ]
    seen = torch.stack([lab(OPACITY * c + (1 - OPACITY) * colors[-1]) for c in colors])
    assert torch.pdist(seen).min() > 20


def test_one_outlier_does_not_squeeze_a_histogram():
    """The outermost bars take it, and the plot says so."""
    values = torch.linspace(10_000, 14_000, 1000)
    plain = histograms({"a": values[5:-5]}, xlabel="x")
    drawn = histograms({"a": torch.cat([values, torch.tensor([9e9])])}, xlabel="x")
    ticks = [list(re.findall(r">(\d{5})</text>", p.svg)) for p in (plain, drawn)]
    assert ticks[0] == ticks[1]
    assert len(ticks[1]) <= 5
    assert "half a percent" in drawn.note
    alike = histograms({"a": torch.ones(20)}, xlabel="x")
    assert alike.note == ""


def test_an_ordered_value_has_a_scale_and_no_legend():
    named = "a <&> $1$ \x1b[31m\x00\udc80"  # a file's words, with what XML has no place for
    drawn = points(torch.rand(9, 2), list(range(9)), xlabel="x", ylabel="y", named=named)
    assert drawn.legend == ()
    assert "a &lt;&amp;&gt; $1$ �[31m��" in drawn.svg


def test_plots_are_the_same_each_time_and_share_no_name_on_a_page():
    def drawn(seed):
        xy = torch.rand(9, 2, generator=torch.Generator().manual_seed(seed))
        return points(xy, None, xlabel="x", ylabel="y").svg

    one, again, other = drawn(0), drawn(0), drawn(1)
    assert one == again
    ids = [set(re.findall(r'\bid="(.*?)"', svg)) for svg in (one, other)]
    assert all(ids)
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("shape", [(3, 8, 8), (40,), (3,)])
def test_rows_of_one_height_hold_their_own_examples(shape):
    rows = torch.rand(3, 7, *shape)
    low, high = (torch.zeros(1, 7, *shape), torch.ones(1, 7, *shape))
    rows[0, 0], rows[0, 1] = 0, 1  # the scales stay
    full = picture_of(rows, "abc").pixels
    ends = full.shape[1] // 3
    for i in (1, 2):
        changed = rows.clone()
        changed[i] = low[0] if i == 1 else high[0]
        different = (picture_of(changed, "abc").pixels != full).any(0).any(1).nonzero().flatten()
        assert i * ends <= different.min() <= different.max() < (i + 1) * ends


def test_gaps_are_neutral_and_moving_curves_suit_a_light_and_a_dark_page():
    grid = picture_of(torch.rand(1, 2, 1, 8, 8)).pixels
    assert (grid[:, 0] == GROUND).all()
    assert 96 < GROUND < 160
    movie = picture_of(torch.rand(2, 1, 2, 5), moving=True).pixels
    assert 200 < movie.float().median() < 230
    assert shown_picture("a film", picture_of(torch.rand(2, 1, 2, 5), moving=True))["width"] == 360


@pytest.mark.parametrize("shape", [(3,), (2, 3000)])
def test_what_is_long_or_not_finite_is_drawn_too(shape):
    rows = torch.rand(4, 9, *shape)
    rows[0, 0], rows[1, 0], rows[2, 0] = float("nan"), float("inf"), -1e38
    drawn = picture_of(rows)
    assert len(drawn.svg) < 1_000_000
    assert drawn.pixels.shape[1] % 4 == 0
