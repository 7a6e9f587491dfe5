"""What comes from files reaches the terminal as letters: nothing there is obeyed."""

import os
import shutil
import unicodedata

import numpy as np
import pytest
from PIL import Image

from tests.cli.command import TINY, call
from vae.cli import app
from vae.cli.display import notes_of
from vae.evaluation import Figure, Report, Section
from vae.evaluation.measures.prior_gap import caveats
from vae.terminal import console, say

HOSTILE = "\x1b]0;owned\x9c\x1b[2J\u202e[red]x:smile:"
SHOWN = r"\x1b]0;owned\x9c\x1b[2J\u202e[red]x:smile:"


def is_plain(text):
    """Say whether a terminal finds nothing to obey in a text."""
    return all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in text)


@pytest.fixture
def pictures(tmp_path):
    """A folder of classes and files whose names a terminal would obey, one of them damaged."""
    for name in (HOSTILE, "[link=x]plain"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for i in range(30):
            noise = np.random.default_rng(i).integers(0, 256, (4, 4), dtype=np.uint8)
            Image.fromarray(noise).save(folder / f"{i}.png")
    place = os.fsencode(tmp_path / "data" / HOSTILE) + b"/\xff" + os.fsencode(HOSTILE) + b".png"
    with open(place, "wb") as file:
        file.write(b"no picture")
    return [
        *TINY, "data=images", f"data.root='{tmp_path / 'data'}'", "data.image_size=4",
        "data.mode=gray", f"data.cache='{tmp_path / 'cache'}'", "data.val_size=8",
    ]  # fmt: skip


def test_names_of_files_and_classes_are_shown_and_not_obeyed(
    pictures, monkeypatch, capsys, tmp_path
):
    def told(*arguments, expected=0, **options):
        status, out, message = call(monkeypatch, capsys, tmp_path, *arguments, **options)
        assert status == expected, message
        assert is_plain(out), repr(out)
        assert is_plain(message), repr(message)
        return out.replace("\n", ""), message

    monkeypatch.setenv("COLUMNS", "1000")
    assert SHOWN in told(*pictures, expected=2)[1]  # an error
    out, _ = told(*pictures, "data.damaged=skip", "report=[bound,by_label]")
    assert SHOWN in out
    assert rf"\udcff{SHOWN}.png" in out
    assert "[link=x]plain" in out
    for name in (HOSTILE, "[dim]other"):
        shutil.copytree(tmp_path / "run", tmp_path / "runs" / name)
    runs = [f"checkpoint='{tmp_path / 'runs'}'", "report=[bound]", "test_samples=2"]
    out, _ = told(*runs, command=app.evaluate)  # a comparison
    assert SHOWN in out
    assert "[dim]other" in out


def test_a_sentence_on_the_way_is_shown_and_not_obeyed(capsys):
    say(f"the cache {HOSTILE} is damaged")
    assert capsys.readouterr().err == f"the cache {SHOWN} is damaged\n"


def test_a_style_of_ones_own_stays():
    shown = console()
    with shown.capture() as caught:
        shown.print(f"[bold]{HOSTILE}", style="bold")
    assert caught.get() == f"[bold]{SHOWN}\n"


def test_what_two_sections_say_of_the_mutual_information_is_printed_once():
    """The bound and the latent space, of other numbers of examples."""
    figures = {"mutual_information": Figure("mutual information", 4.0, "nats")}
    first, second = (caveats(figures, count)[0] for count in (50, 60))
    sections = {"a": Section("a", notes=[first, "own"]), "b": Section("b", notes=[second])}
    assert notes_of(Report({}, sections)) == ["own", second]
    sections["b"] = sections["a"]
    assert notes_of(Report({}, sections)).count(first) == 1
