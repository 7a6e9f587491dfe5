"""The page of a report."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

import vae.reports
from tests.reports.example import HOSTILE, example
from vae.evaluation import Figure, Picture, Section
from vae.evaluation.drawing.plots import points
from vae.evaluation.section import quantity
from vae.history import Point
from vae.reports import write_files, write_page
from vae.reports.groups import QUESTIONS, grouped

VOID = {"meta", "img", "br", "hr", "link", "input", "wbr"}
DRAWN = {"svg", "g", "defs", "clippath", "path", "rect", "use", "text", "tspan", "image"}
PIXELS = torch.zeros(3, 60, 40, dtype=torch.uint8)
HARD = "\N{NO-BREAK SPACE}"


class Reader(HTMLParser):
    """Checks that tags close in order; collects tags, addresses and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.tags, self.addresses, self.text, self.inside = [], [], [], [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for name, v in attrs if name in ("src", "href", "xlink:href")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if "svg" in self.open:
            self.inside.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(report, folder):
    files, path = write_files(report, folder), folder / "report.html"
    write_page(report, files, path)
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert not reader.open
    return reader, path.read_text(encoding="utf-8")


@pytest.fixture
def page(tmp_path):
    return read(example(title=HOSTILE), tmp_path)


def gallery_and_others():
    """A report with sections in an order of their own, of which one is of nobody's making."""
    rows = Picture(PIXELS, rows=("data", "T = 0.7", ""), note=f"About {HOSTILE}")
    named = points(torch.rand(6, 2), [0, 1, 2] * 2, xlabel="", ylabel="", names=[HOSTILE, "b", "c"])
    names = ("mine", "probe", "gallery", "scatter", "bound")
    sections = {name: Section(f"{name} title") for name in names}
    sections["gallery"] = Section("Gallery", pictures={"samples": rows})
    sections["scatter"] = Section("Scatter", pictures={"by label": named})
    sections["bound"] = Section("Bound", {"elbo": Figure("ELBO", -1234.56789, "nats", 0.0321)})
    history = [Point(i, -100.0 + i, -90.0, 10.0, -99.0 + i, i) for i in range(1, 9)]
    return replace(example(), sections=sections, history=history)


def test_the_page_needs_no_other_file_and_no_network(page):
    reader, _ = page
    assert not {"script", "link", "iframe"} & set(reader.tags)
    assert all(a.startswith(("data:image/", "#")) for a in reader.addresses)
    held = [a.partition(",") for a in reader.addresses if a.startswith("data:")]
    assert [kind for kind, _, _ in held] == ["data:image/png;base64", "data:image/gif;base64"]
    assert all(base64.b64decode(data, validate=True) for _, _, data in held)


def test_names_from_a_foreign_file_are_text(page, tmp_path):
    assert "".join(page[0].text).count(HOSTILE) >= 4  # title, protocol, table, note
    reader, _ = read(gallery_and_others(), tmp_path)
    assert {"script"}.isdisjoint(reader.tags)
    assert HOSTILE[:20] in "".join(reader.text)  # of a legend
    assert reader.inside < DRAWN


@pytest.mark.parametrize(
    "words",
    [f"97.25{HARD}±{HARD}0.12", "nats", "–", "num_samples", "there are no pictures", "−1.5"],
)
def test_figures_stand_with_units_and_protocol(page, words):
    assert re.search(re.escape(words), " ".join(page[0].text))


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1, 0.0, "1"),  # of values all alike: not known without error
        (2.89, 0.0, "2.890"),
        (2.89, 0.0012, "2.890 ± 0.001"),
        (4.787492, 8e-6, "4.787 ± <0.001"),
        (0.00123, 0.000021, "0.001230 ± 0.000021"),
        (0.0, 1e-9, "0 ± 1e-09"),
        (-12070.3, 139.4, "-12,070 ± 139"),
        (2.89, float("nan"), "2.890"),
        (3, None, "3"),
        (None, 0.1, "–"),
    ],
)
def test_an_error_is_written_where_it_is_known_and_to_digits_that_tell(value, error, text):
    assert quantity(value, error) == text


def test_what_a_reader_wants_first_stands_first(tmp_path):
    """Verdict, samples and reconstructions, the curve; then each section below its question."""
    _, text = read(gallery_and_others(), tmp_path)
    first, second, third = QUESTIONS
    places = [
        *('class="verdict"', ">samples<", "ELBO during training", 'class="cards"'),
        *(f"<h2>{first}", 'id="bound"', f"<h2>{second}", 'id="scatter"', f"<h2>{third}"),
        *('id="probe"', "<h2>Further", 'id="mine"', 'id="protocol"'),
    ]
    found = [text.index(place) for place in places]
    assert found == sorted(found)


def test_every_section_that_can_be_chosen_has_its_place():
    folder = Path(vae.reports.__file__).parents[1] / "conf" / "report"
    names = {path.stem for path in folder.glob("*.yaml")} - {"full", "basic"}
    assert {group.title for group in grouped(names)} == set(QUESTIONS)
    assert grouped(["comparison", "udr"]) == [("", ["comparison", "udr"])]


def test_the_words_of_a_picture_are_text_beside_it_and_plots_are_drawn_by_the_page(tmp_path):
    reader, text = read(gallery_and_others(), tmp_path)
    labels = text[text.index('class="labels"') :]
    assert re.findall(r"grid-row: span (\d)[^>]*>([^<]*)<", labels) == [
        ("1", "data"),
        ("2", f"T{HARD}={HARD}0.7"),
    ]
    assert 'width="40" height="60"' in text
    assert reader.tags.count("svg") == 2
    assert "currentColor" in text


def test_no_line_break_parts_a_quantity():
    style = (Path(vae.reports.__file__).parent / "page.css").read_text()
    for part in (r"\.cards p, \.figures dd", r"td\.number, td\.quantity"):
        assert re.search(part + r" \{[^}]*white-space: nowrap", style)
