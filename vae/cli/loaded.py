"""What is taken from the settings in a file that may be somebody else's."""

__all__ = ["read_only"]

from collections.abc import Collection, Mapping
from typing import Any

from vae.data.formats.cache import CACHE
from vae.files import holds_cache


def read_only(data: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """Return the settings of the data in a file, so that nothing is written where that says.

    A cache is kept there only if there is one already; else in the usual folder. Nothing is
    downloaded.

    Args:
        data: What the file holds.
        given: Settings that the user gave anew, which stay.
    """
    result = {**data}
    if "cache" in data and "cache" not in given and not holds_cache(str(data["cache"])):
        result["cache"] = CACHE
    if "download" in data and "download" not in given:
        result["download"] = False
    return result
