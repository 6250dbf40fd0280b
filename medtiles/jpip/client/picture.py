"""One codestream of what has come: which parts of a window are there, and the samples that they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medtiles.core.errors import BadRequestError, ViewTooLargeError
from medtiles.core.geometry import Region
from medtiles.jpip.arrived import Arrived
from medtiles.jpip.assembly import AssembledTile, Assembly
from medtiles.jpip.bins import LONG_REACH, SHORT_REACH
from medtiles.jpip.messages import BinClass
from medtiles.jpip.window import Window, frame_sizes, precincts_under, region_on_grid, tiles_under
from transcode.codec import Codecs
from transcode.codecs import JPEG_2000
from transcode.codestream import parse
from transcode.codestream.markers import Marker
from transcode.frames import EncodedFrame, PixelFormat, Samples

_MOST_SAMPLES = 1 << 28
"""Of one array."""
_OF_WAVELET = frozenset({Marker.COD, Marker.COC})


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody wants to see of a codestream."""

    region: Region | None = None
    """In samples of full resolution, from the picture's upper left corner; None: all of it."""
    reduction: int = 0
    """Halvings from full resolution."""
    components: tuple[int, ...] | None = None
    """None: all."""
    layers: int | None = None
    """Quality layers; None: all."""
    stream: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the way to a window: a resolution, with so many quality layers."""

    j2k_resolution: int
    layers: int


class Picture:
    """A codestream whose main header has come."""

    def __init__(self, arrived: Arrived, stream: int, codecs: Codecs) -> None:
        """Read its main header.

        :raises CorruptFrameError: it is none
        """
        self.stream = stream
        self.assembly = Assembly(arrived.data(stream, BinClass.MAIN_HEADER, 0))
        self.siz = self.assembly.siz
        self.layers = self.assembly.layers
        self.decompositions = self.assembly.decompositions
        self._arrived = arrived
        self._codecs = codecs
        self._tiles: dict[int, AssembledTile] = {}

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Width and height at each reduction, full resolution first."""
        return frame_sizes(self.siz, self.decompositions)

    def window(self, look: Look) -> Window:
        """The window that is wanted.

        :raises BadRequestError: there is no such reduction, component or region
        """
        if not 0 <= look.reduction <= self.decompositions:
            message = f"reduction {look.reduction}: the picture is halved 0 to {self.decompositions} times"
            raise BadRequestError(message)
        sizes, count = self.sizes, len(self.siz.components)
        whole = Region(0, 0, *sizes[0])
        region = look.region or whole
        if region.width < 1 or region.height < 1 or region.x < 0 or region.y < 0:
            message = f"region {region.x},{region.y},{region.width},{region.height}: it has no samples"
            raise BadRequestError(message)
        width, height = sizes[look.reduction]
        step = 1 << look.reduction
        left, top = region.x // step, region.y // step
        right, bottom = min(width, -(-region.right // step)), min(height, -(-region.bottom // step))
        if left >= right or top >= bottom:
            message = f"region {region.x},{region.y}: the picture has {sizes[0][0]} x {sizes[0][1]} samples"
            raise BadRequestError(message)
        chosen = tuple(range(count)) if look.components is None else look.components
        if not chosen or not all(0 <= component < count for component in chosen):
            message = f"components {chosen}: the picture has {count}, from 0"
            raise BadRequestError(message)
        layers = self.layers if look.layers is None else max(1, min(look.layers, self.layers))
        return Window(look.reduction, (width, height), (left, top), (right - left, bottom - top), chosen, layers)

    def needed(self, window: Window) -> Window:
        """The window that must come for it: a colour transform needs all of its three components (15444-1 G.2)."""
        if not self.assembly.has_colour_transform or min(window.components) > 2:
            return window
        components = tuple(sorted({0, 1, 2, *window.components}))
        return Window(window.reduction, window.frame_size, window.offset, window.size, components, window.layers)

    # -- what is there ------------------------------------------------------------------------------------------

    def steps(self, window: Window) -> list[Step]:
        """The way to a window: coarse resolutions first, and the finest by its quality layers."""
        finest = self.decompositions - window.reduction
        return [Step(r, window.layers) for r in range(finest)] + [
            Step(finest, layer) for layer in range(1, window.layers + 1)
        ]

    def tiles(self, window: Window) -> list[int]:
        """Those that have samples of a window."""
        return tiles_under(window, self.siz)

    def has(self, window: Window, step: Step, tile: int) -> bool:
        """Whether all that a step needs of a tile has come.

        :param window: as it is `needed`
        :raises CorruptFrameError: a tile header or a packet header cannot be believed
        """
        found = self._tile(tile)
        return found is not None and all(
            self._has(found, place.number, step.layers)
            for place in precincts_under(window, self.siz, found.layout, self._reach(found), step.j2k_resolution)
        )

    def _reach(self, tile: AssembledTile) -> int:
        is_usual = self.assembly.is_reversible and not any(each.code in _OF_WAVELET for each in tile.segments)
        return SHORT_REACH if is_usual else LONG_REACH

    def _has(self, tile: AssembledTile, precinct: int, layers: int) -> bool:
        number = tile.bin_id(precinct)
        if self._arrived.is_complete(self.stream, BinClass.PRECINCT, number):
            return True
        if layers >= tile.coding.layers or not self._arrived.has_any(self.stream, BinClass.PRECINCT, number):
            return False
        return len(tile.layers(precinct, self._precinct)) >= layers

    def _tile(self, number: int) -> AssembledTile | None:
        """A tile; None: its header has not come."""
        found = self._tiles.get(number)
        if found is None and self._arrived.is_complete(self.stream, BinClass.TILE_HEADER, number):
            found = self.assembly.tile(number, self._header(number))
            self._tiles[number] = found
        return found

    def _header(self, tile: int) -> bytes:
        return self._arrived.data(self.stream, BinClass.TILE_HEADER, tile)

    def _precinct(self, number: int) -> bytes:
        return self._arrived.data(self.stream, BinClass.PRECINCT, number)

    # -- what it is ---------------------------------------------------------------------------------------------

    def codestream(self) -> bytes:
        """All that has come, as a codestream that any decoder reads; where nothing has come there are empty packets.

        :raises CorruptFrameError: what has come cannot be believed
        """
        return self.assembly.codestream(self._header, self._precinct)

    def pixels(self, window: Window, j2k_resolution: int | None = None) -> Samples:
        """Samples of the window, (rows, columns, components), of all that has come so far.

        :param j2k_resolution: only as fine as this one: the array is smaller, each side halved and rounded outwards
        :raises CorruptFrameError: what has come does not decode
        :raises UnsupportedPixelsError, UnsupportedFeatureError: no decoder here reads it
        :raises ViewTooLargeError: more samples than one array may have
        """
        finest = self.decompositions - window.reduction
        r = finest if j2k_resolution is None else min(j2k_resolution, finest)
        reduction = self.decompositions - r
        x0, y0, x1, y1 = self._bounds(window, reduction)
        pixels = self.format
        if (x1 - x0) * (y1 - y0) * pixels.samples_per_pixel > _MOST_SAMPLES:
            message = f"{x1 - x0} x {y1 - y0} samples at once: ask for a region, or a reduction"
            raise ViewTooLargeError(message)
        found = np.zeros((y1 - y0, x1 - x0, pixels.samples_per_pixel), pixels.dtype)
        for number in tiles_under(window, self.siz):
            tile = self._tile(number)
            if tile is not None:
                self._paste(found, (x0, y0), self._decoded(tile, reduction, pixels), self._place(number, reduction))
        return found[..., list(window.components)]

    def _bounds(self, window: Window, reduction: int) -> tuple[int, int, int, int]:
        """Of the window at a reduction that is no finer than its own, in samples of the components."""
        more = reduction - window.reduction
        x0, y0, x1, y1 = region_on_grid(window, self.siz)
        left, top, right, bottom = (
            -(-side >> reduction) for side in (self.siz.x0, self.siz.y0, self.siz.x1, self.siz.y1)
        )
        x, y = max(left, x0 >> more), max(top, y0 >> more)
        return self._in_samples((x, y, min(right, -(-x1 >> more)), min(bottom, -(-y1 >> more))))

    def _place(self, tile: int, reduction: int) -> tuple[int, int]:
        bounds = self.siz.tile_bounds(tile)
        x, y, _, _ = self._in_samples(tuple(-(-side >> reduction) for side in bounds))
        return x, y

    def _in_samples(self, bounds: tuple[int, ...]) -> tuple[int, int, int, int]:
        """From the reference grid to components that all have fewer samples than it."""
        dx, dy = self.siz.subsampling
        x0, y0, x1, y1 = bounds
        return -(-x0 // dx), -(-y0 // dy), -(-x1 // dx), -(-y1 // dy)

    def _decoded(self, tile: AssembledTile, reduction: int, pixels: PixelFormat) -> Samples | None:
        bounds = [-(-side >> reduction) for side in self.siz.tile_bounds(tile.number)]
        if bounds[0] >= bounds[2] or bounds[1] >= bounds[3]:
            return None
        data = self.assembly.picture(tile, reduction, self._precinct)
        width, height = parse(data).siz.picture_size
        # OpenJPEG reads code-blocks of both coders, and clamps what the wavelet lets overshoot
        return self._codecs.decode(EncodedFrame(data, JPEG_2000, pixels, width, height)).samples

    @staticmethod
    def _paste(into: Samples, origin: tuple[int, int], samples: Samples | None, place: tuple[int, int]) -> None:
        if samples is None:
            return
        x, y = place[0] - origin[0], place[1] - origin[1]
        left, top = max(0, -x), max(0, -y)
        right, bottom = min(samples.shape[1], into.shape[1] - x), min(samples.shape[0], into.shape[0] - y)
        if left < right and top < bottom:
            into[y + top : y + bottom, x + left : x + right] = samples[top:bottom, left:right]

    @property
    def format(self) -> PixelFormat:
        """Of its samples, all components together."""
        components = self.siz.components
        depth = max(component.depth for component in components)
        allocated = 8 if depth <= 8 else 16 if depth <= 16 else 32
        photometric = "RGB" if len(components) == 3 else "MONOCHROME2"
        return PixelFormat(len(components), allocated, depth, components[0].signed, photometric)
