"""On a GPU: replayed steps are the plain ones, nothing waits, bad steps are dropped there."""

import math

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch import nn

from tests.training.runs import make_run, make_trainer, same
from tests.training.test_capture import VARIANTS, close
from tests.training.test_compile import COMPILES
from tests.training.test_guard import SKIPS
from vae.cli.compose import choices
from vae.data.randomness import stream_seed
from vae.objectives import ELBO
from vae.training.callbacks import EMA, Scalars

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # of torch and Lightning about themselves
]
GPU = {"accelerator": "gpu", "log_every_n_steps": 2}


PIXELS = ["data.binarization=dynamic", "data.flip=true", "likelihood=bernoulli"]


@pytest.fixture
def pixels(tmp_path):
    """Settings of a run on grey pictures, the reading of which draws noise."""
    pictures = np.random.default_rng(0).integers(0, 255, (72, 1, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "vectors.npy", pictures)
    return PIXELS


def prepared(folder, overrides, *, graph, compiled=False):
    module, data = make_run(folder, "group_size=3", *overrides)
    module.cuda_graph = graph
    if compiled:
        module.compiled = True
    return module, data


def finished(folder, overrides, *callbacks, graph, compiled=False, resume=None, **options):
    """Return module, Trainer, weights and optimizer's state after a run."""
    module, data = prepared(folder, overrides, graph=graph, compiled=compiled)
    trainer = make_trainer(folder, Scalars(), EMA(decay=0.5), *callbacks, **{**GPU, **options})
    trainer.fit(module, data, ckpt_path=resume, weights_only=True)
    optimizer = trainer.optimizers[0]
    states = [optimizer.state[p] for p in optimizer.param_groups[0]["params"]]
    return module, trainer, {"weights": dict(module.state_dict()), "states": states}


@pytest.mark.parametrize("variant", VARIANTS)
def test_replayed_steps_are_the_steps(tmp_path, variant):
    module, trainer, state = finished(tmp_path, VARIANTS[variant], graph=True)
    plain, reference, expected = finished(tmp_path, VARIANTS[variant], graph=False)
    assert close(state, expected)
    assert module.latest == pytest.approx(plain.latest, rel=1e-4)
    figures, logged = trainer.callback_metrics, reference.callback_metrics
    assert {k: float(v) for k, v in figures.items()} == pytest.approx(
        {k: float(v) for k, v in logged.items()}, rel=1e-4
    )


OF_KINDS = ("enumerated_elbo", "stratified_elbo", "semi_supervised", "fivo")  # of other models
PARTS = [
    *([f"objective={name}"] for name in choices("objective") if name not in OF_KINDS),
    ["objective=stratified_elbo", "posterior=mixture"],
    *([f"penalty={name}"] for name in choices("penalty")),
    *([f"prior={name}"] for name in ("vamp", "nsf")),
    *([f"likelihood={name}"] for name in ("laplace", "normal_learned", "normal_optimal")),
    *(["objective=iwae", f"estimator={name}"] for name in ("dreg", "score")),
    ["estimator=stl"],
    ["posterior=constant"],
    ["posterior=nsf"],
    ["posterior=categorical"],
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("overrides", PARTS, ids=lambda overrides: " ".join(overrides))
def test_every_part_can_be_replayed(tmp_path, overrides):
    small = ["objective.num_samples=4"] if "objective=iwae" in overrides else []
    _, _, state = finished(tmp_path, [*overrides, *small], graph=True)
    _, _, expected = finished(tmp_path, [*overrides, *small], graph=False)
    for name, value in expected["weights"].items():
        assert torch.allclose(value, state["weights"][name], rtol=1e-3, atol=1e-5), name


def test_noise_of_the_data_is_that_of_the_plain_step(tmp_path, pixels):
    _, _, state = finished(tmp_path, pixels, graph=True)
    _, _, expected = finished(tmp_path, pixels, graph=False)
    assert close(state, expected)
    _, _, other = finished(tmp_path, [*pixels, "data.seed=1"], graph=True)
    assert not close(state, other)


class Keep(pl.Callback):
    """Saves a checkpoint after some steps."""

    def __init__(self, path, step):
        self.path = path
        self.step = step

    def on_train_batch_end(self, trainer, *others):
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize("step", [3, 7, 10])
def test_a_resumed_run_is_the_whole_one(tmp_path, pixels, step):
    path = tmp_path / "kept.ckpt"
    _, _, whole = finished(tmp_path, pixels, Keep(path, step), graph=True)
    _, _, resumed = finished(tmp_path, pixels, graph=True, resume=path)
    assert same(whole["weights"], resumed["weights"])


@COMPILES
@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("schedule", [False, True])
def test_compiled_steps_are_the_steps(tmp_path, pixels, graph, schedule):
    torch._dynamo.reset()
    overrides = pixels
    if schedule:
        overrides = [*pixels, "+schedule@objective.beta=linear", "objective.beta.steps=10"]
    torch._inductor.config.fallback_random = True  # the noise of eager torch
    try:
        _, _, state = finished(tmp_path, overrides, graph=graph, compiled=True)
    finally:
        torch._inductor.config.fallback_random = False
    _, _, expected = finished(tmp_path, overrides, graph=False)
    for name, value in expected["weights"].items():
        assert torch.allclose(value, state["weights"][name], rtol=1e-3, atol=1e-5), name


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=COMPILES)])
def test_half_precision_is_near(tmp_path, precision, compiled):
    torch._dynamo.reset()
    graph = precision == "bf16-mixed"
    options = {"graph": graph, "compiled": compiled, "precision": precision}
    half, _, _ = finished(tmp_path, [], **options)
    full, _, _ = finished(tmp_path, [], graph=False)
    assert half.latest["elbo"] == pytest.approx(full.latest["elbo"], rel=0.05)


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("resident", [False, True])
def test_steps_do_not_wait_for_the_device(tmp_path, pixels, graph, resident):
    settings = [*pixels, "group_size=7", f"data.on_device={resident}"]
    module, data = prepared(tmp_path, settings, graph=graph)

    class Watch(pl.Callback):
        watched = 0

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if trainer.current_epoch > 0:  # the first one records, or sets libraries up
                end_group = pl_module.guard.end_group
                torch.cuda.set_sync_debug_mode("error")

                def released(first):
                    torch.cuda.set_sync_debug_mode("default")
                    Watch.watched += 1
                    end_group(first)

                pl_module.guard.end_group = released

    try:
        make_trainer(tmp_path, Watch(), **{**GPU, "log_every_n_steps": 1000}).fit(module, data)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert Watch.watched == 1


class BadOnDevice(ELBO):
    """The ELBO whose KL is NaN in some calls, counted on the device."""

    def __init__(self, *bad):
        super().__init__()
        self.calls = nn.Buffer(torch.zeros((), dtype=torch.int64), persistent=False)
        self.bad = nn.Buffer(torch.tensor(bad), persistent=False)

    def forward(self, trace, at):
        terms = super().forward(trace, at)
        self.calls += 1
        spoiled = torch.isin(self.calls, self.bad)
        return {**terms, "kl": terms["kl"] + torch.where(spoiled, math.nan, 0.0)}


@SKIPS
@pytest.mark.parametrize("graph", [False, True])
def test_bad_steps_are_dropped_on_the_device(tmp_path, graph):
    module, data = prepared(tmp_path, [], graph=graph)
    module.objective = BadOnDevice(6, 7)
    with pytest.warns(UserWarning, match="step [56] is skipped: objective/kl is NaN"):
        make_trainer(tmp_path, Scalars(), **GPU, max_steps=7).fit(module, data)
    assert module.guard.in_epoch == 2
    assert all(p.isfinite().all() for p in module.parameters())
    optimizer = module.trainer.optimizers[0]
    taken = {float(optimizer.state[p]["step"]) for p in module.parameters()}
    assert taken == {5.0}


def test_noise_is_a_function_of_the_step(tmp_path):
    generator = torch.cuda.default_generators[0]
    generator.manual_seed(stream_seed(1, 2))
    first = torch.randn(5, device="cuda")
    generator.manual_seed(stream_seed(1, 2))
    assert torch.equal(first, torch.randn(5, device="cuda"))
