"""Settings of a run that no part checks, refused before anything is read."""

__all__ = ["check_monitor", "check_resume", "check_settings"]

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from vae.instantiate import describe, fits

NUMBERS = {  # setting: (type, least value); -1 in Lightning's own settings means no limit
    "seed": (int, 0),
    "threads": (int | None, 1),
    "group_size": (int, 1),
    "accumulate": (int, 1),
    "gradient_clip": (float | None, float("-inf")),  # its range is the module's to check
    "skip_limit": (int | None, 1),
    "test_samples": (int, 1),
    "trainer.log_every_n_steps": (int, 1),
    "trainer.check_val_every_n_epoch": (int | None, 1),
    "trainer.max_epochs": (int | None, 1),
    "trainer.max_steps": (int, 1),
}
UNLIMITED = ("trainer.max_epochs", "trainer.max_steps")
SWITCHES = ("deterministic", "compile", "channels_last", "test", "debug")
MUST_AGREE = ("model", "posterior", "prior", "likelihood")


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse a wrong top-level setting.

    Raises:
        ValueError: Naming the setting, what it may be and what was given.
    """
    for name, (kind, least) in NUMBERS.items():
        value = lookup(settings, name)
        if not fits(value, kind):
            raise ValueError(f"{name} must be {describe(kind)}; got {value!r}")
        unlimited = name in UNLIMITED and value == -1
        if value is not None and value < least and not unlimited:
            raise ValueError(f"{name} must be at least {least}; got {value}")
    for name in SWITCHES:
        if not isinstance(settings[name], bool):
            raise ValueError(f"{name} must be true or false; got {settings[name]!r}")
    if settings["trainer"]["accelerator"] in ("gpu", "cuda") and not torch.cuda.is_available():
        raise ValueError("a GPU was asked for, but torch sees none. Use trainer=cpu")


def check_monitor(monitor: str, terms: Iterable[str]) -> None:
    """Refuse a figure to watch that no validation gives."""
    known = ["elbo", "log_likelihood", "kl", *(f"objective/{term}" for term in terms)]
    if monitor not in [f"val/{name}" for name in known]:
        names = ", ".join(f"val/{name}" for name in known)
        raise ValueError(f"monitor must be one of {names}; got {monitor}")


def check_resume(settings: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Refuse to go on with another architecture or other penalties than the checkpoint's.

    Raises:
        ValueError: Naming the setting and both values.
    """
    for group in MUST_AGREE:
        ours, theirs = dict(leaves(settings[group], group)), dict(leaves(config[group], group))
        for name in {**theirs, **ours}:
            if ours.get(name) != theirs.get(name):
                raise ValueError(
                    f"the checkpoint was trained with {name}={theirs.get(name)}, this run has "
                    f"{name}={ours.get(name)}: resume with the same architecture"
                )
    given, trained = (sorted(node["penalties"]) for node in (settings, config))
    if given != trained:
        raise ValueError(
            f"the checkpoint was trained with penalty={trained}, this run has penalty={given}: "
            "resume with the same penalties"
        )


def lookup(settings: Mapping[str, Any], name: str) -> Any:
    """Return the value at a dotted name."""
    node: Any = settings
    for key in name.split("."):
        node = node[key]
    return node


def leaves(node: Any, path: str) -> Iterable[tuple[str, Any]]:
    """Yield the dotted name and the value of every setting below a node."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}")
    else:
        yield path, node
