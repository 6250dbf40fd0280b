"""XML inside TIFF tags, from whoever wrote the file: no entities, no documents elsewhere, no more than it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medtiles.core.errors import DamagedImageError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def parse(text: str, root: str) -> Element:
    """The root element, its name without namespace being `root`.

    :raises DamagedImageError: not well-formed, with a document type or entities, or another root
    """
    from xml.etree.ElementTree import ParseError  # noqa: PLC0415 - few files have any XML

    from defusedxml.common import DefusedXmlException  # noqa: PLC0415
    from defusedxml.ElementTree import fromstring  # noqa: PLC0415

    try:
        found = fromstring(text.strip(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        message = f"the {root} XML cannot be read: {type(error).__name__}: {error}"
        raise DamagedImageError(message) from error
    if local_name(found) != root:
        message = f"not the {root} XML that the file promises"
        raise DamagedImageError(message)
    return found


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def children(element: Element, name: str) -> list[Element]:
    """The children of that name, in any namespace."""
    return [child for child in element if local_name(child) == name]
