"""Which checkpoint a run goes on from, and which of its settings may change."""

__all__ = [
    "Resumed",
    "as_trained",
    "check_fit",
    "check_resume",
    "check_start",
    "find_resumed",
    "other_weight",
    "shapes_of",
]

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from torch import Tensor, nn

from vae.cli.kinds import kind_of
from vae.cli.length import OPEN
from vae.cli.places import CHECKPOINTS, PLACES
from vae.instantiate import NAMES
from vae.nested import leaves
from vae.plugins import check_named
from vae.saved import PREFIX, Saved, read_checkpoint
from vae.training.lightning_adapter import processes_of
from vae.training.storage import newest

STATE = ("callbacks", "epoch", "global_step", "loops", "lr_schedulers", "optimizer_states")
ARCHITECTURE = ("model", "posterior", "prior", "likelihood")
LATER = "standardize."  # what checkpoints of older versions get from the data
# What a resumed run may change, with all that stands below it, since it takes effect at once and
# leaves the best figure comparable. Anything else is in weights, moments, order or noise by now.
FREE = {
    *("logger", "report", "trainer", "resume", "name", "monitor", "debug", "plugins"),
    *("lr_find", "checkpoint", "fast"),
    *("test", "test_samples", "threads", "deterministic", "compile", "cuda_graph"),
    *("channels_last", "matmul_precision", "group_size", "gradient_clip", "skip_limit"),
    *("data.download", "data.source.download"),  # which only bring the same files
    *("data.group_size", "data.on_device", "data.eval_batch_size", "data.min_steps"),
    *(f"{home}.{place}" for home in ("data", "data.source") for place in PLACES),
}


class Resumed(NamedTuple):
    """What a run goes on from.

    Attributes:
        path: The checkpoint.
        config: The settings it was trained with.
        step: Optimizer steps until then.
        processes: How many trained it, where it says so.
        shapes: Of its weights and buffers, by name.
    """

    path: Path
    config: dict[str, Any]
    step: int
    processes: int | None
    shapes: dict[str, tuple[int, ...]]


def find_resumed(given: str | None, folder: Path, console: Console) -> Resumed | None:
    """Return the newest whole checkpoint to go on from, if there is to be one.

    Args:
        given: The setting ``resume``.
        folder: Of this run.
        console: Where it is said, with what was found damaged.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If none is whole.
    """
    if given is None:
        return None
    path = folder if given == "auto" else Path(given).expanduser()
    candidates = list(newest(path / CHECKPOINTS)) if path.is_dir() else [path]
    if given == "auto" and not candidates:
        return None
    problems = []
    for candidate in candidates:
        try:
            resumed = read_resumed(candidate)
        except ValueError as error:
            problems.append(str(error))
            continue
        for line in (*problems, f"going on from {candidate}, step {resumed.step}"):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        return resumed
    if problems:
        raise ValueError("; ".join(problems))
    raise FileNotFoundError(f"nothing to go on from in {path}: give a run folder or a checkpoint")


def read_resumed(path: Path) -> Resumed:
    """Read what is to be known of a checkpoint before a run goes on from it."""
    checkpoint = read_checkpoint(path)
    config = checkpoint["hyper_parameters"]["config"]
    missing = [name for name in STATE if name not in checkpoint]
    missing += [name for name in ("model", "penalties") if name not in config]
    if missing:
        raise ValueError(
            f"{path} cannot be gone on from, since it lacks {', '.join(missing)}: a new run can "
            "start from its weights, init=<the file>"
        )
    shapes = shapes_of(checkpoint["state_dict"])
    return Resumed(path, config, checkpoint["global_step"], processes_of(checkpoint), shapes)


def as_trained(ours: Any, theirs: Any) -> Any:
    """Return settings of a model without what is null and was no setting when the run began.

    A part then does without, as it did: null may let a new one choose.

    Args:
        ours: Settings, or a value in them.
        theirs: What the run began with in the same place.
    """
    if not (isinstance(ours, Mapping) and isinstance(theirs, Mapping)):
        return ours
    return {
        name: as_trained(value, theirs.get(name))
        for name, value in ours.items()
        if value is not None or name in theirs
    }


def check_resume(settings: Mapping[str, Any], resumed: Resumed) -> None:
    """Refuse to go on with a setting that the checkpoint was not trained with.

    Raises:
        ValueError: Naming the setting, both values and what to do.
    """
    check_named(resumed.config, NAMES, resumed.path)
    given, trained = (sorted(node["penalties"]) for node in (settings, resumed.config))
    if given != trained:
        raise ValueError(
            f"the checkpoint was trained with penalty={trained}, this run has penalty={given}: "
            "resume with the same penalties"
        )
    # The setting that others take their value from has the shortest name.
    for name, theirs, ours in sorted(changes(settings, resumed.config), key=depth):
        raise ValueError(
            f"the checkpoint was trained with {name}={theirs}, this run has {name}={ours}: a "
            f"resumed run keeps that. {in_place_of_resume(name.partition('.')[0], resumed.path)}"
        )


def in_place_of_resume(group: str, path: Path) -> str:
    """Say which run may have another value of a setting of a group than a checkpoint has."""
    if group == "prior":
        return (
            "To fit another prior to the trained model, give stage=prior "
            f"checkpoint={path} in place of resume="
        )
    if group in ARCHITECTURE:
        return "For another architecture start a new run, without resume="
    return f"For another value start a new run from the weights: init={path}"


def changes(
    settings: Mapping[str, Any], config: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """Yield each setting that differs and is not `FREE`, with the value before and now."""
    ours, theirs = dict(leaves(settings)), dict(leaves(config))
    for name in {**theirs, **ours}:
        before, now = theirs.get(name), ours.get(name)
        if before == now or is_free(name, settings, config) or (name in OPEN and now is None):
            continue
        yield name, before, now


def is_free(name: str, *configs: Mapping[str, Any]) -> bool:
    """Say whether a resumed run may change a setting, by its place and by the part that it is of.

    Free is also what a part only starts from, since it has learned better; bound is what a callback
    that holds weights is told.

    Args:
        name: Of the setting.
        configs: Of the run before and of now.
    """
    parts = name.partition("[")[0].split(".")
    above = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    if parts[0] in ARCHITECTURE:
        kinds = [kind_of(config, ".".join(parts[:-1])) for config in configs]
        return any(parts[-1] in getattr(kind, "only_start", ()) for kind in kinds)
    if parts[0] == "callbacks":
        kinds = [kind_of(config, ".".join(parts[:2])) for config in configs]
        return not any(getattr(kind, "holds_weights", False) for kind in kinds)
    return not FREE.isdisjoint(above)


def depth(change: tuple[str, Any, Any]) -> int:
    """Return how deep the name of a setting lies."""
    return change[0].count(".")


def check_fit(resumed: Resumed, module: nn.Module, processes: int) -> None:
    """Refuse a checkpoint of other weights than this run's model has, or of other steps.

    Raises:
        ValueError: Naming the weight, or the numbers of processes.
    """
    if resumed.processes not in (None, processes):
        raise ValueError(
            f"the checkpoint was trained by {resumed.processes} processes, this run has "
            f"{processes}, whose steps take another number of examples: use as many, or start a "
            f"new run from the weights: init={resumed.path}"
        )
    ours = shapes_of(module.state_dict())
    theirs = {name: ours[name] for name in ours if name.startswith(PREFIX + LATER)}
    told = other_weight({**theirs, **resumed.shapes}, ours)
    if told:
        raise ValueError(f"{resumed.path} {told}: it is damaged, or of another model")


def check_start(saved: Saved, model: nn.Module, settings: Mapping[str, Any]) -> None:
    """Refuse to start from other weights than this run's model has.

    Raises:
        ValueError: Naming the setting, or where all are the same a weight.
    """
    told = other_weight(shapes_of(saved.state), shapes_of(model.state_dict()))
    if not told:
        return
    for name, theirs, ours in sorted(changes(settings, saved.config), key=depth):
        if name.partition(".")[0] in ARCHITECTURE:
            told = f"was trained with {name}={theirs}, this run has {name}={ours}, and {told}"
            break
    else:
        trained = dict(leaves(saved.config))
        for name, value in leaves(settings):
            if value is None and name not in trained and name.partition(".")[0] in ARCHITECTURE:
                told = f"was trained without the setting {name}, null chooses for it, and {told}"
                break
    raise ValueError(f"init: {saved.path} {told}: start from a run of the same architecture")


def shapes_of(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight and buffer."""
    return {name: tuple(weight.shape) for name, weight in weights.items()}


def other_weight(
    theirs: Mapping[str, tuple[int, ...]], ours: Mapping[str, tuple[int, ...]]
) -> str | None:
    """Say in which weight a checkpoint differs from this run's model; ``None`` if in none."""
    for name in {**ours, **theirs}:
        before, now = theirs.get(name), ours.get(name)
        if before is None:
            return f"lacks the weight {name}, which this run's model has"
        if now is None:
            return f"has a weight {name}, which this run's model has not"
        if before != now:
            return f"has the weight {name} in the shape {before}, this run's model in {now}"
    return None
