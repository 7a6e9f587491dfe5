"""zuko, whose import leaves torch's checks of arguments as they were. It is imported here only."""

__all__ = ["NormalizingFlow", "zuko"]

from vae.argument_checks import unchecked

with unchecked():
    import zuko
    from zuko.distributions import NormalizingFlow
