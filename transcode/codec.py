"""The codec port, and an unchanging set of codecs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from transcode.errors import UnsupportedEncodingError
from transcode.frames import EncodedFrame, Encoding, PixelArray, PixelFormat


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How to encode. A codec ignores what it has no use for."""

    quality: int | None = None
    """1 to 100 on the scale of libjpeg; None is the codec's own default for tiles."""
    icc_profile: bytes | None = None
    """Embedded where the encoding can hold a profile."""
    subsampling: str = "420"
    """Of chrominance in JPEG, as libjpeg names it: 444, 422, 440, 420 or 411."""


class Codec(Protocol):
    """Decodes one encoding. Safe to call from several threads."""

    @property
    def encoding(self) -> Encoding:
        """What this codec reads and writes."""

    @property
    def max_reduction(self) -> int:
        """The most halvings that `decode` can do while it decodes; 0 is none."""

    def decode(self, frame: EncodedFrame, reduction: int = 0) -> PixelArray:
        """Decode the frame; each side comes out as ceil(side / 2 ** reduction).

        :raises CorruptFrameError: the bytes do not decode, or not to the size the frame states
        :raises UnsupportedPixelsError: the codec cannot decode samples of this format
        :raises UnsupportedFeatureError: the bytes use a part of the encoding that the codec does not read
        """


@runtime_checkable
class Encoder(Codec, Protocol):
    """A codec that also encodes."""

    def holds(self, pixels: PixelFormat) -> bool:
        """Whether samples of this format survive: all samples and all bits (a lossy codec rounds, but never cuts)."""

    def encode(self, pixels: PixelArray, options: EncodeOptions) -> EncodedFrame:
        """Encode the samples.

        :raises UnsupportedPixelsError: `holds` is false for their format
        """


class Codecs:
    """An unchanging set of codecs, found by name, media type or transfer syntax."""

    def __init__(self, codecs: Iterable[Codec]) -> None:
        self._codecs = tuple(codecs)
        self._by_name = {codec.encoding.name: codec for codec in self._codecs}
        self._by_media_type = {name: codec for codec in self._codecs for name in codec.encoding.media_types}
        self._encoders = {name: codec for name, codec in self._by_media_type.items() if isinstance(codec, Encoder)}
        self._by_transfer_syntax = {
            syntax: codec for codec in self._codecs for syntax in codec.encoding.transfer_syntaxes
        }

    def __iter__(self) -> Iterator[Codec]:
        return iter(self._codecs)

    def of(self, encoding: Encoding) -> Codec:
        """The codec of an encoding.

        :raises UnsupportedEncodingError: there is none
        """
        try:
            return self._by_name[encoding.name]
        except KeyError:
            message = f"no codec for {encoding.name}"
            raise UnsupportedEncodingError(message) from None

    def for_transfer_syntax(self, uid: str) -> Codec:
        """The codec of a DICOM transfer syntax.

        :raises UnsupportedEncodingError: there is none
        """
        try:
            return self._by_transfer_syntax[uid]
        except KeyError:
            message = f"no codec for transfer syntax {uid}"
            raise UnsupportedEncodingError(message) from None

    def for_media_type(self, media_type: str) -> Codec | None:
        """The codec that a media type names, if there is one."""
        return self._by_media_type.get(media_type)

    def encoder(self, media_types: Sequence[str], *formats: PixelFormat) -> Encoder:
        """The first accepted encoder that holds samples of one of the formats.

        :raises UnsupportedEncodingError: no encoder for any of the media types
        """
        for media_type in media_types:
            encoder = self._encoders.get(media_type)
            if encoder is not None and any(map(encoder.holds, formats)):
                return encoder
        message = f"nothing accepted ({', '.join(media_types) or 'no media type'}) can hold {formats[0]}"
        raise UnsupportedEncodingError(message)

    def decode(self, frame: EncodedFrame, reduction: int = 0) -> PixelArray:
        """Decode a frame by the codec of its encoding; see `Codec.decode`."""
        return self.of(frame.encoding).decode(frame, reduction)
