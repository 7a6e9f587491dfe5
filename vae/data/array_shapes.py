"""From the shape of a stored array to that of one example."""

__all__ = ["CHANNELS", "event_shape"]

from pathlib import Path

from vae.data.headers import ArrayHeader

CHANNELS = (None, "first", "last", "none")


def event_shape(path: Path, header: ArrayHeader, channels: str | None) -> tuple[int, ...]:
    """Return ``(D,)``, ``(C, L)`` or ``(C, H, W)`` of an array ``(N, ...)``.

    Args:
        path: Its file, for messages.
        header: What it says of itself.
        channels: Where the channels stand: ``first``, ``last``, or ``none`` if it has none;
            ``None`` takes 2 dimensions as vectors and 4 as channels first.

    Raises:
        ValueError: If it holds no numbers, or its shape cannot be used, or may be several things.
    """
    shape = header.shape
    if header.dtype.kind == "O":
        raise ValueError(
            f"{path} holds Python objects: only real numbers can be used. Store them by "
            "numpy.stack or x.astype('float32')."
        )
    if header.dtype.kind not in "fiub":
        raise ValueError(f"{path} holds {header.dtype}: only real numbers can be used.")
    if not 2 <= len(shape) <= 4 or 0 in shape:
        raise ValueError(
            f"{path} has shape {shape}: it must be (N, D), (N, C, L) or (N, C, H, W), "
            "with no dimension of 0."
        )
    check_channels(path, shape, channels)
    if channels == "none":
        return (1, *shape[1:])
    return (shape[-1], *shape[1:-1]) if channels == "last" else shape[1:]


def check_channels(path: Path, shape: tuple[int, ...], channels: str | None) -> None:
    """Refuse a setting that does not suit the shape, and a shape that needs one."""
    if channels is None and len(shape) == 3:
        raise ValueError(
            f"{path} has shape {shape}: set data.channels=none for pictures (N, H, W), or "
            "first for signals (N, C, L), or last for signals (N, L, C)."
        )
    if channels is None and len(shape) == 4 and shape[-1] in (1, 3, 4) and shape[1] > 4:
        raise ValueError(
            f"{path} has shape {shape}, with channels last it seems: set "
            "data.channels=last, or data.channels=first if the second dimension is channels."
        )
    if channels == "none" and len(shape) == 4:
        raise ValueError(f"data.channels=none needs 2 or 3 dimensions; {path} has {shape}.")
    if channels == "last" and len(shape) == 2:
        raise ValueError(f"data.channels=last needs 3 or 4 dimensions; {path} has {shape}.")
