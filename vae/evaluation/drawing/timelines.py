"""Sequences as the drawings want them: a signal for each, time to the right."""

__all__ = ["FEW_CHANNELS", "signal_maps", "timelines", "with_gaps"]

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from vae.batch import Batch, of_steps, within
from vae.spec import DataSpec

FEW_CHANNELS = 12  # that can be told apart as curves
LONGEST = 200  # steps of a map, each a pixel wide


def timelines(rows: Tensor, spec: DataSpec | None, lengths: Tensor | None = None) -> Tensor:
    """Return sequences ``(*lead, T, *event)`` as signals ``(*lead, D, T)``, NaN beyond each length.

    Other examples stay as they are.

    Args:
        rows: Examples of the data.
        spec: Of the data; ``None`` if nothing is known of them.
        lengths: Broadcastable to ``lead``; ``None`` if all steps are drawn.
    """
    if spec is None or not spec.of_sequences:
        return rows
    lead = rows.dim() - len(spec.shape)
    flat = rows.reshape(*rows.shape[: lead + 1], -1)
    if lengths is not None:
        inside = within(lengths.to(rows.device), flat.shape[-2])
        flat = torch.where(inside.unsqueeze(-1), flat, torch.nan)
    return flat.transpose(-1, -2)


def with_gaps(rows: Tensor, batch: Batch) -> Tensor:
    """Return rows whose first is x of a batch, with NaN where a value of a sequence is missing.

    Args:
        rows: ``(R, B, T, *event)``.
        batch: Has ``length`` if these are sequences, and ``mask`` if values are missing.
    """
    mask = batch.get("mask")
    if mask is None or "length" not in batch:
        return rows
    known = of_steps(mask != 0, rows[0])
    return torch.cat([torch.where(known, rows[:1], torch.nan), rows[1:]])


def signal_maps(frames: Tensor) -> tuple[Tensor, str]:
    """Return signals of many channels ``(*lead, C, L)`` as pictures in [0, 1], and a note on them.

    Args:
        frames: NaN where there is nothing.

    Returns:
        ``(*lead, 1, C, L)``, channels upwards; of long signals each column is a mean.
    """
    if frames.shape[-1] > LONGEST:
        flat = frames.reshape(1, -1, frames.shape[-1])
        frames = interpolate(flat, LONGEST, mode="area").reshape(*frames.shape[:-1], LONGEST)
    known = frames[frames.isfinite()]
    low, high = (v.item() for v in known.aminmax()) if len(known) else (0.0, 1.0)
    scaled = (frames - low) / max(high - low, 1e-12)
    note = f"Channels upwards, the first at the bottom; black is {low:.3g}, white {high:.3g}."
    return scaled.flip(-2).unsqueeze(-3), note
