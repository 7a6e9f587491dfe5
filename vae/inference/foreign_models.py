"""Models of other packages: what must be there before they are run, and what must be given."""

__all__ = ["check_model", "needed", "of_package"]

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from inspect import signature
from traceback import walk_tb
from typing import Any

from torch import nn


def needed(module: str, function: str, package: str) -> Any:
    """Return a module of another package.

    Args:
        module: Its name.
        function: Of ours, that needs it.
        package: What is to be installed for it.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(f"{function} needs {error.name}: pip install {package}") from error


def check_model(
    name: str, model: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    """Refuse what is no model, or cannot be called with what it is given.

    Args:
        name: Of the function that takes it.
        model: What was given.
        args: What it is called with.
        kwargs: Likewise, by name.

    Raises:
        ValueError: If it is none.
    """
    if not callable(model):
        raise ValueError(
            f"{name} takes a model, a function of sample sites, and then what it is called with; "
            f"got {model!r:.60}"
        )
    try:
        form = signature(model.forward if isinstance(model, nn.Module) else model)
    except ValueError:  # of a function that does not tell
        return
    try:
        form.bind(*args, **kwargs)
    except TypeError as error:
        asked = ", ".join(["model", *form.parameters])
        raise ValueError(f"{name}({asked}) calls the model as model{form}: {error}") from error


def of_package(error: BaseException, package: str) -> bool:
    """Say whether an error came up through the code of a package."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    names = (frame.f_globals.get("__name__", "") for frame in frames)
    return any(name.partition(".")[0] == package for name in names)
