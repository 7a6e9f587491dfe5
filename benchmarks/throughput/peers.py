"""pythae: its pipeline, its estimate of the likelihood and its sampler, over the same nets."""

__all__ = ["Decoder", "Encoder", "build", "likelihood", "sampling", "train"]

import logging
from typing import Any

import torch
from pythae.models import IWAE, VAE, IWAEConfig, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.pipelines import TrainingPipeline
from pythae.samplers import NormalSampler
from pythae.trainers import BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor, nn

from benchmarks.throughput.floor import SAMPLES
from benchmarks.throughput.turns import Run, Turn
from benchmarks.throughput.workloads import Case


class Encoder(BaseEncoder):
    """A net of this project as pythae's encoder."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Any:
        """Return μ and log σ²."""
        mean, log_variance = self.net(x).chunk(2, -1)
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(BaseDecoder):
    """A net of this project as pythae's decoder."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, z: Tensor) -> Any:
        """Return probabilities, which its cross entropy asks for."""
        return ModelOutput(reconstruction=torch.sigmoid(self.net(z)))


class HandOver(TrainingCallback):
    """Hands over after each step."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn

    def on_train_step_end(self, training_config: Any, **others: Any) -> None:
        """Count the step."""
        self.turn.done()


def build(case: Case) -> Any:
    """Return pythae's VAE, or its IWAE for several samples, over the nets of the workload."""
    logging.disable(logging.INFO)  # its loggers write to the terminal
    model = case.model()
    common = {
        "input_dim": case.workload.shape,
        "latent_dim": case.settings["model"]["latent_dim"],
        "reconstruction_loss": "bce",
    }
    nets = {"encoder": Encoder(model.encoder.net), "decoder": Decoder(model.decoder.net)}
    if case.num_samples == 1:
        return VAE(VAEConfig(**common), **nets)
    return IWAE(IWAEConfig(**common, number_samples=case.num_samples), **nets)


def train(case: Case) -> Run:
    """Return its pipeline on a tensor of pictures."""

    def run(turn: Turn) -> None:
        model = build(case)
        config = BaseTrainerConfig(
            output_dir=str(case.folder),
            num_epochs=100_000,
            per_device_train_batch_size=case.settings["data"]["batch_size"],
            learning_rate=case.settings["optimizer"]["lr"],
            steps_saving=None,
            no_cuda=case.device.type == "cpu",
        )
        turn.loss = lambda x: model({"data": x}).loss
        pictures = torch.from_numpy(case.drawn_pictures()).float()
        pipeline = TrainingPipeline(model=model, training_config=config)
        pipeline(train_data=pictures, callbacks=[HandOver(turn)])

    return run


def likelihood(case: Case) -> Run:
    """Return a loop of `get_nll`, which goes through pictures one by one."""

    def run(turn: Turn) -> None:
        model, x = build(case).eval(), case.test_pictures()
        while True:
            with torch.no_grad():
                turn.notes["value"] = model.get_nll(x, n_samples=SAMPLES, batch_size=100)
            turn.done()

    return run


def sampling(case: Case) -> Run:
    """Return a loop of its sampler from N(0, I), with its own batch size."""

    def run(turn: Turn) -> None:
        model = build(case).eval()
        model.device = str(case.device)
        sampler = NormalSampler(model)
        while True:
            with torch.no_grad():
                turn.notes["value"] = sampler.sample(case.workload.examples).mean()
            turn.done()

    return run
