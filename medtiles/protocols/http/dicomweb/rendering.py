"""How a client wants DICOM images rendered (PS3.18 8.3.5): parameters read, media types chosen. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medtiles.core.display import Windowing
from medtiles.core.errors import BadRequestError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import ImageInfo
from medtiles.core.studies import Instance
from medtiles.protocols import parameters
from medtiles.protocols.http.dicomweb.accept import MediaRange, Offer, choose
from medtiles.protocols.http.dicomweb.viewport import Viewport, fitted, normalised_region, read_viewport, whole_picture
from medtiles.protocols.parameters import Query
from transcode.errors import UnsupportedEncodingError

PICTURES = ("image/jpeg", "image/png", "image/webp")
THUMBNAIL_SIDE = 256
_SLIDE_SIDE = 2048
"""Pixels of the longer side of a slide that is rendered as a whole, when the client names no size."""
_FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
_PROFILES = frozenset({"no", "yes", "srgb"})
_OTHER_PROFILES = frozenset({"adobergb", "rommrgb", "displayp3"})
_ANNOTATIONS = frozenset({"patient", "technique"})


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture is to look."""

    media_type: str
    quality: int | None = None
    windowing: Windowing | None = None
    viewport: str | None = None
    """As the client wrote it: what it means depends on the picture."""
    profile: str = "no"
    """no, yes (the image's own, embedded) or srgb."""
    is_thumbnail: bool = False
    region: str | None = None
    """As `normalised_region` reads it; in place of a viewport."""
    box: Size | None = None
    """What the picture is to fit, with a region or without."""

    def on(self, picture: Size, *, is_slide: bool = False) -> Viewport:
        """Which part of a picture, and how large.

        :raises BadRequestError: `viewport` makes no sense
        """
        if self.region is not None or self.box is not None:
            part = normalised_region(self.region or "0,0,1,1", picture)
            return Viewport(part, fitted(part.size, self.box or part.size))
        if self.viewport is not None:
            return read_viewport(self.viewport, picture, is_thumbnail=self.is_thumbnail)
        if self.is_thumbnail:
            return whole_picture(picture, THUMBNAIL_SIDE)
        return whole_picture(picture, _SLIDE_SIDE if is_slide else None)


def read_look(query: Query, media_type: str, *, is_thumbnail: bool = False) -> Look:
    """How a query string wants pictures to look; unknown parameters are for others.

    :raises BadRequestError: a parameter makes no sense
    :raises UnsupportedFormatError: it does, but is not done here
    """
    require_no_annotation(query.get("annotation"))
    return Look(
        media_type,
        parameters.quality(query),
        read_window(query.get("window")),
        query.get("viewport"),
        _profile(query.get("iccprofile", "no")),
        is_thumbnail,
    )


def read_window(text: str | None) -> Windowing | None:
    """`centre,width,function` (8.3.5.1.4); without a function it is linear.

    :raises BadRequestError: it is not that
    """
    if text is None:
        return None
    numbers, _, function = text.rpartition(",") if text.count(",") == 2 else (text, "", "linear")
    windowing = parameters.windowing({"window": numbers})
    if windowing is None or function.lower() not in _FUNCTIONS:
        message = f"the function of a window must be one of {', '.join(_FUNCTIONS)}"
        raise BadRequestError(message)
    return Windowing(windowing.centre, windowing.width, _FUNCTIONS[function.lower()])


def chosen_form(ranges: Sequence[MediaRange], pictures: int = 1) -> Offer:
    """The media type that the client likes best, and whether it goes out as parts.

    :raises UnsupportedEncodingError: it likes none
    """
    offers = [Offer(name) for name in PICTURES] if pictures == 1 else []
    offers += [Offer(name, is_multipart=True) for name in PICTURES]
    found = choose(ranges, offers)
    if found is None:
        how = "each also as multipart/related" if pictures == 1 else "each as multipart/related"
        message = f"nothing that Accept names can be had. Rendered there is {', '.join(PICTURES)}, {how}"
        raise UnsupportedEncodingError(message)
    return found


def plane_of(info: ImageInfo, instance: Instance, number: int) -> int | None:
    """The plane of an image that is a frame of an instance; None: none is, as of tiles of a slide."""
    for index, plane in enumerate(info.planes):
        if plane.sop_instance_uid == instance.uid and plane.frame_number in {number, 0}:
            return index
    return None


def shown_first(instances: Sequence[Instance]) -> Instance:
    """The first of several instances that has a picture."""
    return next((each for each in instances if each.frames), instances[0])


def shown_small(instances: Sequence[Instance]) -> Instance:
    """The instance that stands for several: in the middle of those of the first series that has pictures."""
    series = shown_first(instances).series
    alike = [each for each in instances if each.series == series and each.frames]
    return alike[len(alike) // 2] if alike else instances[0]


def _profile(text: str) -> str:
    if text in _OTHER_PROFILES:
        message = f"iccprofile {text}: there is {', '.join(sorted(_PROFILES))}"
        raise UnsupportedFormatError(message)
    if text not in _PROFILES:
        message = f"iccprofile {text[:16]!a}: it must be one of {', '.join(sorted(_PROFILES | _OTHER_PROFILES))}"
        raise BadRequestError(message)
    return text


def require_no_annotation(text: str | None) -> None:
    """Refuse what would be drawn over a picture (8.3.5.1.1).

    :raises UnsupportedFormatError: an annotation is asked for
    :raises BadRequestError: it is none
    """
    if not text:
        return
    if set(text.split(",")) <= _ANNOTATIONS:
        message = "annotations are not drawn"
        raise UnsupportedFormatError(message)
    message = f"annotation {text[:32]!a}: it must be of {', '.join(sorted(_ANNOTATIONS))}"
    raise BadRequestError(message)
