"""Codestreams of instances beside those of images; see `medtiles.core.instance_targets`."""

from __future__ import annotations

from medtiles.core.codestreams import CodestreamPlace, Codestreams, CodestreamSet, Held
from medtiles.core.errors import ImageNotFoundError, TileOutOfRangeError
from medtiles.core.frames import FrameRequest, Frames
from medtiles.core.geometry import Size
from medtiles.core.instance_targets import InstanceTarget, read_target
from medtiles.core.studies import Instance, Scope, Studies
from transcode.errors import FileChangedError, UnsupportedEncodingError
from transcode.jp2_boxes import codestream_within


class WithInstances:
    """A `Codestreams` that knows both."""

    def __init__(self, images: Codestreams, studies: Studies, frames: Frames) -> None:
        self._images = images
        self._studies = studies
        self._frames = frames

    def describe(self, image: str) -> CodestreamSet:
        """See `Codestreams.describe`."""
        target = read_target(image)
        if target is None:
            return self._images.describe(image)
        instance = self._instance(target)
        size = Size(instance.columns, instance.rows)
        is_stored = instance.transfer_syntax in target.accepted
        planes = (0, *range(instance.frames))
        places = tuple(CodestreamPlace(Held.AS_FRAME, 0, plane, size, is_stored) for plane in planes)
        return CodestreamSet(instance.version, places)

    def read(self, image: str, version: str, offset: int, length: int) -> bytes:
        """See `Codestreams.read`."""
        self._require_image(image)
        return self._images.read(image, version, offset, length)

    def kept_packets(self, image: str, version: str, number: int, tile: int) -> bytes | None:
        """See `Codestreams.kept_packets`."""
        return self._images.kept_packets(image, version, number, tile)

    def keep_packets(self, image: str, version: str, number: int, tile: int, data: bytes) -> None:
        """See `Codestreams.keep_packets`."""
        self._images.keep_packets(image, version, number, tile, data)

    def header(self, image: str, version: str, number: int) -> bytes:
        """See `Codestreams.header`."""
        self._require_image(image)
        return self._images.header(image, version, number)

    def tile(self, image: str, version: str, number: int, tile: int) -> bytes:
        """See `Codestreams.tile`."""
        target = read_target(image)
        if target is None:
            return self._images.tile(image, version, number, tile)
        instance = self._instance(target)
        if instance.version != version:
            message = f"instance {instance.uid} was replaced; ask again"
            raise FileChangedError(message)
        if tile or number > instance.frames:
            message = f"instance {instance.uid} has {instance.frames} frames, and no codestream {number}"
            raise TileOutOfRangeError(message)
        request = FrameRequest(instance, max(1, number), target.accepted)
        return codestream_within(self._frames.frame(request).frame.data)

    def _instance(self, target: InstanceTarget) -> Instance:
        instance = self._studies.instances(Scope(instance=target.uid))[0]
        if not instance.frames:
            message = f"instance {target.uid} has no pixels"
            raise ImageNotFoundError(message)
        return instance

    @staticmethod
    def _require_image(name: str) -> None:
        if read_target(name) is not None:
            message = f"{name}: frames are had one by one"
            raise UnsupportedEncodingError(message)
