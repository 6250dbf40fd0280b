"""A client for programs: tiles, regions and refinements of a far server, samples as NumPy arrays.

    with Client("127.0.0.1:50051") as client:
        for image in client.images(kind="slide"):
            patch = client.region(image.id, 0, 0, 512, 512)

Errors are those of `medtiles.core.errors` and `transcode.errors`, as the server raised them. Besides: BusyError when it
cannot be reached or has too much to do, TimeoutError when it does not answer in time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from medtiles.core.channels import ChannelReport
from medtiles.core.display import Display, Windowing
from medtiles.core.frames import TravelFrame
from medtiles.core.geometry import Region, Size
from medtiles.core.heat import HotTiles
from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.core.rendering import Rendering
from medtiles.core.series_order import Order, SeriesOrder
from medtiles.core.studies import DicomJson, Instance, QueryScope, Scope, StudyQuery
from medtiles.core.tiles import ImageQuery, ImageSummary
from medtiles.core.view import AssociatedName, Finish, Refinement, Request, Tones, View
from medtiles.protocols.grpc.frame_verbs import EXPLICIT, HTJ2K_RPCL, JPEG_BASELINE, JPEG_LS, FrameVerbs, GrowingArray
from medtiles.protocols.grpc.remote import Outcome, RemoteOptions, RemoteTiles
from medtiles.protocols.grpc.remote_frames import SeriesPiece
from medtiles.protocols.grpc.tls import ClientTls
from medtiles.protocols.grpc.viewport import Arrival, Viewport
from medtiles.viewport.looks import Motion
from transcode.frames import EncodedFrame, Samples

__all__ = [
    "EXPLICIT",
    "HTJ2K_RPCL",
    "JPEG_BASELINE",
    "JPEG_LS",
    "Arrival",
    "Client",
    "ClientTls",
    "EncodedFrame",
    "Finish",
    "GrowingArray",
    "ImageInfo",
    "Instance",
    "Motion",
    "Order",
    "QueryScope",
    "Refinement",
    "Rendering",
    "Scope",
    "SeriesOrder",
    "SeriesPiece",
    "TileKey",
    "Tones",
    "TravelFrame",
    "Viewport",
    "Windowing",
]

_PAGE = 500
ANY = ("*/*",)
"""What is stored, or else whatever the server encodes best."""


class Client(FrameVerbs):
    """A server's images. Safe to use from several threads; `close` it, or use it as a context manager."""

    def __init__(
        self, address: str, *, tls: ClientTls | None = None, timeout: float = 60.0, connections: int = 1
    ) -> None:
        """Reach HOST:PORT when first asked for something.

        :param tls: whom to trust and what to show; None: the connection is not encrypted
        :param timeout: seconds that one answer may take; a stream may take ten times as long
        :param connections: so many processes of the server can be used at the same time
        :raises ValueError: the files of TLS are no good
        """
        options = RemoteOptions(timeout, 10 * timeout, connections, cache_bytes=0)
        self._tiles = RemoteTiles(address, tls=tls, options=options)
        super().__init__(self._tiles.frames)

    def images(self, search: str = "", *, kind: str = "", study_uid: str = "") -> Iterator[ImageSummary]:
        """All images that match, page by page.

        :param search: part of the name or description, in any case
        :param kind: slide, radiology or picture
        """
        offset = 0
        while True:
            page = self._tiles.images(ImageQuery(search, kind, study_uid, offset, _PAGE))
            yield from page.images
            offset += len(page.images)
            if not page.images or offset >= page.total:
                return

    def image(self, image: str) -> ImageInfo:
        """Everything about an image but its pixels.

        :raises ImageNotFoundError: no such image
        """
        return self._tiles.info(image)

    def display(self, image: str, plane: int = 0) -> Display:
        """How a plane is shown: its windows, and what turns stored values into modality values."""
        return self._tiles.display(image, plane)

    def channels(self, image: str) -> tuple[ChannelReport, ...]:
        """The channels of an image, and the values that the whole image has in each."""
        return self._tiles.channels(image)

    def hot_tiles(self, image: str, limit: int = 1000, level: int | None = None) -> HotTiles:
        """The tiles that are looked at most, of a server that counts (`--hotspots`).

        :raises NotCountedError: it does not
        """
        return self._tiles.hot_tiles(image, limit, level)

    def modality(self, image: str, stored: NDArray[np.generic], plane: int = 0) -> NDArray[np.float64]:
        """Modality values, in `display().units` such as HU, of stored values of a plane (DICOM PS3.3 C.11.1)."""
        display = self._tiles.display(image, plane)
        lut = display.modality_lut
        if lut is None:
            return stored.astype(np.float64) * display.slope + display.intercept
        index = np.clip(stored.astype(np.int64) - lut.first, 0, len(lut.values) - 1)
        return np.asarray(lut.values)[index].astype(np.float64)

    def tile(  # noqa: PLR0913 - an address, then keywords with defaults that serve
        self,
        image: str,
        level: int,
        column: int,
        row: int,
        plane: int = 0,
        *,
        accept: Sequence[str] = ANY,
        quality: int | None = None,
        is_display: bool = True,
        windowing: Windowing | None = None,
    ) -> EncodedFrame:
        """One tile. Stored bytes of an accepted media type come untouched.

        :param accept: media types, best first
        :param quality: 1 to 100; None: stored bytes as they are, or the encoder's default
        :param is_display: True: as people look at it, 8 bits. False: as it is stored, all its bits
        :param windowing: in place of the image's own window
        :raises TileOutOfRangeError: no such level, tile or plane
        """
        key = TileKey(level, column, row, plane)
        return self._tiles.produce(Request(image, key, tuple(accept), quality, is_display, windowing))

    def tiles(
        self,
        image: str,
        keys: Sequence[TileKey],
        *,
        accept: Sequence[str] = ANY,
        quality: int | None = None,
        is_display: bool = True,
    ) -> list[Outcome]:
        """Many tiles by few calls, in the order of their keys; in place of one that fails stands its error."""
        like = Request(image, TileKey(0, 0, 0), tuple(accept), quality, is_display)
        return [outcome for _, outcome in self._tiles.tiles(image, keys, like)]

    def stream_tiles(
        self,
        image: str,
        keys: Sequence[TileKey],
        *,
        accept: Sequence[str] = ANY,
        quality: int | None = None,
        is_display: bool = True,
    ) -> Iterator[tuple[TileKey, Outcome]]:
        """Many tiles, each with its key as soon as it is ready; leaving the loop ends the work for the rest."""
        like = Request(image, TileKey(0, 0, 0), tuple(accept), quality, is_display)
        for index, outcome in self._tiles.stream_tiles(image, keys, like):
            yield keys[index], outcome

    def region(  # noqa: PLR0913 - a rectangle, then keywords
        self,
        image: str,
        x: int,
        y: int,
        width: int,
        height: int,
        *,
        size: tuple[int, int] | None = None,
        plane: int = 0,
    ) -> Samples:
        """Stored values of a rectangle of level 0: an array (rows, columns, samples per pixel); colour is RGB.

        :param size: width and height of the answer in pixels; None: as large as the rectangle
        :raises BadRequestError: it is empty or leaves the image
        :raises ViewTooLargeError: more pixels than the server allows
        """
        return self._tiles.samples(image, _view((x, y, width, height), size, plane)).samples

    def picture(  # noqa: PLR0913 - a rectangle, then keywords
        self,
        image: str,
        x: int,
        y: int,
        width: int,
        height: int,
        *,
        size: tuple[int, int] | None = None,
        plane: int = 0,
        accept: Sequence[str] = ("image/jpeg", "image/png"),
        quality: int | None = None,
        is_display: bool = True,
        windowing: Windowing | None = None,
        finish: Finish | None = None,
        rendering: Rendering | None = None,
    ) -> EncodedFrame:
        """A rectangle of level 0 as an encoded picture; see `region` and `tile`.

        :param finish: mirrored, turned, without colours, filled up
        :param rendering: channels put together, values and colours changed
        """
        view = _view((x, y, width, height), size, plane)
        how = (tuple(accept), quality, is_display, windowing, finish, rendering)
        return self._tiles.produce(Request(image, view, *how))

    def associated(
        self, image: str, name: str, *, max_side: int | None = None, accept: Sequence[str] = ANY
    ) -> EncodedFrame:
        """A picture that comes with an image, as it is or no larger than `max_side` pixels on either side.

        :raises ImageNotFoundError: no such picture
        """
        return self._tiles.produce(Request(image, AssociatedName(name, max_side), tuple(accept)))

    def refinements(
        self, image: str, level: int = 0, column: int = 0, row: int = 0, plane: int = 0, *, offset: int = 0
    ) -> Iterator[Refinement]:
        """A tile or frame stored as JPEG 2000 or HTJ2K, resolution by resolution.

        The bytes joined so far decode to the picture at `reduction`. To go on after an interruption, name the bytes at
        hand as `offset`.

        :raises UnsupportedEncodingError: it is stored in another way
        """
        return self._tiles.refinements(image, TileKey(level, column, row, plane), offset)

    def search(
        self,
        scope: QueryScope = QueryScope.STUDIES,
        matches: Mapping[str, str] | None = None,
        *,
        within: Scope = Scope(),
        fields: Sequence[str] = (),
        fuzzy: bool = False,
        limit: int = 1000,
    ) -> tuple[DicomJson, ...]:
        """Studies, series or instances in the DICOM JSON Model: `search(matches={"PatientID": "4711"})`.

        :param matches: values by attributes (keywords, tags, paths of them): wildcards, lists, ranges of dates
        :param fields: attributes wanted beyond the usual ones; `all`: everything that the server's index has
        :param fuzzy: whether names of persons match by their sound or spelling
        :raises BadRequestError: a value that cannot be matched
        """
        asked = StudyQuery(scope, within, tuple((matches or {}).items()), tuple(fields), fuzzy, limit=limit)
        return self._tiles.studies.search(asked).found

    def instances(self, study: str = "", series: str = "", instance: str = "") -> tuple[Instance, ...]:
        """All instances of a study or a series, series by series, in the order of their slices.

        :raises ImageNotFoundError: there is none
        """
        return self._tiles.studies.instances(Scope(study, series, instance))

    def metadata(self, instance: Instance) -> DicomJson:
        """The data set of an instance without bulk data; `pydicom.Dataset.from_json` reads it.

        :raises ImageNotFoundError, FileChangedError: its file is gone, or another
        """
        return self._tiles.studies.metadata(instance)

    def bulk_data(self, instance: Instance, path: str) -> bytes:
        """What a BulkDataURI of the metadata stands for; `path` is what follows `bulkdata/`.

        :raises ImageNotFoundError: there is no such value
        """
        return self._tiles.studies.bulk_data(instance, path)

    def read_instance(self, instance: Instance) -> Iterator[bytes]:
        """The file of an instance as it is stored, piece by piece.

        :raises ImageNotFoundError, FileChangedError: it is gone, or another
        """
        return self._tiles.studies.file(instance)[1]

    def viewport(self, *, byte_rate: int = 0) -> Viewport:
        """A conversation about what somebody looks at; to be used as a context manager.

            with client.viewport() as viewport:
                viewport.look(image, (0, 0, 4000, 3000), zoom=0.25)
                for piece in viewport.pieces():
                    ...

        :param byte_rate: the most bytes a second; 0: as many as arrive
        :raises BadRequestError: no such rate
        """
        return self._tiles.viewport(byte_rate)

    def close(self) -> None:
        """End the connection; calls under way are cancelled."""
        self._tiles.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _view(rectangle: tuple[int, int, int, int], size: tuple[int, int] | None, plane: int) -> View:
    region = Region(*rectangle)
    return View(region, region.size if size is None else Size(*size), plane)
