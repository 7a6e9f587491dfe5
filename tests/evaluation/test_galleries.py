"""Evaluations that draw: in the linear-Gaussian model latents are read off the decoded mean."""

from statistics import NormalDist

import pytest
import torch

from tests.compose import settings_of
from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.build import build_model
from vae.data import DataSpec
from vae.evaluation import Gallery, Interpolations, NotApplicable, Picture, Traversals, measure
from vae.evaluation.sections import gallery, interpolations, traversals

GOLD = LinearGaussian()


@pytest.fixture
def subject():
    x = GOLD.marginal.sample((60,)).float()
    return subject_of(GOLD.factorised().float(), x, max_rows=7)


def one_hot_subject():
    spec = DataSpec("binary", (1, 8, 8), "boolean", 2)
    small = ["model=mlp", "model.encoder.hidden=[16]", "model.latent_dim=4"]
    model = build_model(settings_of(*small, "posterior=categorical"), spec)
    return subject_of(model, torch.rand(30, 1, 8, 8).round(), support="boolean")


@pytest.fixture
def drawn(monkeypatch):
    """What the evaluations hand to `picture_of`, in order, with the labels."""
    kept = []

    def keep(rows, labels, span, moving=False):
        kept.append((rows, labels))
        return Picture(torch.zeros(len(rows) if moving else 1, 3, 2, 2, dtype=torch.uint8))

    for module in (gallery, interpolations, traversals):
        monkeypatch.setattr(module, "picture_of", keep)
    return kept


def latents_of(x):
    return (x.double() - GOLD.b) @ torch.linalg.pinv(GOLD.w).T


def test_a_traversal_moves_one_variable_over_the_priors_quantiles(subject, drawn):
    section = Traversals(max_dims=2, starts=2, steps=5, tail=0.1, frames=4)(subject)
    assert list(section.pictures) == ["traversals", "traversals 2", "traversals moving"]
    expected = torch.tensor([NormalDist().inv_cdf(p) for p in (0.1, 0.3, 0.5, 0.7, 0.9)])
    centre = subject.model.embed(subject.examples(2)["x"]).double()
    dims = [int(label.split()[0][1:]) for label in drawn[0][1]]
    for start in (0, 1):
        rows, labels = drawn[start]
        assert rows.shape == (2, 5, 6)
        assert labels == drawn[0][1]
        z = latents_of(rows)
        for row, dim in enumerate(dims):
            others = [d for d in range(3) if d != dim]
            assert torch.allclose(z[row, :, dim], expected.double(), atol=1e-4)
            assert torch.allclose(z[row][:, others], centre[start][others].expand(5, 2), atol=1e-4)
    frames = drawn[2][0]
    assert frames.shape == (4, 2, 2, 6)  # frames, variables, starts
    assert torch.allclose(frames[0, :, 1], drawn[1][0][:, 0], atol=1e-4)
    assert torch.allclose(frames[-1, 1], torch.stack([d[0][1, -1] for d in drawn[:2]]), atol=1e-4)
    assert len(section.pictures["traversals moving"].pixels) == 2 * 4 - 2


def test_over_the_posterior_it_goes_where_the_examples_are(drawn):
    far = GOLD.marginal.sample((60,)) + 100 * GOLD.w[:, 0]  # from where the prior is
    subject = subject_of(GOLD.factorised().float(), far.float())
    Traversals(starts=1, steps=3, within="posterior", movie="none")(subject)
    rows, labels = drawn[0]
    row = [label.startswith("z0\n") for label in labels].index(True)
    z = latents_of(rows)[row, :, 0]
    centres = subject.model.embed(far.float())[:, 0].double()
    assert 30 < centres.min() - 1 < z[0] < z[1] < z[2] < centres.max() + 1
    assert z[1] == pytest.approx(centres.median().item(), abs=0.2)


def test_one_hot_variables_run_through_their_categories(drawn):
    subject = one_hot_subject()
    categories = subject.model.embed(subject.examples(1)["x"]).shape[-1]
    section = Traversals(starts=1, steps=99, movie="none")(subject)
    assert section.protocol["values"] == "one category after another"
    assert drawn[0][0].shape == (4, categories, 1, 8, 8)


def test_pairs_are_joined_by_both_paths_below_each_other(subject, drawn):
    section = Interpolations(pairs=3, steps=5, frames=4, rounds=2, stops=3)(subject)
    rows, labels = drawn[0]
    assert rows.shape == (6, 5, 6)
    assert labels == ["linear", "spherical"] * 3
    ends = subject.model.reconstruct(subject.examples(6)["x"])
    for way in (0, 1):
        assert torch.allclose(rows[way::2, 0], ends[:3], atol=1e-4)
        assert torch.allclose(rows[way::2, -1], ends[3:], atol=1e-4)
    z = latents_of(rows)
    assert torch.allclose(z[::2, 2], (z[::2, 0] + z[::2, -1]) / 2, atol=1e-4)
    lengths = z.norm(dim=-1)[1::2]
    assert torch.allclose(lengths[:, 2], (lengths[:, 0] + lengths[:, -1]) / 2, atol=1e-4)
    frames, labels = drawn[1]
    assert frames.shape == (12, 2, 2, 6)  # frames, paths, rounds
    assert labels == ["linear", "spherical"]
    for way in (0, 1):  # each round passes three examples and returns
        assert torch.allclose(frames[::4, way].movedim(0, 1).flatten(0, 1), ends, atol=1e-4)
    z = latents_of(frames[:, 0])
    strides = torch.cat([z, z[:1]]).diff(dim=0).unflatten(0, (3, 4))
    assert torch.allclose(strides, strides[:, :1].expand_as(strides), atol=1e-4)
    assert len(section.pictures["interpolations moving"].pixels) == 12


def test_spherical_paths_are_for_isotropic_normal_priors(drawn):
    subject = one_hot_subject()
    report = measure(
        subject, {"both": Interpolations(steps=4), "sphere": Interpolations(path="spherical")}
    )
    assert report.sections["both"].protocol == {"path": ["switching"]}
    assert report.left_out == {"sphere": interpolations.NO_SPHERE}
    small = ["model=mlp", "model.encoder.hidden=[8]", "model.latent_dim=4"]
    spec = DataSpec("vectors", (6,), "real")
    vamp = build_model(
        settings_of(*small, "likelihood=normal_learned", "prior=vamp", "prior.num_components=3"),
        spec,
    )
    other = subject_of(vamp, torch.randn(20, 6))
    assert Interpolations(movie="none")(other).protocol == {"path": ["linear"]}


def test_one_example_has_no_way_to_another():
    subject = subject_of(GOLD.factorised().float(), GOLD.marginal.sample((1,)).float())
    with pytest.raises(NotApplicable, match="needs two examples"):
        Interpolations()(subject)


def test_few_examples_give_few_rows(drawn):
    subject = subject_of(GOLD.factorised().float(), GOLD.marginal.sample((3,)).float())
    Interpolations(path="linear")(subject)
    assert [len(drawn[0][0]), drawn[1][0].shape[2]] == [1, 1]


def test_samples_of_each_temperature_come_from_one_noise_and_stand_below_the_data(subject, drawn):
    Gallery(columns=4, temperatures=(0.5, 1.0))(subject)
    rows, labels = drawn[1]
    assert rows.shape == (3, 4, 6)
    assert labels == ["data", "T = 0.5", "T = 1"]
    assert torch.equal(rows[0], subject.examples(4)["x"])
    z = latents_of(rows)
    assert torch.allclose(z[1], 0.5 * z[2], atol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Traversals(max_dims=101), r"max_dims must be from 1 to 100; got 101"),
        (lambda: Traversals(tail=0.5), r"tail must be from 1e-06 to 0\.49; got 0\.5"),
        (lambda: Traversals(within="both"), r"within must be one of prior, posterior"),
        (lambda: Traversals(movie="avi"), r"movie must be one of gif, mp4, none"),
        (lambda: Interpolations(path="curved"), r"path must be one of linear, spherical, both"),
        (lambda: Interpolations(stops=1), r"stops must be from 2 to 20; got 1"),
        (lambda: Gallery(temperatures=[]), r"temperatures must be numbers above 0; got \[\]"),
        (lambda: Gallery(temperatures=[0.7, 0]), r"temperatures must be numbers above 0"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_gallery_of_fewer_examples_than_columns_has_shorter_rows():
    gold = LinearGaussian()
    subject = subject_of(gold.factorised().float(), gold.marginal.sample((3,)).float())
    assert set(Gallery(columns=5)(subject).pictures) == {"reconstructions", "samples"}
