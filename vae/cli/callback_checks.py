"""Lightning's own callbacks that cannot do here what they do there, and what does it instead."""

__all__ = ["check_callbacks"]

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

HOMES = ("lightning.pytorch.callbacks", "pytorch_lightning.callbacks")
INSTEAD = {
    "BackboneFinetuning": "init=",
    "BatchSizeFinder": "data.batch_size=",
    "EMAWeightAveraging": "callbacks=[default,ema]",
    "GradientAccumulationScheduler": "accumulate=",
    "LearningRateFinder": "lr_find=true",
    "OnExceptionCheckpoint": "callbacks.checkpoint, which saves every few minutes",
    "SpikeDetection": "skip_limit=",
    "StochasticWeightAveraging": "callbacks=[default,ema]",
    "ThroughputMonitor": "throughput/examples_per_second, which is logged",
    "WeightAveraging": "callbacks=[default,ema]",
}
OTHERS = (  # that are made of functions, do nothing by themselves, or rename the weights
    *("BaseFinetuning", "BasePredictionWriter", "Callback", "Checkpoint", "LambdaCallback"),
    *("ModelPruning", "ProgressBar"),
)


def check_callbacks(callbacks: Mapping[str, Any], *, on_gpu: bool) -> None:
    """Refuse those of Lightning's callbacks that cannot work with this training loop.

    Args:
        callbacks: Their settings, by name.
        on_gpu: Whether the run is one on a GPU.

    Raises:
        ValueError: Saying what to use instead.
    """
    for name, node in callbacks.items():
        home, _, kind = str(node["_target_"]).rpartition(".")
        if home not in HOMES:
            continue
        if kind in INSTEAD:
            raise ValueError(
                f"callbacks.{name}: Lightning's {kind} cannot work with a loop that takes its "
                f"steps itself: use {INSTEAD[kind]} instead"
            )
        if kind in OTHERS:
            raise ValueError(
                f"callbacks.{name}: Lightning's {kind} cannot be used from settings: write a "
                "callback of your own"
            )
        if kind == "DeviceStatsMonitor" and not on_gpu and find_spec("psutil") is None:
            raise ValueError(f"callbacks.{name} needs a package for the CPU: pip install psutil")
