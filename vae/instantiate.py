"""From a plain config to objects: the one place where a name in a file becomes a call.

A node with a ``_target_`` is a call of that class with the node's other keys. Which classes a node
may name depends on where it stands: a config may come with somebody's checkpoint, and a free
choice of the callable would let the file run any code.
"""

__all__ = [
    "NAMES",
    "PACKAGES",
    "REFUSALS",
    "TRAINED",
    "check_settings",
    "first_line",
    "instantiate",
    "resolve",
    "todays",
]

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from lightning.fabric.utilities.exceptions import MisconfigurationException

from vae.argument_checks import unchecked
from vae.plugins import find_class, may_be_plugin


def listed(home: str, names: str) -> frozenset[str]:
    """Return the full names of some names of a module."""
    return frozenset(f"{home}.{name}" for name in names.split())


ACTIVATIONS = listed("torch.nn", "ELU GELU Identity LeakyReLU Mish ReLU SiLU Sigmoid Softplus Tanh")
FLOWS = listed("zuko.flows", "GF MAF NAF NICE NSF SOSPF UNAF")
OPTIMIZERS = listed("torch.optim", "Adadelta Adagrad Adam AdamW Adamax NAdam RAdam RMSprop SGD")
OPTIMIZERS |= {"pytorch_optimizer.SOAP"}
# The groups from which a model is made; nothing else of a loaded file is needed to sample.
MODEL = ("model", "posterior", "prior", "likelihood")
LOSS = ("objective", "estimator", "penalties")
TRAINED = (*MODEL, *LOSS, "optimizer", "scheduler")  # of which a module in training is made
NAMES: dict[str, frozenset[str]] = {  # for each group, the names that its nodes may have
    **dict.fromkeys(MODEL, ACTIVATIONS | FLOWS),
    **dict.fromkeys(LOSS, ACTIVATIONS | OPTIMIZERS),
    "optimizer": OPTIMIZERS,
    "scheduler": frozenset(),
    # They read files, fetch from addresses of their own and keep a cache of pictures: no more.
    "data": listed("vae.data", "Array Images Sprites CelebA CIFAR10 CIFAR100 EMNIST FashionMNIST")
    | listed("vae.data", "GPCurves RBF Matern Periodic MovingSprites Sequences")
    | listed("vae.data", "FactorSet KMNIST MNIST Omniglot STL10 SVHN Shards Table"),
    "trainer": listed("vae.training", "DataParallel ShardedParallel")
    | frozenset(["lightning.pytorch.Trainer"]),
    # Lightning's own stands in the records of older runs.
    "logger": listed("lightning.pytorch.loggers", "MLFlowLogger TensorBoardLogger WandbLogger")
    | listed("vae.training", "EventLog TableLog"),
    "report": frozenset(),
    "callbacks": listed("lightning.pytorch.callbacks", "EarlyStopping ModelCheckpoint Timer")
    | listed("lightning.pytorch.callbacks", "DeviceStatsMonitor LearningRateMonitor ModelSummary")
    | listed("lightning.pytorch.callbacks", "RichModelSummary RichProgressBar TQDMProgressBar"),
}
PACKAGES: dict[str, tuple[str, ...]] = {  # and the packages whose exported classes count too
    **dict.fromkeys(
        MODEL, ("vae.bayesian", "vae.distributions", "vae.models", "vae.networks", "vae.priors")
    ),
    **dict.fromkeys(LOSS, ("vae.networks", "vae.objectives", "vae.objectives.penalties")),
    "scheduler": ("vae.training",),
    "callbacks": ("vae.training.callbacks",),
    "report": ("vae.evaluation",),
}
MOVED = {  # names in files from before two classes shared one, and what they are called since
    "vae.objectives.Linear": "vae.objectives.LinearSchedule",
    "vae.training.callbacks.Progress": "vae.training.callbacks.ProgressLine",
}
UNKNOWN = (AttributeError, NameError, SyntaxError, TypeError)  # of an annotation
# What constructors of torch, Lightning and zuko raise at a wrong value.
REFUSALS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    MisconfigurationException,
    RuntimeError,
    TypeError,
    ValueError,
)


def resolve(target: Any, group: str) -> type[Any]:
    """Return the class that a ``_target_`` in a config group names.

    Raises:
        ValueError: If it is neither among the group's `NAMES` nor a class that one of its
            `PACKAGES` exports nor one of a plugin that is allowed, or the package that it comes
            from is not installed.
    """
    target = MOVED.get(str(target), str(target))
    home, _, name = target.rpartition(".")
    exported = home in PACKAGES.get(group, ()) and name in import_module(home).__all__
    if target in NAMES[group] or exported:
        try:
            with unchecked():  # zuko's import switches them off
                found: Any = getattr(import_module(home), name)
        except ModuleNotFoundError as error:
            package = home.replace("_", "-")
            raise ValueError(f"{target} needs a package: pip install {package}") from error
        if isinstance(found, type):
            return found
    elif (own := find_class(target, group)) is not None:
        return own
    told = f"_target_ {target} is not a part that a config may name under {group}"
    top = target.partition(".")[0]
    hint = f"; a class from outside needs plugins=[{top}]" if home and may_be_plugin(top) else ""
    raise ValueError(f"{told}{hint}")


def todays(node: Any) -> Any:
    """Return settings in which parts that had another name bear that of today; see `MOVED`."""
    if isinstance(node, dict):
        return {key: todays(value) for key, value in node.items()}
    if isinstance(node, list):
        return [todays(value) for value in node]
    return MOVED.get(node, node) if isinstance(node, str) else node


def instantiate(node: Any, path: str, **facts: Any) -> Any:
    """Build the object that a config node describes.

    Args:
        node: Plain dicts, lists and scalars. A dict with ``_target_`` becomes an object, and with
            ``_partial_: true`` a function that still wants arguments; lists and other dicts are
            searched.
        path: Where the node stands in the config. Its first word is the group, which says what
            may be named; messages give the whole of it.
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
    target: Callable[..., Any] = resolve(
        str(node["_target_"]), path.partition(".")[0].partition("[")[0]
    )
    given = {k: v for k, v in node.items() if k not in ("_target_", "_partial_")}
    check_names(given, inspect.signature(target), target.__module__, path)
    values = {k: v for k, v in facts.items() if k in inspect.signature(target).parameters}
    values |= {k: instantiate(v, join(path, k), **facts) for k, v in given.items()}
    check_types(values, target, path)
    if node.get("_partial_", False):
        return partial(target, **values)
    check_complete(values, inspect.signature(target), path)
    try:
        return target(**values)
    except REFUSALS as error:
        raise ValueError(f"{path}: {first_line(error)}") from error


def check_settings(settings: Mapping[str, Any], function: Callable[..., Any], path: str) -> None:
    """Refuse settings of a group that a function does not take as they are.

    Args:
        settings: Plain values by name.
        function: Its keyword-only parameters are what may be set, and without default must be.
        path: Where they stand in the config.

    Raises:
        ValueError: With the config path, if a name or a type does not fit or a setting is missing.
    """
    signature = inspect.signature(function)
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    own = [p for p in signature.parameters.values() if p.kind in kinds]
    signature = signature.replace(parameters=own)
    check_names(settings, signature, function.__module__, path)
    check_types(settings, function, path)
    check_complete(settings, signature, path)


def first_line(error: BaseException) -> str:
    """Return what an error says; of torch, a message goes on with the frames of its C++."""
    return (str(error) or type(error).__name__).splitlines()[0]


def join(path: str, key: str) -> str:
    """Return the path of a key of the node at ``path``."""
    return f"{path}.{key}"


def check_names(
    given: Mapping[str, Any], signature: inspect.Signature, module: str, path: str
) -> None:
    """Refuse a key that a function of some module does not take."""
    parameters = signature.parameters.values()
    # Others hand further keys on at once, and refuse them; Lightning does so when training begins.
    late = module.startswith("lightning.")
    if not late and any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    names = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    for key in given:
        if key not in names:
            close = get_close_matches(key, names, 1)
            few = f"allowed: {', '.join(names)}" if len(names) < 20 else "see --cfg job"
            hint = f"did you mean {close[0]}?" if close else few
            raise ValueError(f"{join(path, key)} is not a setting; {hint}")


def check_complete(given: Mapping[str, Any], signature: inspect.Signature, path: str) -> None:
    """Refuse to leave out what has no default."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    for name, p in signature.parameters.items():
        if p.default is p.empty and p.kind not in variadic and name not in given:
            raise ValueError(f"{join(path, name)} is missing, and nothing else gives it here")


def check_types(values: Mapping[str, Any], target: Callable[..., Any], path: str) -> None:
    """Refuse a value that is not of the type its parameter is annotated with."""
    hints = hints_of(target)
    for key, value in values.items():
        if key in hints and not fits(value, hints[key]):
            wanted = describe(hints[key])
            raise ValueError(f"{join(path, key)} must be {wanted}; got {value!r}")


def hints_of(target: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of a function's parameters, or of a class's, as far as they are known.

    Those of a class from elsewhere may be texts that mean nothing where they stand: Lightning's
    `WandbLogger` (2.6) is annotated with what only a type checker imports.
    """
    function = getattr(target, "__init__") if isinstance(target, type) else target  # noqa: B009
    try:
        return get_type_hints(function)
    except UNKNOWN:
        found: dict[str, Any] = {}
        for name, hint in getattr(function, "__annotations__", {}).items():
            with suppress(*UNKNOWN):
                alone = SimpleNamespace(__annotations__={name: hint})
                found |= get_type_hints(alone, function.__globals__)
        return found


def fits(value: Any, hint: Any) -> bool:
    """Say whether a value is of an annotated type; annotations beyond plain ones accept all."""
    if get_origin(hint) in (Union, UnionType):
        return any(fits(value, choice) for choice in get_args(hint))
    origin = get_origin(hint) or hint
    if origin is Literal:
        return value in get_args(hint)
    if origin in (Sequence, list, tuple):
        items = [a for a in get_args(hint) if a is not Ellipsis] or [Any]
        return isinstance(value, (list, tuple)) and all(fits(v, items[0]) for v in value)
    if hint in (int, float):
        return not isinstance(value, bool) and isinstance(value, (int, hint))
    try:
        return not isinstance(origin, type) or isinstance(value, origin)
    except TypeError:  # a protocol that cannot be asked at run time
        return True


def describe(hint: Any) -> str:
    """Return the name of an annotated type for a message."""
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(describe(choice) for choice in get_args(hint))
    if get_origin(hint) in (Sequence, list, tuple):
        return f"a list of {describe(get_args(hint)[0])}"
    if get_origin(hint) is Literal:
        return " or ".join(map(str, get_args(hint)))
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return "null" if hint is NoneType else names.get(hint, getattr(hint, "__name__", str(hint)))
