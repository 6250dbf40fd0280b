"""What is different between the versions of the IIIF Image API."""

from __future__ import annotations

from dataclasses import dataclass

from medtiles.core.errors import ImageNotFoundError


@dataclass(frozen=True, slots=True)
class Version:
    """One of them."""

    number: int
    has_caret: bool
    """Whether enlarging takes a `^`, and whatever would enlarge without one is refused (3.0, 4.2)."""

    @property
    def context(self) -> str:
        """Of its info.json."""
        return f"http://iiif.io/api/image/{self.number}/context.json"

    @property
    def profile(self) -> str:
        """The level of compliance, as an address."""
        return f"http://iiif.io/api/image/{self.number}/level2.json"


V2, V3 = Version(2, has_caret=False), Version(3, has_caret=True)
"""2.1 and 3.0."""
_VERSIONS = {"2": V2, "3": V3}


def version_of(text: str) -> Version:
    """The version that an address names.

    :raises ImageNotFoundError: none
    """
    found = _VERSIONS.get(text)
    if found is None:
        message = f"no IIIF Image API {text[:8]!a} here: there are 2 and 3"
        raise ImageNotFoundError(message)
    return found
