"""Nets with weights from files: made here at random, since the published ones are not at hand."""

import json
import pickle
import socket

import pytest
import torch
import torchvision

from tests.evaluation.quality.test_evaluations import QUICK, blurred, noisy, pictured, values
from vae.evaluation import ReconstructionQuality, SampleQuality, measure
from vae.evaluation.quality.perceptual import LPIPS
from vae.evaluation.quality.weights import load_weights


class Harmful:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return print, ("harm",)


def alexnet():
    return torchvision.models.alexnet(weights=None).state_dict()


def test_weights_are_data_and_never_code(tmp_path, capsys):
    path = tmp_path / "weights.pth"
    torch.save({"a": Harmful()}, path)
    for evaluation in (ReconstructionQuality(lpips=str(path)), SampleQuality(inception=str(path))):
        with pytest.raises(ValueError, match=r"no weights from .*weights\.pth"):
            evaluation(pictured())
    assert "harm" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"no weights", pickle.dumps([1, 2], protocol=2)])
def test_files_that_are_no_weights(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no weights from"):
        load_weights(str(path), None)


def test_what_is_missing_or_of_another_net_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no weights from .*absent\.pth"):
        load_weights(str(tmp_path / "absent.pth"), None)
    torch.save(torch.zeros(3), tmp_path / "tensor.pth")
    with pytest.raises(ValueError, match="holds no state dict but a Tensor"):
        load_weights(str(tmp_path / "tensor.pth"), None)
    torch.save({"fc.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="AlexNet or VGG-16"):
        ReconstructionQuality(lpips=str(tmp_path / "other.pth"))(pictured())
    pytest.importorskip("torch_fidelity")
    with pytest.raises(ValueError, match="Inception"):
        SampleQuality(**QUICK, inception=str(tmp_path / "other.pth"))(pictured())


def test_nothing_is_fetched_unasked(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    ReconstructionQuality(100)(pictured())
    SampleQuality(**QUICK)(pictured())


def test_a_download_that_fails_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: (_ for _ in ()).throw(OSError("no")))
    report = measure(pictured(), {"r": ReconstructionQuality(100, download=True)})
    assert report.left_out["r"].startswith("no weights from https://download")
    assert socket.getdefaulttimeout() is None


def test_a_download_is_asked_for_tensors_only(monkeypatch):
    asked = {}

    def fetch(url, **settings):
        asked.update(settings, url=url, timeout=socket.getdefaulttimeout())
        return {}

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fetch)
    assert load_weights(None, "https://example.org/a.pth") == {}
    assert asked["weights_only"] is True
    assert asked["timeout"] == 10


@pytest.mark.slow
def test_lpips_of_a_file(tmp_path):
    path = tmp_path / "alexnet.pth"
    torch.save(alexnet(), path)
    same, soft, rough = (
        ReconstructionQuality(50, lpips=str(path))(pictured(f, channels=3)).figures["lpips"]
        for f in (lambda x: x, blurred, noisy)
    )
    assert same.value == pytest.approx(0, abs=1e-6)
    assert same.value < soft.value < rough.value
    assert soft.error > 0


@pytest.mark.slow
def test_lpips_is_that_of_the_library(monkeypatch):
    """The library's own class, whose backbone comes from its cache: here, from us."""
    from torchmetrics.functional.image.lpips import learned_perceptual_image_patch_similarity

    torch.manual_seed(0)
    backbone = torchvision.models.alexnet(weights=None)
    monkeypatch.setattr(torchvision.models, "alexnet", lambda weights: backbone)
    x, y = torch.rand(2, 4, 3, 64, 64)
    expected = learned_perceptual_image_patch_similarity(
        x, y, net_type="alex", reduction="none", normalize=True
    )
    weights = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    monkeypatch.undo()
    assert torch.allclose(LPIPS(weights)(x, y), expected, rtol=1e-5)


@pytest.mark.slow
def test_lpips_of_vgg_and_small_grey_pictures():
    weights = torchvision.models.vgg16(weights=None).state_dict()
    net = LPIPS(weights)
    x, y = torch.rand(2, 2, 1, 28, 28)
    assert net.backbone == "vgg"
    assert (net(x, y) > net(x, x)).all()
    del weights["features.28.weight"]
    with pytest.raises(ValueError, match=r"lack features\.28\.weight"):
        LPIPS(weights)


@pytest.mark.slow
def test_inception_of_a_file(tmp_path, monkeypatch):
    fidelity = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    # A net without weights of its own, by which the file gets its names and shapes.
    monkeypatch.setattr(fidelity.FeatureExtractorInceptionV3, "load_state_dict", lambda *a: None)
    monkeypatch.setattr(fidelity, "load_state_dict_from_url", lambda *a, **k: None)
    weights = fidelity.FeatureExtractorInceptionV3("inception", ["2048"]).state_dict()
    monkeypatch.undo()
    path = tmp_path / "inception.pth"
    torch.save(weights, path)
    evaluation = SampleQuality(12, subset_size=6, inception=str(path))
    section = evaluation(pictured(side=16, split="train"))  # nothing beside it: faster
    found = values(section)
    assert {"fid", "kid", "precision", "recall"} <= set(found)
    assert "frechet_distance" not in found
    scale = found["fid"]
    assert scale > 0
    assert abs(found["reconstruction_fid"]) < 1e-3 * scale + 1e-6
    assert section.protocol["features"] == 2048
    json.dumps(section.as_dict(), allow_nan=False)
