from medtiles.api.v1 import frames_pb2 as _frames_pb2
from medtiles.api.v1 import studies_pb2 as _studies_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SeriesOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SERIES_ORDER_UNSPECIFIED: _ClassVar[SeriesOrder]
    SERIES_ORDER_SEQUENTIAL: _ClassVar[SeriesOrder]
    SERIES_ORDER_INTERLEAVED: _ClassVar[SeriesOrder]
    SERIES_ORDER_CENTRE_OUT: _ClassVar[SeriesOrder]
    SERIES_ORDER_NEAREST: _ClassVar[SeriesOrder]
SERIES_ORDER_UNSPECIFIED: SeriesOrder
SERIES_ORDER_SEQUENTIAL: SeriesOrder
SERIES_ORDER_INTERLEAVED: SeriesOrder
SERIES_ORDER_CENTRE_OUT: SeriesOrder
SERIES_ORDER_NEAREST: SeriesOrder

class FrameAddress(_message.Message):
    __slots__ = ("instance", "number", "version")
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    instance: _studies_pb2.Scope
    number: int
    version: str
    def __init__(self, instance: _Optional[_Union[_studies_pb2.Scope, _Mapping]] = ..., number: _Optional[int] = ..., version: _Optional[str] = ...) -> None: ...

class TravelRendition(_message.Message):
    __slots__ = ("accept", "quality", "leaves_choice")
    ACCEPT_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    LEAVES_CHOICE_FIELD_NUMBER: _ClassVar[int]
    accept: _containers.RepeatedScalarFieldContainer[str]
    quality: int
    leaves_choice: bool
    def __init__(self, accept: _Optional[_Iterable[str]] = ..., quality: _Optional[int] = ..., leaves_choice: _Optional[bool] = ...) -> None: ...

class ResolutionEnd(_message.Message):
    __slots__ = ("reduction", "size", "end")
    REDUCTION_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    reduction: int
    size: _frames_pb2.Size
    end: int
    def __init__(self, reduction: _Optional[int] = ..., size: _Optional[_Union[_frames_pb2.Size, _Mapping]] = ..., end: _Optional[int] = ...) -> None: ...

class TravelFrame(_message.Message):
    __slots__ = ("frame", "transfer_syntax", "is_stored", "resolutions", "total_bytes", "etag", "version")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_FIELD_NUMBER: _ClassVar[int]
    IS_STORED_FIELD_NUMBER: _ClassVar[int]
    RESOLUTIONS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    frame: _frames_pb2.EncodedFrame
    transfer_syntax: str
    is_stored: bool
    resolutions: _containers.RepeatedCompositeFieldContainer[ResolutionEnd]
    total_bytes: int
    etag: str
    version: str
    def __init__(self, frame: _Optional[_Union[_frames_pb2.EncodedFrame, _Mapping]] = ..., transfer_syntax: _Optional[str] = ..., is_stored: _Optional[bool] = ..., resolutions: _Optional[_Iterable[_Union[ResolutionEnd, _Mapping]]] = ..., total_bytes: _Optional[int] = ..., etag: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class ByteRange(_message.Message):
    __slots__ = ("first", "length")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    first: int
    length: int
    def __init__(self, first: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class GetFrameRequest(_message.Message):
    __slots__ = ("frame", "rendition", "reduction", "range", "if_none_match")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    REDUCTION_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    IF_NONE_MATCH_FIELD_NUMBER: _ClassVar[int]
    frame: FrameAddress
    rendition: TravelRendition
    reduction: int
    range: ByteRange
    if_none_match: str
    def __init__(self, frame: _Optional[_Union[FrameAddress, _Mapping]] = ..., rendition: _Optional[_Union[TravelRendition, _Mapping]] = ..., reduction: _Optional[int] = ..., range: _Optional[_Union[ByteRange, _Mapping]] = ..., if_none_match: _Optional[str] = ...) -> None: ...

class GetFrameResponse(_message.Message):
    __slots__ = ("travel", "data", "offset", "is_not_modified")
    TRAVEL_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    IS_NOT_MODIFIED_FIELD_NUMBER: _ClassVar[int]
    travel: TravelFrame
    data: bytes
    offset: int
    is_not_modified: bool
    def __init__(self, travel: _Optional[_Union[TravelFrame, _Mapping]] = ..., data: _Optional[bytes] = ..., offset: _Optional[int] = ..., is_not_modified: _Optional[bool] = ...) -> None: ...

class StreamFrameRequest(_message.Message):
    __slots__ = ("frame", "rendition", "offset", "until_reduction", "etag")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    UNTIL_REDUCTION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    frame: FrameAddress
    rendition: TravelRendition
    offset: int
    until_reduction: int
    etag: str
    def __init__(self, frame: _Optional[_Union[FrameAddress, _Mapping]] = ..., rendition: _Optional[_Union[TravelRendition, _Mapping]] = ..., offset: _Optional[int] = ..., until_reduction: _Optional[int] = ..., etag: _Optional[str] = ...) -> None: ...

class StreamFrameResponse(_message.Message):
    __slots__ = ("travel", "data", "offset", "reduction", "is_complete", "is_last")
    TRAVEL_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    REDUCTION_FIELD_NUMBER: _ClassVar[int]
    IS_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    IS_LAST_FIELD_NUMBER: _ClassVar[int]
    travel: TravelFrame
    data: bytes
    offset: int
    reduction: int
    is_complete: bool
    is_last: bool
    def __init__(self, travel: _Optional[_Union[TravelFrame, _Mapping]] = ..., data: _Optional[bytes] = ..., offset: _Optional[int] = ..., reduction: _Optional[int] = ..., is_complete: _Optional[bool] = ..., is_last: _Optional[bool] = ...) -> None: ...

class FrameProgress(_message.Message):
    __slots__ = ("index", "bytes", "etag")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    index: int
    bytes: int
    etag: str
    def __init__(self, index: _Optional[int] = ..., bytes: _Optional[int] = ..., etag: _Optional[str] = ...) -> None: ...

class StreamSeriesRequest(_message.Message):
    __slots__ = ("series", "rendition", "order", "step", "index", "direction", "first_reduction", "until_reduction", "have")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    FIRST_REDUCTION_FIELD_NUMBER: _ClassVar[int]
    UNTIL_REDUCTION_FIELD_NUMBER: _ClassVar[int]
    HAVE_FIELD_NUMBER: _ClassVar[int]
    series: _studies_pb2.Scope
    rendition: TravelRendition
    order: SeriesOrder
    step: int
    index: int
    direction: int
    first_reduction: int
    until_reduction: int
    have: _containers.RepeatedCompositeFieldContainer[FrameProgress]
    def __init__(self, series: _Optional[_Union[_studies_pb2.Scope, _Mapping]] = ..., rendition: _Optional[_Union[TravelRendition, _Mapping]] = ..., order: _Optional[_Union[SeriesOrder, str]] = ..., step: _Optional[int] = ..., index: _Optional[int] = ..., direction: _Optional[int] = ..., first_reduction: _Optional[int] = ..., until_reduction: _Optional[int] = ..., have: _Optional[_Iterable[_Union[FrameProgress, _Mapping]]] = ...) -> None: ...

class StreamSeriesResponse(_message.Message):
    __slots__ = ("index", "frames", "frame", "piece", "problem")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    index: int
    frames: int
    frame: FrameAddress
    piece: StreamFrameResponse
    problem: _frames_pb2.Problem
    def __init__(self, index: _Optional[int] = ..., frames: _Optional[int] = ..., frame: _Optional[_Union[FrameAddress, _Mapping]] = ..., piece: _Optional[_Union[StreamFrameResponse, _Mapping]] = ..., problem: _Optional[_Union[_frames_pb2.Problem, _Mapping]] = ...) -> None: ...

class ReadFrameRequest(_message.Message):
    __slots__ = ("frame", "reduction")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    REDUCTION_FIELD_NUMBER: _ClassVar[int]
    frame: FrameAddress
    reduction: int
    def __init__(self, frame: _Optional[_Union[FrameAddress, _Mapping]] = ..., reduction: _Optional[int] = ...) -> None: ...

class ReadFrameResponse(_message.Message):
    __slots__ = ("samples", "chunk", "total_bytes")
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    samples: _frames_pb2.Samples
    chunk: bytes
    total_bytes: int
    def __init__(self, samples: _Optional[_Union[_frames_pb2.Samples, _Mapping]] = ..., chunk: _Optional[bytes] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class PrefetchFramesRequest(_message.Message):
    __slots__ = ("frames", "rendition")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[FrameAddress]
    rendition: TravelRendition
    def __init__(self, frames: _Optional[_Iterable[_Union[FrameAddress, _Mapping]]] = ..., rendition: _Optional[_Union[TravelRendition, _Mapping]] = ...) -> None: ...

class PrefetchFramesResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
