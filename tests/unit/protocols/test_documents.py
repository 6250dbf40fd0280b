"""Documents say the same of an image wherever they are made."""

from __future__ import annotations

import json
from dataclasses import replace

from medtiles.protocols.documents import image_document
from tests.unit.protocols.fake_tiles import SLIDE


def test_the_order_of_properties_makes_no_other_document() -> None:
    names = ("b.two", "a.one", "c.three")
    infos = [replace(SLIDE, properties=dict.fromkeys(order, "1")) for order in (names, names[::-1])]
    first, second = (json.dumps(image_document("slide", info)) for info in infos)
    assert first == second
