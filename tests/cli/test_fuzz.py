"""Random command lines: each composes and builds, or ends in one message and status 1 or 2."""

from importlib import import_module

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.command import TINY, array, call
from vae.cli.compose import CONF, choices, compose_settings
from vae.nested import keys

GROUPS = sorted(path.name for path in CONF.iterdir() if path.is_dir())
KEYS = sorted(keys(compose_settings(TINY, resolve=False)))
CHOICES = [f"{group}={name}" for group in GROUPS for name in choices(group)]
NUMBERS = ["0", "-1", "3", "0.5", "-0.5", "1e30", "1e400", "nan", "-inf", str(2**70)]
WORDS = [
    "",
    "null",
    "true",
    "abc",
    "''",
    "'a b'",
    "ä",
    "日本",
    "a=b",
    "${seed}",
    "${nosuch}",
    "???",
]
NESTED = [
    "[]",
    "[1]",
    "[a,b]",
    "{}",
    "{a: 1}",
    "{_target_: os.system}",
    "[",
    "}",
    "(",
    '"',
    "'",
    "\\",
]
VALUES = st.one_of(st.sampled_from(NUMBERS + WORDS + NESTED), st.text(max_size=8))


def mutated(text, place, letter):
    """Return a name with one letter replaced, left out or doubled."""
    place %= len(text)
    return text[:place] + letter + text[place + 1 :]


NAMES = st.one_of(
    st.sampled_from(KEYS + GROUPS),
    st.builds(
        mutated,
        st.sampled_from(KEYS + GROUPS),
        st.integers(0, 40),
        st.sampled_from(["", "x", "..", "/", "@", " ", "=", "ß"]),
    ),
)
OVERRIDES = st.one_of(
    st.builds(
        lambda sign, name, value: f"{sign}{name}={value}",
        st.sampled_from(["", "", "", "+", "++", "~"]),
        NAMES,
        VALUES,
    ),
    st.sampled_from(CHOICES),
    st.builds(lambda sign, name: sign + name, st.sampled_from(["~", "", "+", "--", "-"]), NAMES),
)
# Valid, but they would do something else: download, show a stack trace, change the process.
ELSEWHERE = ("data=", "data/", "hydra", "debug", "threads", "sweep")


class StartedError(Exception):
    """Training would begin now."""


@pytest.fixture
def stopped(monkeypatch, tmp_path):
    """Let every command end where training would begin."""

    def end(*_):
        raise StartedError

    training = import_module("vae.cli.train")  # the package has a function of that name
    monkeypatch.setattr(training, "prepare_model", end)
    monkeypatch.setattr(training, "show_run", lambda *_: None)


def check_one_end(monkeypatch, capsys, folder, overrides):
    """Run a command: it starts to train, or ends in one message that explains itself."""
    arguments = [*TINY, array(folder), *overrides]
    status, _, told = call(monkeypatch, capsys, folder, *arguments)
    if "StartedError" in told:
        return
    assert status in (1, 2), (overrides, status, told)
    assert told.startswith("error: "), (overrides, told)
    assert len(told.strip().splitlines()) <= 2, (overrides, told)
    assert "Traceback" not in told
    assert "debug=true" not in told, (overrides, told)  # nobody knew what it was


def fuzz(count):
    """Return a decorator that tries so many command lines, always the same."""

    def decorate(test):
        quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
        limits = settings(
            max_examples=count, derandomize=True, deadline=None, suppress_health_check=quiet
        )
        safe = OVERRIDES.filter(
            lambda text: not text.lstrip("+~").startswith(ELSEWHERE) and "\0" not in text
        )
        return limits(given(overrides=st.lists(safe, min_size=1, max_size=3))(test))

    return decorate


@fuzz(10)
def test_any_command_line(monkeypatch, capsys, tmp_path, stopped, overrides):
    check_one_end(monkeypatch, capsys, tmp_path, overrides)


@pytest.mark.slow
@fuzz(200)
def test_many_command_lines(monkeypatch, capsys, tmp_path, stopped, overrides):
    check_one_end(monkeypatch, capsys, tmp_path, overrides)
