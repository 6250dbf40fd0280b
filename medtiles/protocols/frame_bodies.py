"""Where, within the body of an HTTP answer, a resolution of a frame is complete. Pure.

A range of an HTTP body counts all of it: before the codestream stand, in a multipart body, the boundary and the headers
of its part. Besides, Cornerstone3D leaves out the last three bytes of a multipart body that has not come to its end,
because a boundary may begin there: to have a resolution complete it must be sent three bytes more.
"""

from __future__ import annotations

_LEFT_OUT = 3
"""Bytes at the end of a multipart body in part that Cornerstone3D does not look at."""


def body_bytes(end: int, before: int, total: int, *, is_multipart: bool = True) -> int:
    """How many bytes of the body a client must be sent for the codestream to be complete as far as `end`.

    :param end: place of the first byte, within the codestream, that is not needed
    :param before: bytes of the body before the codestream: boundary and part header; 0 where it is the body
    :param total: of the whole body, closing boundary and all
    """
    return min(total, before + end + (_LEFT_OUT if is_multipart else 0))
