"""Pictures that move, as files."""

__all__ = ["MOVIES", "MovieFormat", "check_movie", "encode_gif", "save_movie", "there_and_back"]

import shutil
import subprocess
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from vae.checks import check_choice
from vae.evaluation.drawing.render import as_image
from vae.files import replace_durably

MovieFormat = Literal["gif", "mp4", "none"]
MOVIES = ("gif", "mp4", "none")
DURATION = 80  # of a frame, milliseconds; GIF counts in tens
MAX_BYTES = 2_000_000  # of a GIF, which a page holds whole


def check_movie(movie: str) -> None:
    """Refuse a format that is not known or cannot be written.

    Raises:
        ValueError: If it is none of `MOVIES`, or the encoder of MP4 is not installed.
    """
    check_choice("movie", movie, MOVIES)
    if movie == "mp4" and encoder() is None:
        raise ValueError("movie=mp4 needs ffmpeg: pip install imageio-ffmpeg, or use movie=gif")


def encoder() -> str | None:
    """Return the ffmpeg that imageio-ffmpeg brings, else the system's, else ``None``."""
    if find_spec("imageio_ffmpeg") is None:
        return shutil.which("ffmpeg")
    from imageio_ffmpeg import get_ffmpeg_exe

    return get_ffmpeg_exe()


def there_and_back(frames: Tensor) -> Tensor:
    """Return ``(T, ...)`` frames followed by those between the last and the first, reversed."""
    return torch.cat([frames, frames[1:-1].flip(0)])


def save_movie(path: str | Path, frames: Tensor) -> Path:
    """Write uint8 frames ``(T, 3, height, width)`` as .gif or .mp4, by the path, and return it.

    Raises:
        ValueError: If the path has another suffix, or the encoder of MP4 is not installed.
    """
    path = Path(path)
    check_movie(path.suffix[1:])
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".mp4":
        replace_durably({path: lambda file: write_mp4(Path(file.name), frames)})
    else:
        replace_durably({path: lambda file: file.write(encode_gif(frames))})
    return path


def encode_gif(frames: Tensor) -> bytes:
    """Return uint8 frames ``(T, 3, height, width)`` as a GIF that loops.

    One above 2 MB is made smaller until it is below.
    """
    images = [as_image(frame) for frame in frames]
    # One palette for all frames, or colours flicker; no dithering, which costs half the bytes.
    palette = as_image(torch.cat(list(frames[:: -(-len(frames) // 8)]), 1)).quantize(256)
    while True:
        written = with_palette(images, palette)
        if len(written) <= MAX_BYTES:
            return written
        shrink = 0.9 * (MAX_BYTES / len(written)) ** 0.5
        width, height = (max(1, int(shrink * side)) for side in images[0].size)
        images = [image.resize((width, height), Image.Resampling.LANCZOS) for image in images]


def with_palette(images: list[Image.Image], palette: Image.Image) -> bytes:
    """Return images of one size as a GIF that loops."""
    buffer = BytesIO()
    first, *others = (im.quantize(palette=palette, dither=Image.Dither.NONE) for im in images)
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=DURATION, loop=0)
    return buffer.getvalue()


def write_mp4(path: Path, frames: Tensor) -> None:
    """Write an MP4 that browsers play, whose sides must be even."""
    height, width = (side + side % 2 for side in frames.shape[-2:])
    even = frames.new_full((len(frames), height, width, 3), 255)
    even[:, : frames.shape[-2], : frames.shape[-1]] = frames.permute(0, 2, 3, 1)
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    source = [*raw, "-r", str(1000 / DURATION), "-i", "-"]
    target = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-f", "mp4", str(path.resolve())]
    command = [str(encoder()), "-y", "-loglevel", "error", *source, *target]
    subprocess.run(command, input=even.numpy().tobytes(), check=True, capture_output=True)
