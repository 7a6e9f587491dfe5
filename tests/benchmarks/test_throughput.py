"""The contestants of the throughput benchmark do the work that they are compared by."""

import dataclasses
from argparse import ArgumentTypeError

import pytest
import torch

from benchmarks.throughput import contest, floor, nets, plain, report, workloads
from benchmarks.throughput.turns import Turn
from benchmarks.throughput.workloads import WORKLOADS, Case, find_run, write_pictures
from vae.build import build_objective
from vae.cli.environment import prepare_process

NAME = "mlp 784-400-20"
HIDDEN = "model.encoder.hidden=[32]"
SMALL = dataclasses.replace(
    WORKLOADS[NAME], overrides=[*WORKLOADS[NAME].overrides, HIDDEN], pictures=600
)


class Enough(Exception):
    """Ends a loop."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(SMALL, tmp_path_factory.mktemp("data") / "pictures.npy")


@pytest.fixture(autouse=True)
def quiet():
    prepare_process(1)  # which silences what Lightning warns of


def take(name, case, turns, steps=1):
    """Let a contestant have turns of some steps; return its notes after each."""
    notes = []

    def hand_over(turn):
        assert turn.steps == steps
        assert turn.seconds > 0
        notes.append({what: float(value) for what, value in turn.notes.items()})
        if len(notes) == turns:
            raise Enough
        return steps

    with pytest.raises(Enough):
        find_run(name, case)(Turn(hand_over, steps))
    return notes


@pytest.mark.slow
def test_figures_have_the_stated_structure(pictures, tmp_path):
    names = ["floor", "plain", "ours"]
    common = {"threads": 1, "overrides": [HIDDEN]}
    result = contest.hold(names, NAME, pictures, rounds=2, steps=20, **common)
    result["start"] = contest.start(["floor"], NAME, pictures, **common)
    assert list(result["images_per_second"]) == names
    assert set(result["ratios"]) == {"ours"}
    ratios = result["ratios"]["ours"]["floor"]
    ours, bare = (result["images_per_second"][name]["rounds"] for name in ("ours", "floor"))
    assert ratios["rounds"] == [a / b for a, b in zip(ours, bare, strict=True)]
    assert ratios["range"][0] <= ratios["median"] <= ratios["range"][1]
    assert result["save_seconds"] > 0
    assert min(result["peak_mib"].values()) > 100
    assert 0 < result["start"]["floor"]["imported"] < result["start"]["floor"]["first_step"]
    report.plot({"workloads": {"small": result}}, tmp_path / "plot.png")
    report.write({"workloads": {"small": result}}, tmp_path / "figures.json")
    assert (tmp_path / "plot.png").stat().st_size > 0


def test_a_contestant_that_ends_is_told(pictures):
    with (
        contest.enter(["floor"], NAME, pictures, threads=1, overrides=["no_setting=1"]) as entered,
        pytest.raises(RuntimeError, match="a contestant ended.*floor"),
    ):
        entered["floor"].advance(1)


def test_what_is_left_out_is_not_timed():
    turn = Turn(lambda turn: 1, due=1)
    turn.start -= 10
    turn.pause()
    turn.paused -= 4
    turn.resume()
    assert turn.seconds == pytest.approx(6, abs=0.5)


@pytest.mark.parametrize("name", ["floor", "plain", "ours", "jax"])
def test_a_contestant_learns(name, pictures, tmp_path):
    if name == "jax":
        pytest.importorskip("jax")
    each = dataclasses.replace(SMALL, group=1)
    given = ["group_size=1", "model.decoder.start_at_mean=false"]  # as the others
    notes = take(name, Case(each, pictures, tmp_path, given), turns=101)
    # Ours tells the means since the last logging step, every 50 steps.
    losses = [one.get("loss", -one.get("train/elbo", float("nan"))) for one in notes]
    first, last = (losses[49], losses[99]) if name == "ours" else (losses[0], losses[-1])
    assert last < first - 20


@pytest.mark.filterwarnings("ignore")
def test_pythae_learns(pictures, tmp_path, monkeypatch):
    pytest.importorskip("pythae")
    from benchmarks.throughput import peers

    built = []

    def build(case, build=peers.build):
        model = build(case)
        built.append((model, [p.detach().clone() for p in model.parameters()]))
        return model

    monkeypatch.setattr(peers, "build", build)
    take("pythae", Case(SMALL, pictures, tmp_path), turns=2, steps=4)
    [(model, before)] = built
    assert all((a != b).any() for a, b in zip(before, model.parameters(), strict=True))


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
    objective = build_objective(case.settings, model, case.data.spec)
    x = case.data.examples("test", 16)["x"].double()
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


@pytest.mark.parametrize("num_samples", [1, 5])
@pytest.mark.parametrize("workload", [SMALL, WORKLOADS["conv 64×64"]], ids=["mlp", "conv"])
def test_jax_computes_the_loss_of_the_floor(workload, num_samples, tmp_path):
    jax = pytest.importorskip("jax")
    from benchmarks.throughput import in_jax

    few = dataclasses.replace(workload, pictures=600)
    model = Case(few, write_pictures(few, tmp_path / "pictures.npy"), tmp_path).model()
    nets = model.encoder.net, model.decoder.net
    x = (torch.rand(6, *workload.shape) < 0.3).float()
    torch.manual_seed(3)
    expected = floor.negative_bound(*nets, x, num_samples)
    torch.manual_seed(3)
    noise = torch.randn(num_samples, 6, *model.decoder.net.in_shape)
    weights, functions = zip(*map(in_jax.net_of, nets), strict=True)
    loss = lambda w: in_jax.negative_bound(*functions, w, x.numpy(), noise.numpy())  # noqa: E731
    found, gradient = jax.value_and_grad(loss)(weights)
    assert float(found) == pytest.approx(expected.item(), rel=1e-5)
    expected.backward()
    ours = [p.grad for net in nets for p in net.parameters()]
    for a, b in zip(jax.tree.leaves(gradient), ours, strict=True):
        torch.testing.assert_close(torch.tensor(a.tolist()), b, rtol=1e-3, atol=2e-3)


@pytest.mark.filterwarnings("ignore")
def test_all_estimate_the_same_likelihood(pictures, tmp_path):
    workload = dataclasses.replace(SMALL, task="likelihood", examples=32)
    values = {
        name: take(name, Case(workload, pictures, tmp_path), turns=1)[0]["value"]
        for name in ("floor", "ours")
    }
    assert values["ours"] == pytest.approx(values["floor"], abs=0.1)


def test_the_plain_script_reads_the_pictures_that_were_drawn(pictures, tmp_path):
    drawn = Case(SMALL, pictures, tmp_path).drawn_pictures()
    x, _ = plain.Pictures(drawn)[5]
    assert torch.equal(x, torch.from_numpy(drawn[5]).float())


def test_who_takes_part():
    names = set(workloads.contestants(SMALL, fast=False)) - {"pythae", "jax"}
    assert names == {"plain", "floor", "ours"}
    names = set(workloads.contestants(SMALL, fast=True, device="cuda")) - {"pythae", "jax"}
    assert names == {"plain", "floor", "ours", "fast", "captured", "graph"}
    given = workloads.settings_of("fast", "cuda")
    assert {"compile=true", "cuda_graph=true", "trainer.precision=bf16-mixed"} <= set(given)
    assert workloads.settings_of("ours", "cuda") == []


@pytest.mark.parametrize(("name", "message"), [("tpu", "cpu or cuda"), ("cuda", "sees no GPU")])
def test_a_device_that_is_not_there_is_refused(name, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert workloads.device_at_hand("cpu") == "cpu"
    with pytest.raises(ArgumentTypeError, match=message):
        workloads.device_at_hand(name)
