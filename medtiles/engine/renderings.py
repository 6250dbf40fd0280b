"""Pictures shown as a rendering asks: drawn in stored values, with what lies around where neighbours count."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from medtiles.core.cache import TileCache
from medtiles.core.channels import ChannelReport, ChannelStatistics, channels_of, planes_of
from medtiles.core.display import Display
from medtiles.core.errors import BadRequestError, ViewTooLargeError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import ImageInfo
from medtiles.core.rendering import MOST_CHANNELS, NOTHING, Composite, IccUse, Rendering, Spread
from medtiles.core.view import Request, View
from medtiles.engine import planning, presentation
from medtiles.engine.compositing import Layer, composite, composite_bytes, domain, needs_statistics, projected
from medtiles.engine.open_images import OpenImage
from medtiles.engine.profiles import is_transformable, to_srgb
from medtiles.engine.rendering import Canvas, Present
from medtiles.engine.statistics import SIDE, luminance, statistics_of
from medtiles.engine.tones import Shades, Tones, mixed, quantised, toned
from transcode.frames import PixelArray, PixelFormat, Samples

_LUMINANCE = -1
"""In the place of a channel: all samples of a colour."""
_MOST_PLANES = 256
"""In one picture."""


class CanvasOf(Protocol):
    """What makes a canvas of an open image."""

    def __call__(self, image: str, opened: OpenImage, present: Present, is_wanted: Callable[[], bool], /) -> Canvas:
        """A canvas whose samples are presented so."""


class Renderings:
    """Draws them, and knows the values of whole images. Safe to call from several threads."""

    def __init__(
        self,
        canvas: CanvasOf,
        raw_display: Callable[[str, OpenImage, int], Display],
        display: Callable[[str, OpenImage, int], Display],
    ) -> None:
        """:param raw_display: what the file says of a plane
        :param display: the same with a window filled in
        """
        self._canvas = canvas
        self._raw_display = raw_display
        self._display = display
        self._statistics: TileCache[tuple[str, str, int], ChannelStatistics] = TileCache(1024, lambda _: 1)

    def draw(
        self, opened: OpenImage, request: Request, plan: planning.Plan, is_wanted: Callable[[], bool]
    ) -> PixelArray:
        """The picture of a plan as its request wants it shown.

        :raises BadRequestError: the rendering does not fit the image
        :raises ViewTooLargeError: it takes too many planes
        """
        rendering = request.rendering or NOTHING
        around = _Around.of(plan, opened.info, _margin(rendering, opened.info.pixels))
        if rendering.composite is not None:
            channels = self._channels(opened, request, rendering.composite, around.plan, is_wanted)
            if rendering == Rendering(composite=rendering.composite):
                found = composite_bytes(*channels, rendering.composite.blend)
                if found is not None:
                    return found
            shown = mixed(composite(*channels, rendering.composite.blend), rendering)
        else:
            pixels = self._drawn(request.image, opened, around.plan, is_wanted)
            if rendering.bits == 16 and request.windowing is None and _is_nothing(rendering):
                return pixels
            shown = toned(*self._to_tone(opened, request, rendering, pixels, plan.plane))
        return quantised(np.ascontiguousarray(around.without(shown)), rendering.bits)

    def statistics(self, image: str, opened: OpenImage, channel: int) -> ChannelStatistics:
        """The stored values of a channel in the whole image."""
        key = (image, opened.info.version, channel)
        return self._statistics.get_or_make(key, lambda: self._counted(image, opened, channel))

    def reports(self, image: str, opened: OpenImage) -> tuple[ChannelReport, ...]:
        """All channels of an image, of a palette's the colours."""
        pixels = opened.info.pixels
        reports = []
        for index, channel in enumerate(channels_of(opened.info)):
            known = self.statistics(image, opened, index)
            reports.append(ChannelReport(channel, pixels.bits_stored, domain(pixels, known), known))
        return tuple(reports)

    # -- how ----------------------------------------------------------------------------------------------------

    def _drawn(self, image: str, opened: OpenImage, plan: planning.Plan, is_wanted: Callable[[], bool]) -> PixelArray:
        """Stored values of one plane; of a palette its colours, of colours red, green and blue."""
        display = self._raw_display(image, opened, plan.plane)
        pixels = self._canvas(image, opened, _stored(display), is_wanted).draw(plan)
        if pixels.format.is_colour and pixels.samples.shape[2] > 3:
            return PixelArray(pixels.samples[..., :3], replace(pixels.format, samples_per_pixel=3))
        return pixels

    def _to_tone(
        self, opened: OpenImage, request: Request, rendering: Rendering, pixels: PixelArray, plane: int
    ) -> tuple[PixelArray, Tones]:
        profile = opened.info.icc_profile
        if rendering.icc is IccUse.SRGB and profile is not None:
            if not is_transformable(pixels):
                message = f"icc=srgb: only samples of 8 bits can be made sRGB, these are {pixels.format}"
                raise BadRequestError(message)
            pixels = to_srgb(pixels, profile)
        display = self._display(request.image, opened, plane)
        if display.palette is not None:
            display = Display()
        wants_all = rendering.spread is not Spread.NONE
        channel = _LUMINANCE if opened.info.pixels.is_colour else opened.info.planes[plane].channel
        known = self.statistics(request.image, opened, channel) if wants_all else None
        keyed = replace(rendering, icc=IccUse.LEAVE, bits=8)
        return pixels, Tones(keyed, display, request.windowing, pixels.format, known)

    def _channels(
        self,
        opened: OpenImage,
        request: Request,
        wanted: Composite,
        plan: planning.Plan,
        is_wanted: Callable[[], bool],
    ) -> tuple[list[Samples], list[Layer]]:
        """Stored values of each channel, and how it is shown."""
        info = opened.info
        if not 0 < len(wanted.channels) <= MOST_CHANNELS:
            message = f"{len(wanted.channels)} channels: from 1 to {MOST_CHANNELS} go into one picture"
            raise BadRequestError(message)
        drawn: dict[int, Samples] = {}
        planes: list[Samples] = []
        layers: list[Layer] = []
        for each in wanted.channels:
            sample = each.channel if info.pixels.is_colour else 0
            numbers = _planes(info, wanted, each.channel, plan.plane)
            for number in numbers:
                if number not in drawn:
                    if len(drawn) == _MOST_PLANES:
                        message = f"the picture takes more than {_MOST_PLANES} planes"
                        raise ViewTooLargeError(message)
                    of_plane = replace(plan, plane=number)
                    drawn[number] = self._drawn(request.image, opened, of_plane, is_wanted).samples
            stack = [drawn[number][..., sample] for number in numbers]
            planes.append(stack[0] if wanted.projection is None else projected(stack, wanted.projection))
            layers.append(self._layer(request.image, opened, wanted, len(layers)))
        return planes, layers

    def _layer(self, image: str, opened: OpenImage, wanted: Composite, index: int) -> Layer:
        rendering, pixels = wanted.channels[index], opened.info.pixels
        channels = channels_of(opened.info)
        if not 0 <= rendering.channel < len(channels):
            message = f"channel {rendering.channel}: the image has channels 0 to {len(channels) - 1}"
            raise BadRequestError(message)
        known = self.statistics(image, opened, rendering.channel) if needs_statistics(rendering, pixels) else None
        colour = rendering.colour or channels[rendering.channel].colour or (255, 255, 255)
        return Layer(rendering, colour, pixels, known)

    def _counted(self, image: str, opened: OpenImage, channel: int) -> ChannelStatistics:
        info = opened.info
        whole = Region(0, 0, info.size.width, info.size.height)
        factor = max(1.0, max(whole.width, whole.height) / SIDE)
        size = Size(max(1, int(whole.width / factor)), max(1, int(whole.height / factor)))
        plane_channel = 0 if info.pixels.is_colour else channel
        alike = [index for index, plane in enumerate(info.planes) if plane.channel == plane_channel]
        parts = []
        for number in sorted({alike[0], alike[len(alike) // 2], alike[-1]}):
            plan = planning.plan_view(info, View(whole, size, number))
            samples = self._drawn(image, opened, plan, lambda: True).samples
            values = (
                luminance(samples) if channel == _LUMINANCE else samples[..., channel if samples.shape[2] > 1 else 0]
            )
            parts.append(values.ravel())
        padding = self._raw_display(image, opened, alike[0]).padding
        return statistics_of(np.concatenate(parts), padding)


class _Around:
    """A plan with a margin where the level has pixels for it, and how to take it off again."""

    def __init__(self, plan: planning.Plan, size: Size, left: int, top: int) -> None:
        self.plan = plan
        self._size = size
        self._left = left
        self._top = top

    @classmethod
    def of(cls, plan: planning.Plan, info: ImageInfo, margin: int) -> _Around:
        box, size = plan.box, plan.size
        if margin == 0:
            return cls(plan, size, 0, 0)
        level = info.levels[plan.level].size.reduced(plan.reduction)
        across, down = box.width / size.width, box.height / size.height
        left, top = min(margin, math.floor(box.left / across)), min(margin, math.floor(box.top / down))
        right = max(0, min(margin, math.floor((level.width - box.right) / across)))
        below = max(0, min(margin, math.floor((level.height - box.bottom) / down)))
        wider = planning.Box(
            box.left - left * across, box.top - top * down, box.right + right * across, box.bottom + below * down
        )
        larger = Size(size.width + left + right, size.height + top + below)
        return cls(replace(plan, box=wider, size=larger), size, left, top)

    def without(self, shown: Shades) -> NDArray[np.float32]:
        return shown[self._top : self._top + self._size.height, self._left : self._left + self._size.width]


def _margin(rendering: Rendering, pixels: PixelFormat) -> int:
    """Pixels around a part of a picture that it depends on."""
    is_colour = pixels.is_colour or rendering.composite is not None
    slopes = 1 if rendering.shading is not None and not is_colour else 0
    return len(rendering.kernel) // 2 + slopes


def _is_nothing(rendering: Rendering) -> bool:
    return replace(rendering, icc=IccUse.LEAVE, bits=8) == NOTHING


def _planes(info: ImageInfo, wanted: Composite, channel: int, plane: int) -> tuple[int, ...]:
    here = info.planes[plane]
    z = None if wanted.projection is not None else (here.z if wanted.z is None else wanted.z)
    return planes_of(info, channel, z, here.t if wanted.t is None else wanted.t)


def _stored(display: Display) -> Present:
    if display.palette is None:
        return lambda pixels: pixels
    return lambda pixels: presentation.present(pixels, display, None)
