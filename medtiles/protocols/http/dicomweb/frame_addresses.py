"""What addresses of frames say (PS3.18 10.4.1.1.6). Pure."""

from __future__ import annotations

from medtiles.core.errors import BadRequestError, TileOutOfRangeError
from medtiles.core.studies import Instance
from medtiles.protocols import parameters
from medtiles.protocols.http.dicomweb.addresses import ROOT

INSTANCE = ROOT + "/studies/{study}/series/{series}/instances/{instance}"
MOST_FRAMES = 1000
"""That one request may name."""


def frame_numbers(text: str, instance: Instance, most: int = MOST_FRAMES) -> tuple[int, ...]:
    """The frames that a list such as `1,2,3` names, in its order.

    :raises BadRequestError: it is no such list, has a number twice, or is absurdly long
    :raises TileOutOfRangeError: the instance has no such frame
    """
    if text.count(",") >= most:
        message = f"the list has more than {most} frames: ask for fewer at a time"
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
