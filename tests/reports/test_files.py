"""The files of a report."""

import json

from PIL import Image

from tests.reports.example import example
from vae.reports import write_files


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
