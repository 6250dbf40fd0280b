"""`medtiles jpip`: pictures of JPIP servers, ours and others."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from medtiles.cli.errors import UsageError
from medtiles.cli.output import SAMPLES, media_type, require_writable, samples_file, write
from medtiles.jpip.client import JpipClient, JpipImage, Look, Picture, Region, Stage
from transcode.codec import EncodeOptions
from transcode.codecs import builtin
from transcode.dicom.file_header import read_header
from transcode.dicom.jpip_reference import read_reference, refer
from transcode.dicom.referenced_syntaxes import REFERENCED
from transcode.files import StableFile
from transcode.frames import PixelArray, PixelFormat, Samples

_CODESTREAMS = frozenset({".j2k", ".j2c", ".jpc", ".jhc", ".jphc"})
_FILES = frozenset({".jp2", ".jpx", ".jph"})


@dataclass(frozen=True, slots=True)
class Way:
    """How the server is asked."""

    cache: str
    """A folder; "none": none."""
    is_stateless: bool
    limit: int
    """Bytes of an answer at the most."""
    timeout: float
    headers: tuple[str, ...]
    """As `Name: value`."""

    def client(self) -> JpipClient:
        """One that asks so.

        :raises UsageError: a header has no colon
        """
        headers = {}
        for line in self.headers:
            name, colon, value = line.partition(":")
            if not colon or not name.strip():
                message = f'--header {line!r}: "Name: value" is wanted'
                raise UsageError(message)
            headers[name.strip()] = value.strip()
        return JpipClient(
            cache=None if self.cache == "none" else Path(self.cache).expanduser(),
            is_stateless=self.is_stateless,
            most_bytes=self.limit,
            timeout=self.timeout,
            headers=headers,
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted, as it was written."""

    region: str = ""
    size: int | None = None
    reduction: int | None = None
    components: str = ""
    layers: int | None = None
    stream: int | None = None

    def look(self, image: JpipImage, stream: int) -> Look:
        """The same, of an image. Without a codestream and with a size, the level that comes nearest is taken.

        :raises UsageError: numbers are wanted, and there is something else
        """
        picture = image.picture(stream)
        region = None
        if self.region:
            numbers = _numbers("--region", self.region)
            if len(numbers) != 4:
                message = f"--region {self.region}: X,Y,WIDTH,HEIGHT is wanted, in samples of full resolution"
                raise UsageError(message)
            region = Region(*numbers)
        components = tuple(_numbers("--components", self.components)) if self.components else None
        if self.size is None:
            return Look(region, self.reduction or 0, components, self.layers, stream)
        if self.reduction is not None:
            message = "--size and --reduction: one of them is wanted"
            raise UsageError(message)
        levels = [picture] if self.stream is not None or stream else image.levels()
        return _fitted(region or Region(0, 0, *picture.sizes[0]), self.size, levels, (components, self.layers))


def place_of(where: str, stream: int | None) -> tuple[str, int]:
    """An address, and the codestream there: of a URL, or of a DICOM file that refers to one.

    :raises DicomFileError: a file that refers to none, or a frame that it does not have
    :raises OSError: the file cannot be read
    """
    if "://" in where:
        return where, stream or 0
    with closing(StableFile(Path(where))) as file:
        reference = read_reference(file)
    frame = 1 if stream is None else stream
    reference.frame_url(frame)
    return reference.url, frame


def refer_to(source: Path, url: str, out: Path, transfer_syntax: str, *, is_forced: bool) -> None:
    """Write an instance that refers to a server instead of bringing its pixels.

    :raises UsageError: no such transfer syntax
    """
    if transfer_syntax not in REFERENCED:
        message = f"--transfer-syntax {transfer_syntax}: it must be one of {', '.join(sorted(REFERENCED))}"
        raise UsageError(message)
    require_writable(out, (source,), is_forced=is_forced)
    with closing(StableFile(source)) as file:
        header = read_header(file)
        data = refer(header, url, transfer_syntax, header.image_pixel.format.photometric)
    write(out, data, is_forced=is_forced)


def print_info(where: str, wanted_stream: int | None, way: Way) -> None:
    """Print what there is at an address."""
    url, stream = place_of(where, wanted_stream)
    with way.client() as client, client.open(url) as image:
        picture = image.picture(stream)
        found = {
            "target_id": image.tid,
            "session": image.is_session,
            "sizes": [list(size) for size in picture.sizes],
            "components": [
                {"bits": each.depth, "signed": each.signed, "subsampling": [each.dx, each.dy]}
                for each in picture.siz.components
            ],
            "tiles": picture.siz.tile_count,
            "layers": picture.layers,
            "reversible": picture.assembly.is_reversible,
            "high_throughput": picture.assembly.is_high_throughput,
        }
    print(json.dumps(found, indent=2))  # noqa: T201 - the command's answer


def get(  # noqa: PLR0913 - what the command was given
    where: str, out: Path, wanted: Wanted, way: Way, stages: Path | None, *, is_forced: bool, as_json: bool
) -> None:
    """Get what is wanted into a file; each stage of it into a folder, where there is one."""
    suffix = out.suffix.lower()
    if suffix not in _CODESTREAMS | _FILES and suffix not in SAMPLES:
        media_type(out)
    require_writable(out, (), is_forced=is_forced)
    if stages is not None:
        stages.mkdir(parents=True, exist_ok=True)
    url, stream = place_of(where, wanted.stream)
    with way.client() as client, client.open(url) as image:
        picture = image.picture(stream)
        look = wanted.look(image, stream)
        picture = image.picture(look.stream)
        last = _last_stage(image, look, stages, is_forced=is_forced)
        if suffix in _CODESTREAMS:
            data = image.codestream(look.stream)
        elif suffix in _FILES:
            data = image.file()
        else:
            data = _encoded(last.pixels, picture.format, out)
        write(out, data, is_forced=is_forced)
        told = {
            "file": str(out),
            "width": last.window.size[0],
            "height": last.window.size[1],
            "components": len(last.window.components),
            "received_bytes": image.received,
            "kept_bytes": image.had,
            "requests": image.requests,
            "seconds": round(last.seconds, 3),
        }
    if as_json:
        print(json.dumps(told))  # noqa: T201 - the command's answer
    else:
        requests = f"{image.requests} request{'s' * (image.requests != 1)}"
        print(  # noqa: T201 - the command's answer
            f"{out}: {told['width']} x {told['height']}; {decimal(image.received)} came in {requests}, "
            f"{decimal(image.had)} were here, {last.seconds:.1f} s"
        )


def _last_stage(image: JpipImage, look: Look, folder: Path | None, *, is_forced: bool) -> Stage:
    picture = image.picture(look.stream)
    with _bar(image, len(picture.steps(picture.window(look)))) as advance:
        for number, stage in enumerate(image.stages(look)):
            advance(stage)
            if folder is not None:
                path = folder / f"stage-{number}.png"
                write(path, _encoded(stage.pixels, picture.format, path), is_forced=is_forced)
    return stage


@contextmanager
def _bar(image: JpipImage, steps: int) -> Iterator[_Advance]:
    console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield _Advance(progress, image, steps)


class _Advance:
    """Tells of stages, on a terminal as a bar."""

    def __init__(self, progress: Progress, image: JpipImage, steps: int) -> None:
        self._progress = progress
        self._image = image
        self._task = progress.add_task("asking", total=steps)

    def __call__(self, stage: Stage) -> None:
        done = self._progress.tasks[0].total if stage.is_last else self._progress.tasks[0].completed + 1
        size = " x ".join(str(-(-side >> (stage.reduction - stage.window.reduction))) for side in stage.window.size)
        self._progress.update(
            self._task, completed=done or 0, description=f"{size} is here, {decimal(self._image.received)} came"
        )


def _encoded(samples: Samples, of_picture: PixelFormat, out: Path) -> bytes:
    """Samples as a file of its suffix.

    :raises UsageError: that is none of a picture
    :raises UnsupportedEncodingError: it does not hold such samples
    """
    suffix = out.suffix.lower()
    if suffix in SAMPLES:
        return samples_file(samples, suffix)
    count = samples.shape[2]
    photometric = "RGB" if count == 3 else "MONOCHROME2"
    pixels = replace(of_picture, samples_per_pixel=count, photometric=photometric)
    encoder = builtin().encoder((media_type(out),), pixels)
    return encoder.encode(PixelArray(np.ascontiguousarray(samples), pixels), EncodeOptions()).data


def _fitted(
    region: Region, most: int, levels: Sequence[Picture], what: tuple[tuple[int, ...] | None, int | None]
) -> Look:
    """A region of the first level, as large as it can be had with no more than so many samples a side.

    Halvings of a level that has been halved already are preferred to those that are still to be decoded.
    """
    found: list[tuple[float, int, Look]] = []
    for level in levels:
        scale = level.sizes[0][0] / levels[0].sizes[0][0]
        x, y = int(region.x * scale), int(region.y * scale)
        width, height = math.ceil(region.right * scale) - x, math.ceil(region.bottom * scale) - y
        for reduction in range(level.decompositions + 1):
            side = -(-max(width, height) >> reduction)
            look = Look(Region(x, y, width, height), reduction, *what, level.stream)
            found.append((round(math.log2(side), 1) if side <= most else -side, -reduction, look))
    return max(found, key=lambda each: each[:2])[2]


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        message = f"{option} {text}: numbers with commas between are wanted"
        raise UsageError(message) from error
