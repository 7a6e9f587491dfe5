"""``fast=auto``: how the nets are executed where the settings leave it open, by timed steps."""

__all__ = ["Length", "quickest", "settle_execution"]

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch.callbacks import Timer
from torch import nn

from vae.cli.environment import cpu_name, free_memory
from vae.cli.length import train_batches
from vae.cli.rate_search import TAKEN_OVER
from vae.cli.trainer_checks import COMPILES, on_gpu
from vae.data import DataModule
from vae.data.formats.cache import CACHE
from vae.files import replace_durably
from vae.instantiate import LOSS, MODEL
from vae.terminal import say
from vae.training import VAEModule
from vae.training.execution import OPTIONS, time_batches

FEWEST = 200  # batches of a run that is worth a trial
SAVES = {"channels_last": 0.15, "cuda_graph": 0.5, "compile": 0.1}  # of the time, as is to be hoped
COSTS = {"channels_last": 4.0, "cuda_graph": 6.0, "compile": 120.0}  # seconds of a trial
CLEAR = 0.97  # of the time: less is the noise of the clock
COMPILER_BYTES = 4 << 30  # that must be free where it is tried

Way = tuple[str, ...]  # of `OPTIONS`
Times = dict[str, Sequence[float]]  # seconds of the first batch and of another, by the way's name


class Length(NamedTuple):
    """How long a run is.

    Attributes:
        batches: Its training batches.
        seconds: After which it ends.
    """

    batches: float = inf
    seconds: float = inf

    def saved(self, before: float, after: float) -> float:
        """Return the seconds that quicker batches save: what they take before, and then."""
        return (before - after) * min(self.batches, self.seconds / before)


def settle_execution(
    settings: dict[str, Any],
    recorded: Mapping[str, Any],
    module: VAEModule,
    data: DataModule,
    world_size: int,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings with true or false for each of `OPTIONS`, and what is to be said of them.

    A run that goes on keeps what it began with.

    Args:
        settings: Of the run, whose length is settled; what they give stays.
        recorded: Of the run that is gone on with; empty for a new one.
        module: Keeps the settings for its checkpoints.
        data: To train on.
        world_size: How many processes train.
    """
    still_open = [name for name in OPTIONS if settings[name] is None]
    chosen = {name: bool(recorded.get(name)) for name in still_open}
    told = {}
    if not recorded and may_try(settings, world_size):
        length = length_of(settings, data)
        given = tuple(name for name in OPTIONS if settings[name])
        possible = [name for name in still_open if can_pay(name, settings, module.model)]
        if possible and length.batches >= FEWEST:
            times, way = tried(settings, module, data, given, possible, length)
            chosen = {name: name in way for name in still_open}
            if len(times) > 1:  # something was compared
                told = {"execution": described(given, way, times, length)}
    module.hparams["config"] = {**module.hparams["config"], **chosen}
    return {**settings, **chosen}, told


def may_try(settings: Mapping[str, Any], world_size: int) -> bool:
    """Say whether steps are to be timed."""
    special = settings["lr_find"] is not False or settings["stage"] is not None
    exact = settings["deterministic"] or settings["trainer"]["fast_dev_run"]
    alone = world_size == 1 and not settings["compile"]  # each trial would be compiled
    return settings["fast"] == "auto" and alone and not (special or exact)


def can_pay(name: str, settings: Mapping[str, Any], model: nn.Module) -> bool:
    """Say whether an option may change anything here."""
    if name == "channels_last":
        return any(isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) for m in model.modules())
    if name == "cuda_graph":
        return on_gpu(settings["trainer"])
    return COMPILES and free_memory() > COMPILER_BYTES


def length_of(settings: Mapping[str, Any], data: DataModule) -> Length:
    """Return the length of a run of one process."""
    trainer = settings["trainer"]
    batches, seconds = inf, inf
    if trainer["max_epochs"] > 0:
        batches = trainer["max_epochs"] * train_batches(settings, data, 1)
    if trainer["max_steps"] > 0:
        batches = min(batches, trainer["max_steps"] * settings["accumulate"])
    if trainer["max_time"] is not None:
        seconds = Timer(trainer["max_time"]).time_remaining() or inf
    return Length(batches, seconds)


def tried(
    settings: Mapping[str, Any],
    module: VAEModule,
    data: DataModule,
    given: Way,
    possible: Sequence[str],
    length: Length,
) -> tuple[Times, Way]:
    """Return all times, which are kept, and the way of this run, for which more may be timed."""
    trainer = {name: settings["trainer"][name] for name in TAKEN_OVER}
    path, run = place(settings, module), " ".join(map(str, (*given, "and", *possible, *length)))
    times, ways = kept(path)
    if run not in ways:
        measure = lambda way: time_batches(module, data, way, **trainer)  # noqa: E731
        ways[run] = quickest(given, possible, length, times, measure)
        with suppress(OSError, RuntimeError):  # nobody needs it
            path = path.expanduser()
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"seconds": times, "ways": ways}).encode()
            replace_durably({path: lambda file: file.write(text)})
    return times, ways[run]


def kept(path: Path) -> tuple[Times, dict[str, Way]]:
    """Return a file's times, and the ways of the runs that were chosen by them.

    A run is given its way again, though longer ones have timed more since: to the bit the same.
    Nothing is kept if the file is damaged or not there, or no home is known.
    """
    with suppress(OSError, RuntimeError, ValueError, AttributeError, TypeError, KeyError):
        read = json.loads(path.expanduser().read_text())
        times: Times = {
            name: (float(first), float(other)) for name, (first, other) in read["seconds"].items()
        }
        ways = {run: tuple(way) for run, way in read["ways"].items()}
        if all(name_of(way) in times and {*way} <= {*OPTIONS} for way in ways.values()):
            return times, ways
    return {}, {}


def place(settings: Mapping[str, Any], module: VAEModule) -> Path:
    """Return the file of the times of this machine, these nets and this batch."""
    on = on_gpu(settings["trainer"])
    machine = [torch.cuda.get_device_name()] if on else [cpu_name(), torch.get_num_threads()]
    read = (*MODEL, *LOSS, "optimizer", "matmul_precision", "accumulate", "skip_limit")
    what = [torch.__version__, *machine, *(settings.get(name) for name in read)]
    what += [settings["trainer"]["precision"], settings["data"]["batch_size"]]
    key = json.dumps([*what, module.hparams["spec"]], default=str).encode()
    return Path(CACHE) / f"steps-{hashlib.sha256(key).hexdigest()[:20]}.json"


def quickest(
    given: Way,
    possible: Sequence[str],
    length: Length,
    times: Times,
    measure: Callable[[Way], Sequence[float]],
) -> Way:
    """Add each option that saves more than it costs in a run, one after the other.

    Args:
        given: What is settled.
        possible: Options.
        length: Of the run.
        times: Which are known, to which the others are added.
        measure: Seconds of the first batch and of another; refuses by ``ValueError``.
    """
    best = given
    if name_of(best) not in times:
        times[name_of(best)] = measure(best)
    for option in possible:
        now = times[name_of(best)]
        if length.saved(now[1], now[1] * (1 - SAVES[option])) < COSTS[option]:
            continue
        way = (*best, option)
        if name_of(way) not in times:
            times[name_of(way)] = measured(way, measure)
            again = measure(best)  # beside it, as other processes may have come or gone
            times[name_of(best)] = now = (now[0], min(now[1], again[1]))
        first, other = times[name_of(way)]
        if other < CLEAR * now[1] and length.saved(now[1], other) > first:
            best = way
    return best


def measured(way: Way, measure: Callable[[Way], Sequence[float]]) -> Sequence[float]:
    """Return the seconds of a way, infinite if these parts cannot be executed so."""
    if "compile" in way:
        say("Compiling a step to see whether that pays, for some minutes; fast=off does without.")
    try:
        return measure(way)
    except (ValueError, torch.OutOfMemoryError):
        return (inf, inf)


def name_of(way: Way) -> str:
    """Return the name of a way."""
    return " ".join(way) or "plain"


def described(given: Way, way: Way, times: Times, length: Length) -> str:
    """Say in one line what was chosen and what it is expected to save."""
    plain, chosen = times[name_of(given)][1], times[name_of(way)][1]
    if way == given:
        others = {k: v[1] for k, v in times.items() if k != name_of(given)}
        told = ", ".join(
            f"{name} {1e3 * other:.3g}" if other < inf else f"{name} not possible"
            for name, other in others.items()
        )
        return f"{name_of(way)}, {1e3 * plain:.3g} ms a batch ({told})"
    saved = length.saved(plain, chosen)
    gain = f", {saved:.0f} s of this run" if saved < inf else ""
    options = " ".join(f"{name}=true" for name in way if name not in given)
    return f"{options}, {1e3 * chosen:.3g} ms a batch for {1e3 * plain:.3g}{gain}"
