"""From the shape of a stored array to that of one example."""

__all__ = ["CHANNELS", "event_shape", "sequence_shape"]

from pathlib import Path

from vae.data.formats.headers import ArrayHeader

CHANNELS = (None, "first", "last", "none")


def event_shape(
    path: Path, header: ArrayHeader, channels: str | None, *, single: bool = False
) -> tuple[int, ...]:
    """Return ``(D,)``, ``(C, L)`` or ``(C, H, W)`` of an array ``(N, ...)``.

    Args:
        path: Its file, for messages.
        header: What it says of itself.
        channels: Where the channels stand: ``first``, ``last``, or ``none`` if it has none;
            ``None`` takes 2 dimensions as vectors and 4 as channels first.
        single: Whether the file holds one example without N, for messages; the header says N = 1.

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
        wanted = "(D,), (C, L) or (C, H, W)" if single else "(N, D), (N, C, L) or (N, C, H, W)"
        raise ValueError(
            f"{path} has shape {shape[single:]}: it must be {wanted}, with no dimension of 0."
        )
    check_channels(path, shape, channels, single=single)
    if channels == "none":
        return (1, *shape[1:])
    return (shape[-1], *shape[1:-1]) if channels == "last" else shape[1:]


def sequence_shape(path: Path, header: ArrayHeader, channels: str | None) -> tuple[int, ...]:
    """Return ``(T, *event)`` of sequences ``(N, T, *event)``; ``(T, 1)`` of single numbers.

    Raises:
        ValueError: If it holds no numbers, or its shape cannot be used, or channels are set.
    """
    if channels is not None:
        raise ValueError(
            f"data.channels={channels} is not for sequences, of which the field length says that "
            f"{path} holds them: they are (N, T, D). Use data.channels=null."
        )
    flat = header._replace(shape=header.shape[:2]) if len(header.shape) > 2 else header
    shape = event_shape(path, flat, None)
    if 0 in header.shape:
        raise ValueError(f"{path} has shape {header.shape}: no dimension may be 0.")
    return (*shape, *(header.shape[2:] or (1,)))


def check_channels(
    path: Path, shape: tuple[int, ...], channels: str | None, *, single: bool = False
) -> None:
    """Refuse a setting that does not suit the shape, and a shape that needs one."""
    n, shown, rank = ("", shape[1:], 2) if single else ("N, ", shape, 3)
    if channels is None and len(shape) == 3:
        raise ValueError(
            f"{path} has shape {shown}: set data.channels=none for pictures ({n}H, W), or "
            f"first for signals ({n}C, L), or last for signals ({n}L, C)."
        )
    if channels is None and len(shape) == 4 and shape[-1] in (1, 3, 4) and shape[1] > 4:
        raise ValueError(
            f"{path} has shape {shown}, with channels last it seems: set data.channels=last, or "
            f"data.channels=first if it is ({n}C, H, W)."
        )
    if channels == "none" and len(shape) == 4:
        raise ValueError(
            f"data.channels=none needs {rank - 1} or {rank} dimensions; {path} has {shown}."
        )
    if channels == "last" and len(shape) == 2:
        raise ValueError(
            f"data.channels=last needs {rank} or {rank + 1} dimensions; {path} has {shown}."
        )
