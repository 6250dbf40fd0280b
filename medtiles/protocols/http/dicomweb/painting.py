"""Frames as pictures that people look at: by the image that shows them, or by their samples alone."""

from __future__ import annotations

from dataclasses import dataclass

from medtiles.core.errors import ViewTooLargeError
from medtiles.core.frames import FrameRequest
from medtiles.core.geometry import Region, Size
from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo
from medtiles.core.studies import Instance
from medtiles.core.view import Request, View
from medtiles.protocols import replies
from medtiles.protocols.async_tiles import AsyncTiles, Receive
from medtiles.protocols.http.dicomweb.finishing import Finish, finish_of, finished, part_of_picture, plain
from medtiles.protocols.http.dicomweb.rendering import Look, plane_of
from medtiles.protocols.http.dicomweb.viewport import Viewport
from transcode.frames import EncodedFrame

_LOSSLESS = "image/png"
_LIMITS = Limits()
"""Of what is not made by the engine, which has its own."""


@dataclass(frozen=True, slots=True)
class Painting:
    """A picture that is known to be possible; nothing is decoded yet."""

    request: Request | None
    """What the engine makes; None: it is made of the frame's own samples."""
    version: str
    frame: FrameRequest
    viewport: Viewport
    finish: Finish

    @property
    def etag(self) -> bytes:
        """The same for the same picture, in every process."""
        return replies.entity_tag(
            f"{self.version} {self.frame.instance.version}",
            (self.request, self.viewport, self.finish, self.frame.number),
        )


async def plan(tiles: AsyncTiles, instance: Instance, number: int | None, look: Look) -> Painting:
    """How to paint a frame; without a number the one that stands for the instance, of a slide all of it.

    :raises BadRequestError: the viewport makes no sense, or is absurdly large
    :raises ImageNotFoundError, UnsupportedFormatError, DamagedImageError: its image cannot be opened
    """
    info = await tiles.info(instance.image) if instance.image else None
    frame = FrameRequest(instance, number or _standing_for(instance, look))
    if info is not None:
        is_whole = number is None and info.kind == "slide" and instance.frames > 1
        plane = 0 if is_whole else plane_of(info, instance, frame.number)
        if plane is not None:
            return _by_image(info, frame, plane, look, is_slide=is_whole)
    viewport = look.on(Size(instance.columns, instance.rows))
    _require_small(viewport.size)
    own = info.icc_profile if info is not None else None
    finish = finish_of(look.media_type, look.quality, viewport, look.profile, own)
    return Painting(None, info.version if info else "", frame, viewport, finish)


async def paint(tiles: AsyncTiles, painting: Painting, receive: Receive) -> EncodedFrame:
    """The picture.

    :raises ClientGoneError, TimeoutError, FileChangedError: see `AsyncTiles.picture`
    :raises CorruptFrameError: the frame does not decode
    """
    if painting.request is None:
        return await tiles.call(_from_samples, tiles, painting)
    picture = await tiles.picture(painting.request, painting.version, receive)
    return picture if painting.finish.is_nothing else await tiles.call(finished, picture, painting.finish)


def _require_small(size: Size) -> None:
    if max(size.width, size.height) > _LIMITS.view_side or size.area > _LIMITS.view_pixels:
        message = f"a picture of {size.width} x {size.height} pixels is more than the server allows"
        raise ViewTooLargeError(message)


def _by_image(info: ImageInfo, frame: FrameRequest, plane: int, look: Look, *, is_slide: bool) -> Painting:
    viewport = look.on(info.size, is_slide=is_slide)
    finish = finish_of(look.media_type, look.quality, viewport, look.profile, info.icc_profile)
    accept = (look.media_type,) if finish.is_nothing else (_LOSSLESS,)
    quality = look.quality if finish.is_nothing else None
    view = View(viewport.region, viewport.size, plane)
    request = Request(frame.instance.image, view, accept, quality, windowing=look.windowing)
    return Painting(request, info.version, frame, viewport, finish)


def _standing_for(instance: Instance, look: Look) -> int:
    return max(1, (instance.frames + 1) // 2) if look.is_thumbnail else 1


def _from_samples(tiles: AsyncTiles, painting: Painting) -> EncodedFrame:
    """Of a tile, a label or an overview of a slide, which no plane is."""
    region, size = painting.viewport.region, painting.viewport.size
    reduction = 0
    while min(region.width // size.width, region.height // size.height) >> (reduction + 1):
        reduction += 1
    pixels = tiles.tiles.frames.samples(painting.frame, reduction)
    step = 1 << reduction
    left, top = region.x // step, region.y // step
    right, bottom = -(-region.right // step), -(-region.bottom // step)
    part = Region(left, top, right - left, bottom - top)
    return finished(part_of_picture(plain(pixels), part, size), painting.finish)
