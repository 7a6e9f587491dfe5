"""Both evaluations on models that copy, blur or spoil real pictures."""

import json

import pytest
import torch
from torch.nn import functional as F

from tests.evaluation.quality.models import Copier, squares
from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.evaluation import ReconstructionQuality, SampleQuality, measure
from vae.evaluation.quality import samples as samples_module

QUICK = {"num_pictures": 200, "subset_size": 40, "training_steps": 40}


def blurred(x):
    return F.avg_pool2d(x, 5, 1, 2)


def noisy(x):
    generator = torch.Generator().manual_seed(0)
    return x + 0.5 * torch.randn(x.shape, generator=generator)


def pictured(spoil=lambda x: x, *, labelled=True, side=24, channels=1, **settings):
    x, labels = squares(400, side=side, channels=channels)
    labels = labels if labelled else None
    settings = {"support": "unit_interval", **settings}
    return subject_of(Copier(x, spoil), x, labels=labels, **settings)


def values(section):
    return {key: figure.value for key, figure in section.figures.items()}


def check_valid(section):
    """Check that figures are finite or None, and that they are JSON as it is defined."""
    json.dumps(section.as_dict(), allow_nan=False)


def test_perfect_reconstructions():
    section = ReconstructionQuality(300)(pictured())
    assert values(section) == pytest.approx({"psnr": 100, "ssim": 1, "ms_ssim": 1})
    assert section.protocol["num_pictures"] == 300
    assert section.protocol["ms_ssim_scales"] == "2 of 5"
    assert any("LPIPS is left out" in note for note in section.notes)
    check_valid(section)


def test_worse_reconstructions_are_worse_by_every_measure():
    found = [values(ReconstructionQuality()(pictured(f))) for f in (blurred, noisy)]
    for key in ("psnr", "ssim", "ms_ssim"):
        assert found[0][key] > found[1][key]


def test_errors_are_over_pictures():
    def offset(x):
        return (x + torch.linspace(-0.4, 0.4, 400)[: len(x), None, None, None]).clamp(0, 1)

    subject = pictured(offset)
    figure = ReconstructionQuality(100)(subject).figures["psnr"]
    x = subject.examples(100)["x"]
    each = -10 * (offset(x) - x).square().mean((1, 2, 3)).log10()
    assert figure.value == pytest.approx(each.mean().item(), rel=1e-5)
    assert figure.error == pytest.approx(each.std().item() / 10, rel=1e-4)


def test_small_pictures_leave_out_what_does_not_fit():
    section = ReconstructionQuality()(pictured(side=8))
    assert list(section.figures) == ["psnr"]
    assert len(section.notes) == 3
    assert list(ReconstructionQuality()(pictured(side=12)).figures) == ["psnr", "ssim"]


def test_reals_are_seen_in_their_own_range():
    """The same pictures, offset and scaled, have the same figures."""
    x = squares(400)[0]
    ours = subject_of(Copier(x, blurred), x)
    other = subject_of(Copier(x * 6 - 3, lambda z: blurred((z + 3) / 6) * 6 - 3), x * 6 - 3)
    expected = values(ReconstructionQuality()(ours))
    section = ReconstructionQuality()(other)
    assert values(section) == pytest.approx(expected, rel=1e-4)
    assert section.protocol["value_range"] == [-3, 3]


def test_a_model_that_copies_is_perfect():
    section = SampleQuality(**QUICK)(pictured())
    found = values(section)
    assert "fid" not in found
    assert found["reconstruction_frechet_distance"] == pytest.approx(0, abs=1e-3)
    assert found["reconstruction_precision"] == found["reconstruction_recall"] == 1
    kernel = section.figures["reconstruction_kernel_distance"]
    assert abs(kernel.value) < 4 * kernel.error
    assert found["precision"] > 0.9
    assert found["frechet_distance"] < 5 * found["training_frechet_distance"] + 1
    assert "not FID" in section.figures["frechet_distance"].name
    assert section.protocol["training_steps"] == 40
    check_valid(section)


@pytest.mark.parametrize("labelled", [True, False])
def test_noise_is_farther_than_blur_and_blur_farther_than_the_same(labelled):
    evaluation = SampleQuality(**QUICK)
    same, soft, rough = (
        values(evaluation(pictured(f, labelled=labelled))) for f in (lambda x: x, blurred, noisy)
    )
    for key in ("frechet_distance", "kernel_distance"):
        for prefix in ("", "reconstruction_"):
            key_ = prefix + key
            assert same[key_] < soft[key_] < rough[key_]
    assert same["precision"] > 0.9 > rough["precision"]


def test_a_model_that_makes_one_kind_only_has_precision_without_recall():
    x, labels = squares(400)
    model = Copier(x[labels == 0])
    subject = subject_of(model, x, labels=labels, support="unit_interval")
    found = values(SampleQuality(**QUICK)(subject))
    assert found["precision"] > 0.9
    assert found["recall"] < 0.5


@pytest.mark.parametrize("labelled", [True, False])
def test_figures_are_a_function_of_the_seed(labelled):
    evaluation = SampleQuality(**QUICK)
    state = torch.get_rng_state()
    first = evaluation(pictured(noisy, labelled=labelled)).as_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert evaluation(pictured(noisy, labelled=labelled)).as_dict() == first
    other = evaluation(pictured(noisy, labelled=labelled, seed=1)).as_dict()
    assert other["figures"]["frechet_distance"] != first["figures"]["frechet_distance"]


def test_factors_alone_are_told_too():
    x, quarter = squares(400)
    factors = torch.stack([quarter // 2, quarter % 2], 1)
    subject = subject_of(Copier(x), x, factors=factors, support="unit_interval")
    section = SampleQuality(**QUICK)(subject)
    assert "labels and factors" in section.protocol["feature_net"]


@pytest.mark.parametrize("evaluation", [ReconstructionQuality(100), SampleQuality(**QUICK)])
def test_a_model_that_has_diverged_has_no_figures(evaluation):
    section = evaluation(pictured(lambda x: x * float("nan")))
    assert values(section)["psnr" if "psnr" in section.figures else "frechet_distance"] is None
    check_valid(section)


def test_the_training_split_is_not_compared_with_itself():
    section = SampleQuality(**QUICK)(pictured(split="train"))
    assert not [key for key in section.figures if key.startswith("training_")]


def test_without_the_package_precision_and_recall_are_left_out(monkeypatch):
    monkeypatch.setattr(samples_module, "has_fidelity", lambda: False)
    section = SampleQuality(**QUICK)(pictured())
    assert "precision" not in section.figures
    assert any("torch-fidelity" in note for note in section.notes)


def test_only_pictures_have_a_quality():
    gold = LinearGaussian()
    subject = subject_of(gold.factorised().float(), gold.marginal.sample((40,)).float())
    report = measure(subject, {"r": ReconstructionQuality(), "s": SampleQuality()})
    assert not report.sections
    assert all("pictures only" in reason for reason in report.left_out.values())


def test_a_handful_of_pictures_makes_no_set():
    subject = pictured(max_examples=5)
    assert "got 5" in measure(subject, {"s": SampleQuality()}).left_out["s"]
    assert "psnr" in ReconstructionQuality()(subject).figures


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: ReconstructionQuality(0), "num_pictures"),
        (lambda: SampleQuality(9), "num_pictures"),
        (lambda: SampleQuality(neighbours=0), "neighbours"),
        (lambda: SampleQuality(subset_size=1), "subset_size"),
        (lambda: SampleQuality(training_steps=0), "training_steps"),
    ],
)
def test_settings_out_of_range(make, name):
    with pytest.raises(ValueError, match=name):
        make()
