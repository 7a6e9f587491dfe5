"""A report in TensorBoard."""

import re
from html import unescape

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.reports.example import example
from vae.reports import write_events, write_files
from vae.reports.events import markdown
from vae.training.event_log import EventWriter


@pytest.fixture
def folder(tmp_path):
    report = example()
    with EventWriter(str(tmp_path)) as writer:
        write_events(report, write_files(report, tmp_path), writer, 7)
    return tmp_path


def test_figures_texts_and_pictures_are_there(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    (scalar,) = events.Scalars("report/bound/nll")
    assert (scalar.step, scalar.value) == (7, 97.25)
    assert "report/bound/unknown" not in events.Tags()["scalars"]
    (image,) = events.Images("report/bound/red field")
    assert (image.width, image.height) == (60, 40)
    assert image.encoded_image_string == (folder / "pictures" / "red_field.png").read_bytes()
    texts = [tag for tag in events.Tags()["tensors"] if "per class" in tag or "notes" in tag]
    assert len(texts) == 2


def test_the_projector_knows_points_labels_and_thumbnails(folder):
    config = (folder / "projector_config.pbtxt").read_text()
    for name in ("labelled", "bare", "factors"):
        assert f"bound-{name}" in config
    (labels,) = folder.glob("*/bound-labelled/metadata.tsv")
    assert labels.read_text().split() == ["1", "2", "3", "4"]
    (factors,) = folder.glob("*/bound-factors/metadata.tsv")
    assert factors.read_text().splitlines()[0] == "shape\tscale"
    assert len(list(folder.glob("*/bound-labelled/sprite.png"))) == 1


NAMES = ["log p(x|z)", "a*b*c", "_x_", "`x`", "[x](y)", "<b>x</b>", "a & b", "\\|", "−3.5", "~x~"]


@pytest.mark.filterwarnings("ignore:html5lib's sanitizer is deprecated")
@pytest.mark.parametrize("name", NAMES)
def test_tensorboard_shows_a_name_as_it_is(name):
    """As the title of a column and in a cell, by what TensorBoard's server makes HTML with."""
    from tensorboard.plugin_util import markdown_to_safe_html

    shown = markdown_to_safe_html(markdown([{name: name, "other": name}]))
    assert shown.count("<th>") == shown.count("<td>") == 2
    texts = re.findall("<t[hd]>(.*)</t[hd]>", shown)
    assert [unescape(text) for text in texts] == [name, "other", name, name]
