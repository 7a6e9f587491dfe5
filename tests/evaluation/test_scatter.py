"""The latents in two dimensions, and for TensorBoard's projector."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from tests.steps import BINARY, MLP, composed, examples
from tests.test_build import POSTERIORS, SPECS
from vae.build import build_model
from vae.evaluation import NotApplicable, Scatter, measure
from vae.evaluation.drawing.thumbnails import thumbnails
from vae.reports.events import add_embedding


def section_of(subject, **settings):
    return measure(subject, {"scatter": Scatter(**settings)}).sections["scatter"]


def vectors(count=30, **columns):
    gold = LinearGaussian()
    return subject_of(gold.factorised().float(), gold.marginal.sample((count,)), **columns)


def pictures(count=30, spec=BINARY, **columns):
    model = build_model(composed(*MLP, "likelihood=normal"), spec)
    return subject_of(model, examples(spec, count), support=spec.support, **columns)


def test_each_of_the_first_factors_colours_a_picture():
    factors = torch.stack([torch.arange(30) % n for n in (2, 3, 5)], 1)
    section = section_of(vectors(factors=factors, labels=factors[:, 0]), num_factors=2)
    titles = [f"PCA of the latents by factor{i}" for i in (0, 1)]
    assert list(section.pictures) == titles
    columns = section.embeddings["latents"].columns
    assert columns == {f"factor{i}": factors[:, i].tolist() for i in range(3)}


def test_a_factor_of_few_values_has_a_legend_and_one_of_many_a_scale():
    """Sprites' shape is a class, whose values a continuous bar would put in between."""
    factors = torch.stack([torch.arange(30) % 3 * 4, torch.arange(30) % 11], 1)
    shape, angle = section_of(vectors(factors=factors)).pictures.values()
    assert [name for name, _ in shape.legend] == ["0", "4", "8"]
    assert angle.legend == ()
    assert "factor0" not in shape.svg
    assert "factor1" in angle.svg


def test_labels_colour_one_picture_and_no_labels_none():
    labels = torch.arange(30) % 3
    assert list(section_of(vectors(labels=labels)).pictures) == ["PCA of the latents by label"]
    assert list(section_of(vectors()).pictures) == ["PCA of the latents"]


def test_classes_are_called_by_their_names(tmp_path):
    names = ("cat", "$x_1$", "猫 " + "x" * 40)  # a formula, and what no font has or holds
    section = section_of(vectors(labels=torch.arange(30) % 3, class_names=names))
    assert section.embeddings["latents"].columns["label"] == [*names] * 10
    with SummaryWriter(tmp_path) as writer:
        add_embedding(writer, "latents", section.embeddings["latents"], 0)
    (table,) = tmp_path.rglob("metadata.tsv")
    assert table.read_text(encoding="utf-8").splitlines() == [*names] * 10


def test_the_centres_are_embedded_and_their_variance_explained():
    subject = vectors(40)
    section = section_of(subject, num_examples=20)
    z = subject.model.embed(subject.examples(20)["x"])
    embedding = section.embeddings["latents"]
    assert torch.allclose(embedding.points, z, atol=1e-6)
    assert embedding.thumbnails is None
    variances = torch.linalg.eigvalsh(z.double().T.cov()).flip(0)
    expected = (variances / variances.sum())[:2].tolist()
    figures = [section.figures[f"explained_{i}"].value for i in (1, 2)]
    assert figures == pytest.approx(expected, rel=1e-4)
    assert section.protocol["num_examples"] == 20


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_posterior(posterior):
    settings = composed(*MLP, f"posterior={posterior}")
    subject = subject_of(build_model(settings, BINARY), examples(BINARY, 9), support="boolean")
    points = section_of(subject).embeddings["latents"].points
    assert points.shape[0] == 9
    assert points.dim() == 2


@pytest.mark.parametrize("name", SPECS)
def test_thumbnails_of_pictures_alone(name):
    spec = SPECS[name]
    found = section_of(pictures(9, spec)).embeddings["latents"].thumbnails
    if len(spec.shape) == 3:
        side = max(spec.shape[1:])
        assert found.shape == (9, 3, side, side)
    else:
        assert found is None


def test_a_thumbnail_is_the_picture_in_the_middle_of_a_square():
    x = torch.rand(2, 3, 7, 9)
    found = thumbnails(x, 2)
    assert found.shape == (2, 3, 9, 9)
    assert torch.equal(found[:, :, 1:8], x)
    assert (found[:, :, [0, 8]] == 0).all()
    assert torch.equal(thumbnails(x[:, :1], 2)[:, 2], found[:, 0])


@pytest.mark.parametrize(("total", "side"), [(9, 64), (128**2, 64), (128**2 + 1, 63), (10**6, 8)])
def test_a_sheet_of_thumbnails_stays_within_its_limit(total, side):
    x = torch.ones(1, 1, 100, 200)
    found = thumbnails(x, total)
    assert found.shape == (1, 3, side, side)
    assert found[0, 0, side // 2].min() > 0.999
    assert found.mean().item() == pytest.approx(0.5, abs=0.1)


def test_tensorboard_takes_the_embedding(tmp_path):
    """Points, a row of columns for each, and the thumbnails in order on one sheet."""
    tall = SPECS["colour"]
    factors = torch.stack([torch.arange(10) % 2, torch.arange(10) % 5], 1)
    embedding = section_of(pictures(10, tall, factors=factors)).embeddings["latents"]
    with SummaryWriter(tmp_path) as writer:
        writer.add_embedding(
            embedding.points,
            metadata=[list(row) for row in zip(*embedding.columns.values(), strict=True)],
            metadata_header=list(embedding.columns),
            label_img=embedding.thumbnails,
            tag="latents",
        )
    folder = tmp_path / "00000" / "latents"
    written = np.loadtxt(folder / "tensors.tsv")
    assert np.allclose(written, embedding.points.numpy(), atol=1e-5)
    rows = (folder / "metadata.tsv").read_text().splitlines()
    assert rows[:3] == ["factor0\tfactor1", "0\t0", "1\t1"]
    sheet = np.asarray(Image.open(folder / "sprite.png"))
    assert sheet.shape == (4 * 9, 4 * 9, 3)
    fifth = embedding.thumbnails[5].permute(1, 2, 0).numpy() * 255
    assert np.abs(sheet[9:18, 9:18] - fifth).max() <= 1


def test_too_few_examples_or_a_diverged_model_are_named():
    with pytest.raises(NotApplicable, match="needs 8 examples or more"):
        Scatter()(vectors(7))
    subject = vectors(9)
    subject.model.encoder.net.bias.data[0] = float("nan")
    with pytest.raises(NotApplicable, match="not finite"):
        Scatter()(subject)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"method": "isomap"}, "method must be one of pca, tsne, umap; got 'isomap'"),
        ({"num_examples": 7}, "num_examples must be from 8 to 20,000; got 7"),
        ({"num_examples": 20_001}, "num_examples must be from 8 to 20,000; got 20,001"),
        ({"num_factors": 0}, "num_factors must be at least 1; got 0"),
    ],
)
def test_wrong_settings(setting, message):
    with pytest.raises(ValueError, match=message):
        Scatter(**setting)
