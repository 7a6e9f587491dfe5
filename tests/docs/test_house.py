"""What the house says of itself in several files is the same in all of them."""

import re
import tomllib

import pytest
import yaml

import vae
from tests.docs.documents import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_version_and_licence_are_the_same_everywhere():
    assert CITATION["version"] == PROJECT["version"] == vae.__version__
    assert CITATION["license"] == PROJECT["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_a_citation_has_what_its_format_asks_for():
    assert CITATION["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= CITATION.keys()
    assert all("name" in author or "family-names" in author for author in CITATION["authors"])


def test_changes_are_told_by_version_and_kind():
    heads = re.findall(r"^(##+) (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heads[0] == ("##", "Unreleased")
    assert {name for level, name in heads if level == "###"} <= KINDS


@pytest.mark.parametrize("name", ["Linear", "Bound"])
def test_what_the_changes_call_renamed_is_gone(name):
    import vae.objectives

    assert f"`vae.objectives.{name}`" in (ROOT / "CHANGELOG.md").read_text()
    assert name not in vae.objectives.__all__


def test_hooks_run_what_ci_runs():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {repo["repo"] for repo in hooks} == {"local"}  # nothing is fetched
    entries = [hook["entry"].removesuffix(" --force-exclude") for hook in hooks[0]["hooks"]]
    run = (ROOT / ".ci" / "run").read_text()
    assert all(entry in run for entry in entries)
