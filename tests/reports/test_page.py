"""The page of a report."""

import base64
import re
from html.parser import HTMLParser

import pytest

from tests.reports.example import HOSTILE, example
from vae.reports import write_files, write_page

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Reader(HTMLParser):
    """Checks that tags close in order; collects tags, addresses and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.tags, self.addresses, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def page(tmp_path):
    report = example(title=HOSTILE)
    files = write_files(report, tmp_path)
    path = tmp_path / "report.html"
    write_page(report, files, path)
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert not reader.open
    return reader, files


def test_the_page_needs_no_other_file_and_no_network(page):
    reader, files = page
    assert not {"script", "link", "iframe"} & set(reader.tags)
    assert all(a.startswith(("data:image/", "#")) for a in reader.addresses)
    held = [a.partition(",") for a in reader.addresses if a.startswith("data:")]
    assert [kind for kind, _, _ in held] == ["data:image/png;base64", "data:image/gif;base64"]
    for (_, _, data), title in zip(held, ("red field", "fading"), strict=True):
        assert base64.b64decode(data) == files["bound", title].read_bytes()


def test_names_from_a_foreign_file_are_text(page):
    reader, _ = page
    assert "".join(reader.text).count(HOSTILE) >= 4  # title, protocol, table, note


@pytest.mark.parametrize(
    "words", ["97.250 ± 0.125", "nats", "–", "num_samples", "there are no pictures", "-1.500"]
)
def test_figures_stand_with_units_and_protocol(page, words):
    assert re.search(re.escape(words), " ".join(page[0].text))
