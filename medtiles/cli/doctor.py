"""`medtiles doctor`: is all there that is needed, and does it work? Each check tells what to do when it fails."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import imagecodecs
import numpy as np
import typer
from packaging.requirements import Requirement
from rich.console import Console
from rich.table import Table

import medtiles
from medtiles.app.errors import StartError
from medtiles.app.logs import set_up_logs
from medtiles.app.sockets import bind_http, reserve_grpc
from medtiles.protocols.http.pages import STATIC
from medtiles.settings import Settings, load
from medtiles.sources import formats
from transcode.codec import Codec, EncodeOptions, Encoder
from transcode.codecs import builtin
from transcode.errors import TranscodeError
from transcode.frames import RGB8, EncodedFrame, PixelArray, PixelFormat, Samples
from transcode.isolation import Isolation
from transcode.lossless_crop import is_available
from transcode.packet_index import is_compiled

_SIDE = 32
_GREY16 = PixelFormat(1, 16, 16)
_GREY12 = PixelFormat(1, 16, 12)
_TOLERANCE = 0.06
"""Of the range of values: the mean error of a lossy codec on a smooth picture stays far below."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    subject: str
    name: str
    is_good: bool
    detail: str


def examine(config: Path | None, *, as_json: bool) -> None:
    """Run all checks and print them; exit code 1 when one fails."""
    set_up_logs()
    settings = load({}, config=config).settings
    checks = [*_libraries(), *_codecs(), *_formats(settings), *_places(settings), *_addresses(settings)]
    if as_json:
        print(json.dumps([asdict(check) for check in checks], indent=2))  # noqa: T201 - the command's answer
    else:
        _print(checks)
    if not all(check.is_good for check in checks):
        raise typer.Exit(1)


def _print(checks: list[Check]) -> None:
    table = Table("", "", "", "", box=None, pad_edge=False, show_header=False)
    subject = ""
    for check in checks:
        shown = "" if check.subject == subject else check.subject
        subject = check.subject
        table.add_row(shown, check.name, "ok" if check.is_good else "[bold red]FAILS[/]", check.detail)
    console = Console(highlight=False, emoji=False)
    console.print(table)
    failed = sum(not check.is_good for check in checks)
    console.print(f"{failed} of {len(checks)} checks fail" if failed else f"all {len(checks)} checks pass")


def _libraries() -> Iterator[Check]:
    yield Check("program", "medtiles", True, medtiles.__version__)
    is_new = sys.version_info >= (3, 11)
    yield Check("program", "Python", is_new, f"{platform.python_version()} on {platform.platform()}")
    for text in metadata.requires("medtiles") or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _library(requirement)


def _library(requirement: Requirement) -> Check:
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Check("libraries", requirement.name, False, f"missing: pip install '{requirement}'")
    is_good = requirement.specifier.contains(version, prereleases=True)
    return Check("libraries", requirement.name, is_good, version if is_good else f"{version}; wanted: {requirement}")


# -- codecs: a tiny picture, there and back --------------------------------------------------------------------------


def _codecs() -> Iterator[Check]:
    with Isolation(1) as isolation:
        for codec in builtin(isolation):
            yield _codec(codec)
    hint = "libturbojpeg" if is_available() else "no libturbojpeg: apt install libturbojpeg0, or pip install turbojpeg"
    yield Check("codecs", "lossless crop", is_available(), hint)
    how = "compiled" if is_compiled() else "in plain Python, slowly: install a C compiler, then medtiles again"
    yield Check("codecs", "packet headers of JPEG 2000", True, how)


def _codec(codec: Codec) -> Check:
    name = codec.encoding.name
    try:
        pixels, frame = _encoded(codec)
        decoded = codec.decode(frame).samples
    except TranscodeError as error:
        return Check("codecs", name, False, str(error))
    except Exception as error:  # noqa: BLE001 - whatever a library does wrong, the other checks go on
        return Check("codecs", name, False, f"{type(error).__name__}: {error}")
    span = float(2**pixels.format.bits_stored - 1)
    difference = float(np.abs(decoded.astype(np.float64) - pixels.samples.astype(np.float64)).mean()) / span
    is_good = decoded.shape == pixels.samples.shape and difference <= (0 if codec.encoding.lossless else _TOLERANCE)
    does = "decodes and encodes" if isinstance(codec, Encoder) else "decodes"
    return Check("codecs", name, is_good, does if is_good else f"{does} wrongly: mean difference {difference:.4f}")


def _encoded(codec: Codec) -> tuple[PixelArray, EncodedFrame]:
    """A picture, and the same encoded: by the codec itself, or by the library that has an encoder."""
    if isinstance(codec, Encoder):
        pixels = _picture(RGB8) if codec.holds(RGB8) else _picture(_GREY16)
        return pixels, codec.encode(pixels, EncodeOptions())
    pixel_format, encode = _FOREIGN[codec.encoding.name]
    pixels = _picture(pixel_format)
    return pixels, EncodedFrame(encode(pixels.samples[:, :, 0]), codec.encoding, pixel_format, _SIDE, _SIDE)


def _rle(samples: Samples) -> bytes:
    """Two byte planes as literal runs (PS3.5 G.3)."""
    planes = [(samples >> 8).astype(np.uint8), samples.astype(np.uint8)]  # type: ignore[operator]
    segments = [b"".join(bytes([len(row) - 1]) + row.tobytes() for row in plane) for plane in planes]
    offsets = [2, 64, 64 + len(segments[0]), *[0] * 13]
    return np.array(offsets, "<u4").tobytes() + b"".join(segments)


_FOREIGN: dict[str, tuple[PixelFormat, Callable[[Samples], bytes]]] = {
    "jpeg2000": (
        _GREY16,
        lambda samples: bytes(imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True)),
    ),
    "htj2k": (_GREY16, lambda samples: bytes(imagecodecs.htj2k_encode(samples, reversible=True))),
    "jpegls": (_GREY16, lambda samples: bytes(imagecodecs.jpegls_encode(samples))),
    "jpeg-extended": (_GREY12, lambda samples: bytes(imagecodecs.jpeg8_encode(samples, bitspersample=12))),
    "jpeg-lossless": (_GREY16, lambda samples: bytes(imagecodecs.jpeg8_encode(samples, lossless=True))),
    "rle": (_GREY16, _rle),
}


def _picture(pixels: PixelFormat) -> PixelArray:
    """A smooth ramp over the whole range of values."""
    ramp = np.add.outer(np.arange(_SIDE), np.arange(_SIDE)) / (2 * _SIDE - 2) * (2**pixels.bits_stored - 1)
    samples = np.repeat(ramp.astype(pixels.dtype)[:, :, None], pixels.samples_per_pixel, axis=2)
    return PixelArray(samples, pixels)


# -- formats, places, addresses --------------------------------------------------------------------------------------


def _formats(settings: Settings) -> Iterator[Check]:
    import openslide  # noqa: PLC0415 - its library is loaded at import, and may be what is missing

    for each in formats(settings.cache):
        detail = f"OpenSlide {openslide.__library_version__}" if each.name == "openslide" else ""
        yield Check("formats", each.name, True, detail)


def _places(settings: Settings) -> Iterator[Check]:
    is_built = (STATIC / "index.html").is_file()
    hint = "" if is_built else "not built; from a source checkout, run: python -m medtiles.web.build"
    yield Check("places", "page", is_built, hint)
    if settings.cache is None:
        yield Check("places", "cache folder", True, "none: large pictures are refused, the index is kept in memory")
        return
    try:
        settings.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.cache):
            free = shutil.disk_usage(settings.cache).free
    except OSError as error:
        yield Check("places", "cache folder", False, f"{settings.cache}: {error.strerror}; set another by --cache")
    else:
        yield Check("places", "cache folder", True, f"{settings.cache}, {free / 1e9:.1f} GB free")


def _addresses(settings: Settings) -> Iterator[Check]:
    for name, address, take in (("http", settings.http, bind_http), ("grpc", settings.grpc, reserve_grpc)):
        try:
            take(address).close()
        except StartError as error:
            yield Check("addresses", name, False, str(error))
        else:
            yield Check("addresses", name, True, f"{address} is free")
