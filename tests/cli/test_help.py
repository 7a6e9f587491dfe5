"""``--help`` says the same in less time."""

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra

from vae.cli.compose import CONF
from vae.cli.help import shorten_help

GROUPS = ("data", "model", "schedule", "hydra/launcher")


def options():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        return {group: loader.get_group_options(group) for group in GROUPS}


@pytest.mark.parametrize("flag", ["--help", "-h", "--hydra-help"])
def test_groups_are_read_once_and_have_the_same_choices(monkeypatch, flag):
    name, calls = "_parse_overrides_and_create_caching_repo", []
    before, original = options(), getattr(ConfigLoaderImpl, name)

    def counted(*arguments):
        calls.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(ConfigLoaderImpl, name, counted)
    assert options() == before
    assert len(calls) == len(GROUPS)
    shorten_help(["model=conv", flag])
    assert options() == before
    assert len(calls) == len(GROUPS) + 1
    assert "conv" in before["model"]


def test_without_the_flag_hydra_is_as_it_was():
    before = ConfigLoaderImpl._parse_overrides_and_create_caching_repo
    shorten_help(["model=conv"])
    assert ConfigLoaderImpl._parse_overrides_and_create_caching_repo is before
