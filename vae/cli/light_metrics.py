"""torchmetrics without the metrics: Lightning needs two of its classes, and imports all of it."""

__all__ = ["lighten_torchmetrics"]

import logging
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

NAME = "torchmetrics"
OF_METRICS = {
    "Metric": f"{NAME}.metric",
    "MetricCollection": f"{NAME}.collections",
    "__version__": f"{NAME}.__about__",
}


class Light(ModuleType):
    """The package without its ``__init__.py``, which is run at the first name that needs it."""

    def __getattr__(self, name: str) -> Any:
        if name in OF_METRICS:
            return getattr(import_module(OF_METRICS[name]), name)
        if name.startswith("__"):
            raise AttributeError(name)
        self.__class__ = ModuleType  # type: ignore[assignment]
        assert self.__spec__ is not None
        assert self.__spec__.loader is not None
        self.__spec__.loader.exec_module(self)
        return getattr(self, name)


def lighten_torchmetrics() -> None:
    """Let ``import torchmetrics`` load no metric before one is asked for.

    torchmetrics 1.9.0 loads every metric that it has, and with them scipy.signal, torchvision's
    models and more, which ``python -X importtime`` shows. Modules of its own work as ever, and any
    other name runs the whole ``__init__.py``. A version for which this does not do is imported in
    the ordinary way.
    """
    spec = find_spec(NAME) if NAME not in sys.modules else None
    if spec is None:
        return
    module = module_from_spec(spec)
    module.__class__ = Light
    vars(module)["_logger"] = logging.getLogger(NAME)  # of which its utilities make use
    sys.modules[NAME] = module
    try:
        import_module(f"{NAME}.utilities")  # before its classes, which import each other
        for name in OF_METRICS:
            getattr(module, name)
    except Exception:  # whatever another version does
        for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
            del sys.modules[name]
