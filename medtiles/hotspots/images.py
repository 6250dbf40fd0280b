"""Images that logs speak of: found by whatever a request calls them, in this process or at a running server."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medtiles.core.errors import MedTilesError
from medtiles.core.geometry import Region, Size, ceil_div
from medtiles.core.studies import DicomJson, Scope
from medtiles.core.tiles import ImageQuery, Tiles
from medtiles.core.view import Request, View
from medtiles.hotspots.errors import HotspotsError
from medtiles.hotspots.geometry import DicomFrames, Geometry, geometry_of, make_geometry
from transcode.errors import TranscodeError

if TYPE_CHECKING:
    import httpx

Pixels = NDArray[np.uint8]
_PAGE = 1000
_MOST_INSTANCES = 64
"""Of a whole-slide series, whose frames are tiles; one with more is a stack."""
_COLUMNS, _ROWS, _TOTAL_COLUMNS = "00280011", "00280010", "00480006"


class Images(Protocol):
    """What is known of images."""

    def geometry(self, name: str) -> Geometry | None:
        """By id, path, file name or Series Instance UID; None: it is not known."""

    def picture(self, name: str, size: Size) -> Pixels | None:
        """The whole of an image at a size: an array of (rows, columns, 3); None: it cannot be had."""


class ByHand:
    """All images are of one geometry."""

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry

    def geometry(self, name: str) -> Geometry | None:
        """See `Images`."""
        return self._geometry if name else None

    def picture(self, _name: str, _size: Size) -> Pixels | None:
        """See `Images`."""
        return None


class Unknown:
    """Nothing is known."""

    def geometry(self, _name: str) -> Geometry | None:
        """See `Images`."""
        return None

    def picture(self, _name: str, _size: Size) -> Pixels | None:
        """See `Images`."""
        return None


class _Found(ABC):
    """Images by their names; what is asked for once is kept."""

    def __init__(self) -> None:
        self._geometries: dict[str, Geometry | None] = {}

    @cached_property
    def _ids(self) -> dict[str, str]:
        """Names to ids. A name that several have leads to none of them."""
        found: dict[str, str] = {}
        twice: set[str] = set()
        for image, names in self._listed():
            for name in names:
                if found.setdefault(name, image) != image:
                    twice.add(name)
        return {name: image for name, image in found.items() if name not in twice}

    @abstractmethod
    def _listed(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        """Ids of all images, and what each is called."""

    @abstractmethod
    def _described(self, image: str) -> Geometry | None:
        """The geometry of one."""

    def id_of(self, name: str) -> str | None:
        """The id of an image that a request calls so."""
        last = PurePosixPath(name).name
        return next((self._ids[each] for each in (name, last, PurePosixPath(last).stem) if each in self._ids), None)

    def geometry(self, name: str) -> Geometry | None:
        """See `Images`."""
        if name not in self._geometries:
            image = self.id_of(name)
            self._geometries[name] = self._described(image) if image is not None else None
        return self._geometries[name]


class LocalImages(_Found):
    """Images of an engine in this process."""

    def __init__(self, tiles: Tiles) -> None:
        super().__init__()
        self._tiles = tiles

    def _listed(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        offset = 0
        while True:
            page = self._tiles.images(ImageQuery(offset=offset, limit=_PAGE))
            for summary in page.images:
                yield summary.id, _names(summary.id, summary.name, summary.series_uid)
            offset += len(page.images)
            if not page.images or offset >= page.total:
                return

    def _described(self, image: str) -> Geometry | None:
        try:
            info = self._tiles.info(image)
            frames = self._frames(info.dicom.series_uid if info.dicom and info.kind == "slide" else "", info.size)
        except (MedTilesError, TranscodeError):
            return None
        return geometry_of(image, info, frames)

    def _frames(self, series: str, size: Size) -> Mapping[str, DicomFrames]:
        if not series:
            return {}
        instances = self._tiles.studies.instances(Scope(series=series))[:_MOST_INSTANCES]
        return frames_of((self._tiles.studies.metadata(instance) for instance in instances), size)

    def picture(self, name: str, size: Size) -> Pixels | None:
        """See `Images`."""
        image, geometry = self.id_of(name), self.geometry(name)
        if image is None or geometry is None:
            return None
        asked = _asked(geometry.size, size)
        whole = View(Region(0, 0, geometry.size.width, geometry.size.height), asked)
        try:
            return _decoded(self._tiles.produce(Request(image, whole, ("image/png",))).data, size)
        except (MedTilesError, TranscodeError):
            return None


class RemoteImages(_Found):
    """Images of a running server."""

    def __init__(self, url: str) -> None:
        import httpx  # noqa: PLC0415 - only who asks a server waits for it

        super().__init__()
        self._client: httpx.Client = httpx.Client(base_url=url.rstrip("/"), timeout=60, follow_redirects=True)
        self._url = url

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _get(self, path: str, **parameters: object) -> httpx.Response:
        import httpx  # noqa: PLC0415

        try:
            response = self._client.get(path, params=parameters)  # type: ignore[arg-type]
            return response.raise_for_status()
        except httpx.HTTPError as error:
            message = f"{self._url}{path}: {error}"
            raise HotspotsError(message) from error

    def _listed(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        offset: int | None = 0
        while offset is not None:
            page: dict[str, Any] = self._get("/images", offset=offset, limit=_PAGE).json()
            for image in page["images"]:
                yield image["id"], _names(image["id"], image["name"], image["series_uid"])
            offset = page["next"]

    def _described(self, image: str) -> Geometry | None:
        try:
            found: dict[str, Any] = self._get(f"/images/{quote(image)}").json()
            sizes = tuple(Size(level["width"], level["height"]) for level in found["levels"])
            frames: Mapping[str, DicomFrames] = {}
            if found["dicom"] and found["kind"] == "slide":
                place = (
                    f"/dicomweb/studies/{found['dicom']['study_uid']}/series/{found['dicom']['series_uid']}/metadata"
                )
                frames = frames_of(self._get(place).json()[:_MOST_INSTANCES], sizes[0])
        except HotspotsError:
            return None
        first = found["levels"][0]
        return make_geometry(image, found["name"], sizes, Size(first["tile_width"], first["tile_height"]), frames)

    def picture(self, name: str, size: Size) -> Pixels | None:
        """See `Images`."""
        image, geometry = self.id_of(name), self.geometry(name)
        if image is None or geometry is None:
            return None
        asked = _asked(geometry.size, size)
        try:
            answer = self._get(f"/images/{quote(image)}/view", format="png", size=f"{asked.width},{asked.height}")
        except HotspotsError:
            return None
        return _decoded(answer.content, size)


def frames_of(metadata: Iterable[DicomJson], size: Size) -> dict[str, DicomFrames]:
    """Where the frames of whole-slide instances lie that are tiled fully (PS3.3 C.7.6.17.3), by SOP Instance UID."""
    found = {}
    for each in metadata:
        total, columns, rows = (_number(each, tag) for tag in (_TOTAL_COLUMNS, _COLUMNS, _ROWS))
        if not (total and columns and rows):
            continue
        uid = each["00080018"]["Value"][0]
        found[str(uid)] = DicomFrames(ceil_div(total, columns), Size(columns, rows), size.width / total)
    return found


def _number(metadata: DicomJson, tag: str) -> int:
    value = metadata.get(tag, {}).get("Value") or [0]
    return int(value[0])


def _names(*words: str) -> tuple[str, ...]:
    """What requests may call an image: also without its suffix, as the folders of Deep Zoom are named."""
    stems = [PurePosixPath(word).stem for word in words[1:2]]
    return tuple(dict.fromkeys(word for word in (*words, *stems) if word))


def _asked(image: Size, size: Size) -> Size:
    """What to ask for: no more than the image has."""
    return Size(min(size.width, image.width), min(size.height, image.height))


def _decoded(data: bytes, size: Size) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((size.width, size.height)))
