"""What a module promises to export, it has."""

import pkgutil
from importlib import import_module

import pytest

import vae

MODULES = ["vae", *(found.name for found in pkgutil.walk_packages(vae.__path__, "vae."))]


@pytest.mark.parametrize("name", MODULES)
def test_every_exported_name_exists_once(name):
    module = import_module(name)
    names = getattr(module, "__all__", [])
    assert [entry for entry in names if not hasattr(module, entry)] == []
    assert len(names) == len({*names})
