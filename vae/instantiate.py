"""From a plain config to objects: the one place where a name in a file becomes a call.

A node with a ``_target_`` is a call of that class with the node's other keys. Only what
the packages of ``vae`` export and the classes in `ALLOWED` can be named: a config may come with
somebody's checkpoint, and a free choice of the callable would let the file run any code.
"""

__all__ = ["ALLOWED", "PACKAGES", "instantiate", "resolve"]

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

ALLOWED = frozenset(
    [f"torch.nn.{name}" for name in ("ELU", "GELU", "Identity", "LeakyReLU", "ReLU", "SiLU")]
    + [f"torch.nn.{name}" for name in ("Mish", "Sigmoid", "Softplus", "Tanh")]
    + [f"torch.optim.{name}" for name in ("Adadelta", "Adagrad", "Adam", "AdamW", "Adamax")]
    + [f"torch.optim.{name}" for name in ("NAdam", "RAdam", "RMSprop", "SGD")]
    + [f"torch.optim.lr_scheduler.{name}" for name in ("CosineAnnealingLR", "ExponentialLR")]
    + [f"torch.optim.lr_scheduler.{name}" for name in ("MultiStepLR", "OneCycleLR", "StepLR")]
    + [f"zuko.flows.{name}" for name in ("GF", "MAF", "NAF", "NICE", "NSF", "SOSPF", "UNAF")]
    + ["lightning.pytorch.Trainer", "lightning.pytorch.loggers.TensorBoardLogger"]
    + [f"lightning.pytorch.callbacks.{name}" for name in ("EarlyStopping", "ModelCheckpoint")]
    + ["lightning.pytorch.callbacks.EMAWeightAveraging"]
)
PACKAGES = frozenset(
    [f"vae.{name}" for name in ("data", "distributions", "models", "networks", "objectives")]
    + ["vae.objectives.penalties", "vae.priors", "vae.training", "vae.training.callbacks"]
)


def resolve(target: str) -> Callable[..., Any]:
    """Return the class or function that a ``_target_`` names.

    Raises:
        ValueError: If it is neither in `ALLOWED` nor exported by one of `PACKAGES`.
    """
    home, _, name = target.rpartition(".")
    if target in ALLOWED or (home in PACKAGES and name in import_module(home).__all__):
        found: Callable[..., Any] = getattr(import_module(home), name)
        return found
    raise ValueError(f"_target_ {target} is not a part that a config may name")


def instantiate(node: Any, path: str = "", **facts: Any) -> Any:
    """Build the object that a config node describes.

    Args:
        node: Plain dicts, lists and scalars. A dict with ``_target_`` becomes an object, and with
            ``_partial_: true`` a function that still wants arguments; lists and other dicts are
            searched.
        path: Where the node stands in the config, for messages.
        facts: Values a part may ask for by naming a parameter after them (``latent_dim``,
            ``data_shape``, ``encoder``, ...); what the node itself says goes first.

    Raises:
        ValueError: With the config path, if a name, a type or a value does not fit.
    """
    if isinstance(node, Mapping) and "_target_" in node:
        return build(node, path, facts)
    if isinstance(node, Mapping):
        return {key: instantiate(value, join(path, key), **facts) for key, value in node.items()}
    if isinstance(node, list):
        return [instantiate(value, f"{path}[{i}]", **facts) for i, value in enumerate(node)]
    return node


def build(node: Mapping[str, Any], path: str, facts: Mapping[str, Any]) -> Any:
    """Build the object of a node with a ``_target_``."""
    target = resolve(node["_target_"])
    given = {k: v for k, v in node.items() if k not in ("_target_", "_partial_")}
    parameters = inspect.signature(target).parameters
    check_names(given, parameters, path)
    values = {k: v for k, v in facts.items() if k in parameters}
    values |= {k: instantiate(v, join(path, k), **facts) for k, v in given.items()}
    check_types(values, target, path)
    if node.get("_partial_", False):
        return partial(target, **values)
    try:
        return target(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def join(path: str, key: str) -> str:
    """Return the path of a key of the node at ``path``."""
    return f"{path}.{key}" if path else str(key)


def check_names(given: Mapping[str, Any], parameters: Mapping[str, Any], path: str) -> None:
    """Refuse a key that the target does not take."""
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for key in given:
        if key not in parameters:
            close = get_close_matches(key, parameters, 1)
            hint = f"did you mean {close[0]}?" if close else f"allowed: {', '.join(parameters)}"
            raise ValueError(f"{join(path, key)} is not a setting; {hint}")


def check_types(values: Mapping[str, Any], target: Callable[..., Any], path: str) -> None:
    """Refuse a value that is not of the type its parameter is annotated with."""
    hints = get_type_hints(getattr(target, "__init__") if isinstance(target, type) else target)  # noqa: B009
    for key, value in values.items():
        if key in hints and not fits(value, hints[key]):
            wanted = describe(hints[key])
            raise ValueError(f"{join(path, key)} must be {wanted}; got {value!r}")


def fits(value: Any, hint: Any) -> bool:
    """Say whether a value is of an annotated type; annotations beyond plain ones accept all."""
    if get_origin(hint) in (Union, UnionType):
        return any(fits(value, choice) for choice in get_args(hint))
    origin = get_origin(hint) or hint
    if origin in (Sequence, list, tuple):
        items = [a for a in get_args(hint) if a is not Ellipsis] or [Any]
        return isinstance(value, (list, tuple)) and all(fits(v, items[0]) for v in value)
    if hint in (int, float):
        return not isinstance(value, bool) and isinstance(value, (int, hint))
    return not isinstance(origin, type) or isinstance(value, origin)


def describe(hint: Any) -> str:
    """Return the name of an annotated type for a message."""
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(describe(choice) for choice in get_args(hint))
    if get_origin(hint) in (Sequence, list, tuple):
        return f"a list of {describe(get_args(hint)[0])}"
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return "null" if hint is NoneType else names.get(hint, getattr(hint, "__name__", str(hint)))
