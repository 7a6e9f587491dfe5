"""Modules from outside as they come: found or not, failing, with annotations of all kinds."""

import sys

import pytest

from vae.instantiate import NAMES, instantiate
from vae.plugins import KINDS, allowed, named_class, plugins_of

NAME = "own_parts"
ODD = """
from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypedDict, TypeVar

from torch import nn

if TYPE_CHECKING:
    from nowhere import Something

T = TypeVar("T")


class Sized(Protocol):
    size: int


class Options(TypedDict):
    width: int


class Base(nn.Module):
    def __init__(self, width=1, **kwargs):
        super().__init__()
        self.width = width


class Unknown(Base):
    def __init__(self, width: Something, *more: Nothing, depth: int = 1):
        super().__init__(width)


class Broken(Base):
    def __init__(self, width: "list[", depth: 3 = 1):
        super().__init__(width)


class Structural(Base):
    def __init__(self, width: Sized, options: Options | None = None, other: T = None):
        super().__init__(width)


class Any(Base):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class Inherited(Base):
    pass


class Late(Base):
    width: int

    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)


class Typed(Base):
    def __init__(self, width: int):
        super().__init__(width)


class Raises(Base):
    def __init__(self, width: int):
        raise KeyError("no such width\\nand more")
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder, which Python does not search by itself."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


@pytest.fixture
def odd(here):
    (here / f"{NAME}.py").write_text(ODD)
    with allowed([NAME]):
        yield


@pytest.mark.parametrize(
    "name", ["Unknown", "Broken", "Structural", "Any", "Inherited", "Late", "Typed"]
)
def test_annotations_that_cannot_be_read_check_nothing(odd, name):
    node = {"_target_": f"{NAME}.{name}", "width": 3}
    assert instantiate(node, "model.encoder", in_shape=(3,)).width == 3


def test_annotations_that_can_be_read_are_checked(odd):
    with pytest.raises(ValueError, match=r"model.encoder.width must be a whole number; got 'a'"):
        instantiate({"_target_": f"{NAME}.Typed", "width": "a"}, "model.encoder")
    with pytest.raises(ValueError, match=r"model.encoder: 'no such width"):
        instantiate({"_target_": f"{NAME}.Raises", "width": 1}, "model.encoder")
    with pytest.raises(ValueError, match=r"encoder.widht is not a setting; did you mean width\?"):
        instantiate({"_target_": f"{NAME}.Unknown", "widht": 1}, "model.encoder")


def test_every_group_says_what_a_class_must_be():
    assert KINDS.keys() == NAMES.keys()
    assert all(isinstance(named_class(name), type) for kinds in KINDS.values() for name in kinds)


FAILING = {
    "raise RuntimeError('first line\\nsecond')": "fails on import: RuntimeError: first line$",
    "import nowhere_to_be_found": "fails on import: .* No module named 'nowhere_to_be_found'",
    f"import {NAME}.missing": f"fails on import: .* No module named '{NAME}.missing'",
    "def f(:": "fails on import: SyntaxError: ",
    "raise SystemExit": "fails on import: SystemExit: no message",
    "assert False": "fails on import: AssertionError: no message",
}


@pytest.mark.parametrize("text", FAILING)
def test_a_module_that_fails_is_told_in_one_line(here, text):
    (here / f"{NAME}.py").write_text(text)
    with pytest.raises(ValueError, match=FAILING[text]), allowed([NAME]):
        pass


def test_a_module_that_is_not_there_is_told(here):
    told = f"there is no module {NAME}, neither installed nor in {here}"
    with pytest.raises(ValueError, match=told), allowed([NAME]):
        pass
    package = here / NAME
    package.mkdir()
    (package / "__init__.py").touch()
    with pytest.raises(ValueError, match=f"no module {NAME}.parts, "), allowed([f"{NAME}.parts"]):
        pass
    (package / "parts.py").write_text(ODD)
    with allowed([f"{NAME}.parts"]):
        assert instantiate({"_target_": f"{NAME}.parts.Typed", "width": 2}, "model").width == 2
        with pytest.raises(ValueError, match="is not a part that a config may name"):
            instantiate({"_target_": f"{NAME}.Typed", "width": 2}, "model")


def test_the_current_folder_is_searched_last_and_only_where_it_must(here):
    before = [*sys.path]
    (here / "zuko.py").write_text("raise RuntimeError")
    with allowed(["zuko"]):  # which is installed
        assert sys.path == before
    (here / f"{NAME}.py").write_text(ODD)
    with allowed([NAME]):
        assert sys.path == [*before, str(here)]


@pytest.mark.parametrize("wrong", ["own_parts", 3, None, {"a": 1}])
def test_the_setting_must_be_a_list(wrong):
    with pytest.raises(
        ValueError, match=r"plugins must be a list of names, plugins=\[my_package\]"
    ):
        plugins_of({"plugins": wrong}, ())
    if isinstance(wrong, str):
        with pytest.raises(ValueError, match="must be a list of names"), allowed(wrong):
            pass
