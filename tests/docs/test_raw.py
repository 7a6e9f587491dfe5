"""Each raw file of figures says by which command, on which machine and at which revision."""

import json
import re

import pytest

from tests.docs.documents import ROOT, split
from tests.docs.settings import stand_in
from tests.docs.test_commands import check

FILES = sorted((ROOT / "docs").glob("*.json"))
MADE = ("command", "machine", "revision")


def origins(tree: dict, above: dict) -> list[dict]:
    """Return for each branch that holds figures what is said of its origin, there or above.

    The revision stands beside command and machine, or in the machine's ``git_revision``. One that
    the benchmark did not record has a ``revision_note`` that says how it is known.
    """
    said = above | {key: tree[key] for key in MADE if key in tree}
    if isinstance(tree.get("machine"), dict) and tree["machine"].get("git_revision"):
        said["revision"] = tree["machine"]["git_revision"]
    below = [value for key, value in tree.items() if key not in MADE and isinstance(value, dict)]
    found = [said] if any(isinstance(value, int | float | list) for value in tree.values()) else []
    return found + [origin for branch in below for origin in origins(branch, said)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_all_figures_name_command_machine_and_revision(path):
    for origin in origins(json.loads(path.read_text()), {}):
        assert set(origin) == set(MADE)
        assert re.fullmatch(r"[0-9a-f]{40}", origin["revision"])
        assert origin["machine"]
        check(stand_in(split(origin["command"])))


def test_a_file_that_lacks_one_is_found():
    figures = {"command": "c", "runs": {"a": {"machine": {"git_revision": "r"}, "elbo": 1.0}}}
    assert origins(figures, {})[0].keys() == set(MADE)
    del figures["runs"]["a"]["machine"]["git_revision"]
    assert "revision" not in origins(figures, {})[0]
