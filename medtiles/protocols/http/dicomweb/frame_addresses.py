"""What addresses of instances and frames say (PS3.18 10.4.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from medtiles.core.errors import BadRequestError, ImageNotFoundError, TileOutOfRangeError
from medtiles.core.studies import Instance, Scope
from medtiles.protocols import parameters

ROOT = "/dicomweb"
INSTANCE = ROOT + "/studies/{study}/series/{series}/instances/{instance}"
MOST_FRAMES = 1000
"""That one request may name."""
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)
_LONGEST_UID = 64


def require_uid(text: str) -> str:
    """A UID (PS3.5 9.1), leading zeros and all: there are files that have them.

    :raises ImageNotFoundError: nothing has such a UID
    """
    if len(text) > _LONGEST_UID or _UID.fullmatch(text) is None:
        message = f"nothing has the UID {text[:16]!a}: it is not one"
        raise ImageNotFoundError(message)
    return text


def scope_of(path: Mapping[str, str]) -> Scope:
    """The part of the archive that an address names.

    :raises ImageNotFoundError: no UID is like that
    """
    uids = (require_uid(path[name]) if name in path else "" for name in ("study", "series", "instance"))
    return Scope(*uids)


def frame_numbers(text: str, instance: Instance) -> tuple[int, ...]:
    """The frames that a list such as `1,2,3` names, in its order.

    :raises BadRequestError: it is no such list, has a number twice, or is absurdly long
    :raises TileOutOfRangeError: the instance has no such frame
    """
    if text.count(",") >= MOST_FRAMES:
        message = f"the list has more than {MOST_FRAMES} frames: ask for fewer at a time"
        raise BadRequestError(message)
    numbers = tuple(parameters.whole(each, "frame", 1) for each in text.split(","))
    if len(set(numbers)) < len(numbers):
        message = "a frame must not be named twice"
        raise BadRequestError(message)
    beyond = next((number for number in numbers if number > instance.frames), None)
    if beyond is not None:
        message = f"frame {beyond}: the instance has {f'frames 1 to {instance.frames}' if instance.frames else 'none'}"
        raise TileOutOfRangeError(message)
    return numbers
