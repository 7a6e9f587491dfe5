"""The contestants of the throughput benchmark do the work that they are compared by."""

import dataclasses

import pytest
import torch

pytest.importorskip("greenlet")

from benchmarks.throughput import floor, nets, plain, report, workloads
from benchmarks.throughput.contest import enter, hold
from benchmarks.throughput.workloads import WORKLOADS, Case, write_pictures
from vae.build import build_objective
from vae.cli.environment import prepare_process

SMALL = dataclasses.replace(
    WORKLOADS["mlp 784-400-20"],
    overrides=["model=mlp", "model.encoder.hidden=[32]", "data.binarization=dynamic"],
    pictures=600,
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(SMALL, tmp_path_factory.mktemp("data") / "pictures.npy")


@pytest.fixture
def small(monkeypatch):
    prepare_process(2)  # which silences what Lightning warns of
    monkeypatch.setitem(WORKLOADS, "small", SMALL)


def test_figures_have_the_stated_structure(small, pictures, tmp_path):
    names = ["floor", "plain", "ours"]
    result = hold(names, "small", pictures, rounds=2, steps=20)
    assert list(result["images_per_second"]) == names
    assert set(result["ratios"]) == {"ours"}
    ratios = result["ratios"]["ours"]["floor"]
    ours, bare = (result["images_per_second"][name]["rounds"] for name in ("ours", "floor"))
    assert ratios["rounds"] == [a / b for a, b in zip(ours, bare, strict=True)]
    assert ratios["range"][0] <= ratios["median"] <= ratios["range"][1]
    assert result["save_seconds"] > 0
    report.plot({"workloads": {"small": result}}, tmp_path / "plot.png")
    report.write({"workloads": {"small": result}}, tmp_path / "figures.json")
    assert (tmp_path / "plot.png").stat().st_size > 0


@pytest.mark.parametrize("name", ["floor", "plain", "ours"])
def test_a_contestant_learns(name, small, pictures):
    with enter([name], "small", pictures, alone=True) as entered:
        contestant = entered[name]
        losses = []
        for _ in range(101):
            assert contestant.advance(1)[0] == 1
            # Ours tells the means since the last logging step, every 50 steps.
            notes = contestant.notes
            losses.append(float(notes.get("loss", -notes.get("train/elbo", float("nan")))))
    first, last = (losses[49], losses[99]) if name == "ours" else (losses[0], losses[-1])
    assert last < first - 20


@pytest.mark.filterwarnings("ignore")
def test_pythae_learns(small, pictures):
    pytest.importorskip("pythae")
    with enter(["pythae"], "small", pictures) as entered:
        contestant = entered["pythae"]
        contestant.advance(1)
        before = [p.detach().clone() for p in contestant.notes["model"].parameters()]
        assert contestant.advance(7)[0] == 7
        after = list(contestant.notes["model"].parameters())
    assert all((a != b).any() for a, b in zip(before, after, strict=True))


@pytest.mark.filterwarnings("ignore")
def test_the_nets_for_mnist_are_those_of_pythae():
    pytest.importorskip("pythae")
    from pythae.models import VAEConfig
    from pythae.models.nn.benchmarks.mnist import Decoder_Conv_AE_MNIST, Encoder_Conv_VAE_MNIST

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=20)
    ours = nets.MnistEncoder((1, 28, 28), (40,)), nets.MnistDecoder((20,), (1, 28, 28))
    theirs = Encoder_Conv_VAE_MNIST(config), Decoder_Conv_AE_MNIST(config)
    for mine, other in zip(ours, theirs, strict=True):
        assert sum(p.numel() for p in mine.parameters()) == sum(
            p.numel() for p in other.parameters()
        )
    theirs[1].load_state_dict(
        dict(zip(theirs[1].state_dict(), ours[1].state_dict().values(), strict=True))
    )
    z = torch.randn(3, 20)
    torch.testing.assert_close(ours[1](z).sigmoid(), theirs[1](z).reconstruction)


@pytest.mark.parametrize("num_samples", [1, 5])
def test_the_floor_computes_the_loss_of_the_model(
    num_samples, pictures, tmp_path, double_precision
):
    extra = ["objective=iwae", f"objective.num_samples={num_samples}"] if num_samples > 1 else []
    case = Case(SMALL, pictures, tmp_path, extra)
    model = case.model()
    objective = build_objective(case.settings, model)
    x = case.data.examples("test", 16).x.double()
    torch.manual_seed(3)
    expected = sum(objective(model(x, num_samples=num_samples)).values())
    torch.manual_seed(3)
    parts = model.encoder.net, model.decoder.net, x
    found = (
        floor.negative_elbo(*parts)
        if num_samples == 1
        else floor.negative_iwae(*parts, num_samples)
    )
    torch.testing.assert_close(found, expected)
    names = [name for name, _ in model.named_parameters()]
    parameters = list(model.parameters())
    for name, a, b in zip(
        names,
        torch.autograd.grad(found, parameters),
        torch.autograd.grad(expected, parameters),
        strict=True,
    ):
        torch.testing.assert_close(a, b, msg=name)


@pytest.mark.filterwarnings("ignore")
def test_all_estimate_the_same_likelihood(small, pictures, monkeypatch, tmp_path):
    names = ["floor", "ours"]
    monkeypatch.setitem(
        WORKLOADS, "small", dataclasses.replace(SMALL, task="likelihood", examples=32)
    )
    with enter(names, "small", pictures) as entered:
        values = {}
        for name, contestant in entered.items():
            contestant.advance(1)
            values[name] = float(contestant.notes["value"])
    assert values["ours"] == pytest.approx(values["floor"], abs=0.1)


def test_the_plain_script_reads_the_pictures_that_were_drawn(pictures, tmp_path):
    drawn = Case(SMALL, pictures, tmp_path).drawn_pictures()
    x, _ = plain.Pictures(drawn)[5]
    assert torch.equal(x, torch.from_numpy(drawn[5]).float())
    assert workloads.contestants(SMALL, fast=False)[0] == "floor"
