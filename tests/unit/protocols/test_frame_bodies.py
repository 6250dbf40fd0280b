"""Offsets within HTTP bodies, by the figures that were measured with Cornerstone3D."""

from __future__ import annotations

from medtiles.protocols.frame_bodies import body_bytes

TOTAL = 500_000


def test_cornerstone_needs_three_bytes_more_of_a_multipart_body() -> None:
    assert body_bytes(78942, 92, TOTAL) == 79037


def test_a_single_part_is_complete_where_the_codestream_is() -> None:
    assert body_bytes(78942, 0, TOTAL, is_multipart=False) == 78942


def test_no_body_has_more_bytes_than_it_has() -> None:
    assert body_bytes(TOTAL - 100, 92, TOTAL - 7) == TOTAL - 7
    assert body_bytes(TOTAL - 100, 99, TOTAL) == TOTAL
