"""The files of a report."""

import json

import pytest
import torch
from PIL import Image

from tests.reports.example import example
from vae.evaluation import save_movie, save_picture
from vae.reports import write_files, write_page


def test_figures_stand_with_error_and_protocol_in_valid_json(tmp_path):
    write_files(example(), tmp_path)

    def refuse(constant):
        raise AssertionError(constant)

    held = json.loads((tmp_path / "metrics.json").read_text(), parse_constant=refuse)
    bound = held["bound"]
    assert bound["figures"]["nll"] == 97.25
    assert bound["figures"]["nll_standard_error"] == 0.125
    assert bound["figures"]["unknown"] is None
    assert bound["figures"]["infinite"] is None
    assert bound["series"]["kl"] == [0.5, None]
    assert bound["protocol"]["num_samples"] == [1, 10]
    assert held["protocol"]["split"] == "test"
    assert held["left_out"] == {"quality": "there are no pictures"}


def test_each_picture_has_a_file_without_spaces_in_its_name(tmp_path):
    files = write_files(example(), tmp_path)
    path = files["bound", "red field"]
    assert path == tmp_path / "pictures" / "red_field.png"
    with Image.open(path) as picture:
        assert picture.size == (60, 40)
        assert picture.getpixel((5, 5)) == (255, 0, 0)


@pytest.fixture
def written(tmp_path):
    """A folder with the files of a report, and what they hold."""
    files = write_files(example(), tmp_path)
    write_page(example(), files, tmp_path / "report.html")
    return tmp_path, files, contents(tmp_path)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_full_disk_leaves_the_files_of_a_report_as_they_were(written, full_disk):
    folder, files, before = written
    report = example(title="another")
    noise = torch.randint(0, 256, (3, 40, 60), dtype=torch.uint8)
    for write in (
        lambda: write_files(report, folder),
        lambda: write_page(report, files, folder / "report.html"),
        lambda: save_movie(folder / "pictures" / "fading.gif", torch.stack([noise, noise // 2])),
        lambda: save_picture(folder / "pictures" / "red_field.png", noise),
    ):
        with pytest.raises(OSError, match="File too large"):
            write()
        assert contents(folder) == before
