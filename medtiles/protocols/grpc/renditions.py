"""How a client wants pictures, read once for each way there is to want them; and the entity tags that follow. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from medtiles import __version__
from medtiles.api.v1 import frames_pb2 as pb
from medtiles.core.display import Windowing
from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
from medtiles.core.rendering import Rendering
from medtiles.core.view import AssociatedName, Finish, Request, Tones, View
from medtiles.protocols.grpc.rendering_messages import rendering, rendering_of
from transcode.errors import UnsupportedEncodingError

_ANY = ("*/*",)
_MOST_MEDIA_TYPES = 32
_WHOLE_TURN = 360.0
_MOST_PADDED = 4096
_TONES = {Tones.ALL: pb.TONES_ALL, Tones.GREY: pb.TONES_GREY, Tones.BITONAL: pb.TONES_BITONAL}
_TONES_OF: dict[int, Tones] = {pb.TONES_UNSPECIFIED: Tones.ALL, **{number: tones for tones, number in _TONES.items()}}
_FUNCTIONS = frozenset({"LINEAR", "LINEAR_EXACT", "SIGMOID"})


@dataclass(frozen=True, slots=True)
class Rendition:
    """How pictures are wanted, without saying which."""

    accept: tuple[str, ...]
    quality: int | None
    is_display: bool
    windowing: Windowing | None
    finish: Finish | None
    rendering: Rendering | None
    token: str
    """A short word for all of this, for entity tags."""

    def request(self, image: str, what: TileKey | View | AssociatedName) -> Request:
        """A picture wanted in this way."""
        how = (self.accept, self.quality, self.is_display, self.windowing, self.finish, self.rendering)
        return Request(image, what, *how)

    def entity_tag(self, version: str, what: TileKey | AssociatedName) -> str:
        """A strong entity tag: the same for the same request of the same file, in every process and for ever."""
        if isinstance(what, TileKey):
            return f'"{self.token}-{version}-{what.level}.{what.column}.{what.row}.{what.plane}"'
        digest = blake2b(f"{version}\n{what!r}".encode("utf-8", "backslashreplace"), digest_size=12)
        return f'"{self.token}-{digest.hexdigest()}"'


def rendition_of(message: pb.Rendition) -> Rendition:
    """How a message wants pictures.

    :raises BadRequestError: a quality, presentation or window that there is not
    """
    return _read(message.SerializeToString(deterministic=True))


@lru_cache(maxsize=1024)
def _read(serialized: bytes) -> Rendition:
    message = pb.Rendition.FromString(serialized)
    if len(message.accept) > _MOST_MEDIA_TYPES:
        problem = f"{len(message.accept)} media types are accepted: name at most {_MOST_MEDIA_TYPES}"
        raise BadRequestError(problem)
    quality = message.quality if message.HasField("quality") else None
    if quality is not None and not 1 <= quality <= 100:
        problem = f"quality {quality}: it must be from 1 to 100"
        raise BadRequestError(problem)
    if message.presentation not in pb.Presentation.values():
        problem = f"presentation {message.presentation}: there is none of that number"
        raise BadRequestError(problem)
    return Rendition(
        tuple(message.accept) or _ANY,
        quality,
        message.presentation != pb.PRESENTATION_STORED,
        _require_window(windowing_of(message.windowing)) if message.HasField("windowing") else None,
        _finish_of(message.finish) if message.HasField("finish") else None,
        rendering_of(message.rendering) if message.HasField("rendering") else None,
        blake2b(__version__.encode() + b"\n" + serialized, digest_size=6).hexdigest(),
    )


def rendition(request: Request) -> pb.Rendition:
    """The message of how a request wants its picture.

    :raises UnsupportedEncodingError: it accepts nothing
    :raises BadRequestError: a quality that no message holds
    """
    if not request.accept:
        message = "nothing is accepted"
        raise UnsupportedEncodingError(message)
    presentation = pb.PRESENTATION_DISPLAY if request.is_display else pb.PRESENTATION_STORED
    window = windowing(request.windowing) if request.windowing is not None else None
    finish = _finish(request.finish) if request.finish is not None else None
    try:
        return pb.Rendition(
            accept=request.accept,
            quality=request.quality,
            presentation=presentation,
            windowing=window,
            finish=finish,
            rendering=None if request.rendering is None else rendering(request.rendering),
        )
    except ValueError as error:
        message = f"quality {request.quality}: it must be from 1 to 100"
        raise BadRequestError(message) from error


def windowing(value: Windowing) -> pb.Windowing:
    """The message of a window."""
    explanation = value.explanation.encode("utf-8", "backslashreplace").decode()
    return pb.Windowing(centre=value.centre, width=value.width, function=value.function, explanation=explanation)


def windowing_of(message: pb.Windowing) -> Windowing:
    """The window of a message."""
    return Windowing(message.centre, message.width, message.function or "LINEAR", message.explanation)


def _finish(value: Finish) -> pb.Finish:
    padded = None if value.padded is None else pb.Size(width=value.padded.width, height=value.padded.height)
    return pb.Finish(is_mirrored=value.is_mirrored, degrees=value.degrees, tones=_TONES[value.tones], padded=padded)


def _finish_of(message: pb.Finish) -> Finish | None:
    """None: there is nothing to do."""
    if not 0 <= message.degrees < _WHOLE_TURN:
        problem = f"{message.degrees:g} degrees: it must be from 0 to less than 360"
        raise BadRequestError(problem)
    tones = _TONES_OF.get(message.tones)
    if tones is None:
        problem = f"tones {message.tones}: there are none of that number"
        raise BadRequestError(problem)
    padded = Size(message.padded.width, message.padded.height) if message.HasField("padded") else None
    if padded is not None and not (0 < padded.width <= _MOST_PADDED and 0 < padded.height <= _MOST_PADDED):
        problem = f"padded to {padded.width} x {padded.height}: each side must be from 1 to {_MOST_PADDED}"
        raise BadRequestError(problem)
    found = Finish(message.is_mirrored, message.degrees, tones, padded)
    return None if found == Finish() else found


def _require_window(value: Windowing) -> Windowing:
    if not (math.isfinite(value.centre) and math.isfinite(value.width) and value.width > 0):
        message = f"window centre {value.centre:g}, width {value.width:g}: it must be finite, its width more than 0"
        raise BadRequestError(message)
    if value.function not in _FUNCTIONS:
        message = f"window function {value.function[:16]!a}: it must be one of {', '.join(sorted(_FUNCTIONS))}"
        raise BadRequestError(message)
    return Windowing(value.centre, value.width, value.function)
