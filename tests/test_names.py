"""What a module promises to export, it has."""

import pkgutil
import re
import subprocess
import sys
from importlib import import_module

import pytest

import vae
from tests.docs.documents import ROOT

MODULES = ["vae", *(found.name for found in pkgutil.walk_packages(vae.__path__, "vae."))]


@pytest.mark.parametrize("name", MODULES)
def test_every_exported_name_exists_once(name):
    module = import_module(name)
    names = getattr(module, "__all__", [])
    assert [entry for entry in names if not hasattr(module, entry)] == []
    assert len(names) == len({*names})


def test_the_parts_that_the_readme_names_are_there_after_import_vae():
    """In a new process: here others have imported them."""
    text = (ROOT / "README.md").read_text()
    parts = set(re.findall(r"`(?:from )?(vae\.[a-z]+)(?:`| import)", text))
    assert {"vae.models", "vae.networks", "vae.evaluation"} <= parts
    lines = ["import vae", *sorted(parts)]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
