"""What a run's summary and a report say of the data."""

__all__ = ["described"]

from typing import TYPE_CHECKING

from vae.visible import visible

if TYPE_CHECKING:
    from vae.data.module import DataModule

UNITS = "densities and x are in the units of the data; the nets see x standardised"


def described(data: "DataModule") -> dict[str, str | int]:
    """Return what the data are, how they were read and what becomes of them, by name.

    Names of files in it are `visible`: a report's files hold no bytes that are no letters.
    """
    spec, preprocess, parts = data.spec, data.preprocess, data.parts
    told: dict[str, str | int] = {
        "data": spec.name,
        "shape": "×".join(map(str, spec.shape)),
        "binarization": preprocess.binarization,
        "dequantize": str(preprocess.dequantize),
        **({"units": UNITS} if spec.standardized else {}),
        **{f"{name}_examples": len(examples) for name, examples in parts.splits.items()},
        **parts.facts,
        "batch_size": data.batch_size_for(),
        "split_seed": data.splitter.seed,
        "seed": data.seed,
    }
    return {k: visible(v) if isinstance(v, str) else v for k, v in told.items()}
