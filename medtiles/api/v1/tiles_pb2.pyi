from medtiles.api.v1 import frames_pb2 as _frames_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TileKey(_message.Message):
    __slots__ = ("level", "column", "row", "plane")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    PLANE_FIELD_NUMBER: _ClassVar[int]
    level: int
    column: int
    row: int
    plane: int
    def __init__(self, level: _Optional[int] = ..., column: _Optional[int] = ..., row: _Optional[int] = ..., plane: _Optional[int] = ...) -> None: ...

class GetTileRequest(_message.Message):
    __slots__ = ("image", "key", "rendition", "if_none_match", "version")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    IF_NONE_MATCH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    image: str
    key: TileKey
    rendition: _frames_pb2.Rendition
    if_none_match: str
    version: str
    def __init__(self, image: _Optional[str] = ..., key: _Optional[_Union[TileKey, _Mapping]] = ..., rendition: _Optional[_Union[_frames_pb2.Rendition, _Mapping]] = ..., if_none_match: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class GetTileResponse(_message.Message):
    __slots__ = ("frame", "etag", "is_not_modified", "version")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    IS_NOT_MODIFIED_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    frame: _frames_pb2.EncodedFrame
    etag: str
    is_not_modified: bool
    version: str
    def __init__(self, frame: _Optional[_Union[_frames_pb2.EncodedFrame, _Mapping]] = ..., etag: _Optional[str] = ..., is_not_modified: _Optional[bool] = ..., version: _Optional[str] = ...) -> None: ...

class GetTilesRequest(_message.Message):
    __slots__ = ("image", "keys", "rendition", "version")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    image: str
    keys: _containers.RepeatedCompositeFieldContainer[TileKey]
    rendition: _frames_pb2.Rendition
    version: str
    def __init__(self, image: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[TileKey, _Mapping]]] = ..., rendition: _Optional[_Union[_frames_pb2.Rendition, _Mapping]] = ..., version: _Optional[str] = ...) -> None: ...

class GetTilesResponse(_message.Message):
    __slots__ = ("results", "version")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[TileResult]
    version: str
    def __init__(self, results: _Optional[_Iterable[_Union[TileResult, _Mapping]]] = ..., version: _Optional[str] = ...) -> None: ...

class TileResult(_message.Message):
    __slots__ = ("index", "key", "frame", "problem", "etag")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    index: int
    key: TileKey
    frame: _frames_pb2.EncodedFrame
    problem: _frames_pb2.Problem
    etag: str
    def __init__(self, index: _Optional[int] = ..., key: _Optional[_Union[TileKey, _Mapping]] = ..., frame: _Optional[_Union[_frames_pb2.EncodedFrame, _Mapping]] = ..., problem: _Optional[_Union[_frames_pb2.Problem, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class StreamTilesRequest(_message.Message):
    __slots__ = ("image", "keys", "rendition", "version")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    image: str
    keys: _containers.RepeatedCompositeFieldContainer[TileKey]
    rendition: _frames_pb2.Rendition
    version: str
    def __init__(self, image: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[TileKey, _Mapping]]] = ..., rendition: _Optional[_Union[_frames_pb2.Rendition, _Mapping]] = ..., version: _Optional[str] = ...) -> None: ...

class StreamTilesResponse(_message.Message):
    __slots__ = ("results", "version")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[TileResult]
    version: str
    def __init__(self, results: _Optional[_Iterable[_Union[TileResult, _Mapping]]] = ..., version: _Optional[str] = ...) -> None: ...

class GetRegionRequest(_message.Message):
    __slots__ = ("image", "region", "size", "plane", "rendition", "as_samples", "version")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PLANE_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    AS_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    image: str
    region: _frames_pb2.Region
    size: _frames_pb2.Size
    plane: int
    rendition: _frames_pb2.Rendition
    as_samples: bool
    version: str
    def __init__(self, image: _Optional[str] = ..., region: _Optional[_Union[_frames_pb2.Region, _Mapping]] = ..., size: _Optional[_Union[_frames_pb2.Size, _Mapping]] = ..., plane: _Optional[int] = ..., rendition: _Optional[_Union[_frames_pb2.Rendition, _Mapping]] = ..., as_samples: _Optional[bool] = ..., version: _Optional[str] = ...) -> None: ...

class GetRegionResponse(_message.Message):
    __slots__ = ("frame", "samples", "version")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    frame: _frames_pb2.EncodedFrame
    samples: _frames_pb2.Samples
    version: str
    def __init__(self, frame: _Optional[_Union[_frames_pb2.EncodedFrame, _Mapping]] = ..., samples: _Optional[_Union[_frames_pb2.Samples, _Mapping]] = ..., version: _Optional[str] = ...) -> None: ...

class ReadRegionRequest(_message.Message):
    __slots__ = ("image", "region", "tile", "size", "plane", "rendition", "as_samples", "version")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    TILE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PLANE_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    AS_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    image: str
    region: _frames_pb2.Region
    tile: TileKey
    size: _frames_pb2.Size
    plane: int
    rendition: _frames_pb2.Rendition
    as_samples: bool
    version: str
    def __init__(self, image: _Optional[str] = ..., region: _Optional[_Union[_frames_pb2.Region, _Mapping]] = ..., tile: _Optional[_Union[TileKey, _Mapping]] = ..., size: _Optional[_Union[_frames_pb2.Size, _Mapping]] = ..., plane: _Optional[int] = ..., rendition: _Optional[_Union[_frames_pb2.Rendition, _Mapping]] = ..., as_samples: _Optional[bool] = ..., version: _Optional[str] = ...) -> None: ...

class ReadRegionResponse(_message.Message):
    __slots__ = ("frame", "samples", "chunk", "total_bytes", "version")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    frame: _frames_pb2.EncodedFrame
    samples: _frames_pb2.Samples
    chunk: bytes
    total_bytes: int
    version: str
    def __init__(self, frame: _Optional[_Union[_frames_pb2.EncodedFrame, _Mapping]] = ..., samples: _Optional[_Union[_frames_pb2.Samples, _Mapping]] = ..., chunk: _Optional[bytes] = ..., total_bytes: _Optional[int] = ..., version: _Optional[str] = ...) -> None: ...

class StreamRefinementsRequest(_message.Message):
    __slots__ = ("image", "key", "offset", "until_reduction", "version")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    UNTIL_REDUCTION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    image: str
    key: TileKey
    offset: int
    until_reduction: int
    version: str
    def __init__(self, image: _Optional[str] = ..., key: _Optional[_Union[TileKey, _Mapping]] = ..., offset: _Optional[int] = ..., until_reduction: _Optional[int] = ..., version: _Optional[str] = ...) -> None: ...

class StreamRefinementsResponse(_message.Message):
    __slots__ = ("data", "offset", "reduction", "is_complete", "is_last", "size", "media_type", "version")
    DATA_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    REDUCTION_FIELD_NUMBER: _ClassVar[int]
    IS_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    IS_LAST_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    offset: int
    reduction: int
    is_complete: bool
    is_last: bool
    size: _frames_pb2.Size
    media_type: str
    version: str
    def __init__(self, data: _Optional[bytes] = ..., offset: _Optional[int] = ..., reduction: _Optional[int] = ..., is_complete: _Optional[bool] = ..., is_last: _Optional[bool] = ..., size: _Optional[_Union[_frames_pb2.Size, _Mapping]] = ..., media_type: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...
