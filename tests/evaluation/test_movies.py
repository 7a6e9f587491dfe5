"""Pictures that move, as files."""

import subprocess

import pytest
import torch
from PIL import Image

from vae.evaluation import Figure, Picture, Report, Section, encode_gif, save_movie
from vae.evaluation.drawing import movies
from vae.evaluation.drawing.movies import check_movie, encoder, there_and_back
from vae.reports import write_files


def growing(count, height=32, width=40):
    """Frames in which a red column grows."""
    frames = torch.zeros(count, 3, height, width, dtype=torch.uint8)
    for t in range(count):
        frames[t, 0, :, : 2 * t + 1] = 255
    return frames


def test_a_gif_has_its_frames_and_their_duration(tmp_path):
    path = save_movie(tmp_path / "neu" / "grows.gif", growing(7))
    with Image.open(path) as movie:
        assert movie.n_frames == 7
        assert movie.size == (40, 32)
        assert movie.info["loop"] == 0
        for t in range(7):
            movie.seek(t)
            assert movie.info["duration"] == movies.DURATION
            red = [movie.convert("RGB").getpixel((x, 5)) == (255, 0, 0) for x in range(40)]
            assert sum(red) == 2 * t + 1


def test_a_large_gif_is_made_smaller(monkeypatch):
    frames = torch.randint(256, (5, 3, 90, 120), dtype=torch.uint8)
    assert len(encode_gif(frames)) > 30_000
    monkeypatch.setattr(movies, "MAX_BYTES", 30_000)
    written = encode_gif(frames)
    assert 10_000 < len(written) <= 30_000


def test_there_and_back_shows_the_ends_once():
    assert there_and_back(torch.arange(4)).tolist() == [0, 1, 2, 3, 2, 1]
    assert there_and_back(torch.arange(2)).tolist() == [0, 1]


@pytest.mark.skipif(encoder() is None, reason="needs ffmpeg")
def test_an_mp4_has_its_frames_at_an_even_size(tmp_path):
    path = save_movie(tmp_path / "neu" / "grows.mp4", growing(10, 33, 41))
    command = [encoder(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert b"Duration: 00:00:00.80" in done.stderr
    assert b"h264" in done.stderr
    shown = torch.frombuffer(bytearray(done.stdout), dtype=torch.uint8).view(10, 34, 42, 3)
    assert (shown[9, 5, :17, 0] > 200).all()
    assert (shown[9, 5, 21:40, 0] < 55).all()


def test_a_format_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"movie must be one of gif, mp4, none; got 'avi'"):
        check_movie("avi")
    monkeypatch.setattr(movies, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    check_movie("gif")
    with pytest.raises(ValueError, match=r"movie=mp4 needs ffmpeg: pip install imageio-ffmpeg"):
        save_movie(tmp_path / "grows.mp4", growing(2))


def test_a_report_writes_pictures_still_and_moving(tmp_path):
    pictures = {"still one": Picture(growing(1)[0]), "moving v1.5": Picture(growing(3))}
    section = Section("Pictures", {"a": Figure("a", 1.0)}, pictures=pictures)
    write_files(Report({}, {"pictures": section}, {}), tmp_path)
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == ["moving_v1.5.gif", "still_one.png"]
