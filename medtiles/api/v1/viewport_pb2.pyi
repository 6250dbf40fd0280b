from medtiles.api.v1 import frames_pb2 as _frames_pb2
from medtiles.api.v1 import tiles_pb2 as _tiles_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LookRequest(_message.Message):
    __slots__ = ("viewport", "holds", "drops", "receipt", "byte_rate")
    VIEWPORT_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    DROPS_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    BYTE_RATE_FIELD_NUMBER: _ClassVar[int]
    viewport: Viewport
    holds: TileList
    drops: TileList
    receipt: Receipt
    byte_rate: int
    def __init__(self, viewport: _Optional[_Union[Viewport, _Mapping]] = ..., holds: _Optional[_Union[TileList, _Mapping]] = ..., drops: _Optional[_Union[TileList, _Mapping]] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ..., byte_rate: _Optional[int] = ...) -> None: ...

class Viewport(_message.Message):
    __slots__ = ("number", "image", "version", "region", "plane", "zoom", "screen", "motion", "rendition")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    PLANE_FIELD_NUMBER: _ClassVar[int]
    ZOOM_FIELD_NUMBER: _ClassVar[int]
    SCREEN_FIELD_NUMBER: _ClassVar[int]
    MOTION_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    number: int
    image: str
    version: str
    region: _frames_pb2.Region
    plane: int
    zoom: float
    screen: _frames_pb2.Size
    motion: Motion
    rendition: _frames_pb2.Rendition
    def __init__(self, number: _Optional[int] = ..., image: _Optional[str] = ..., version: _Optional[str] = ..., region: _Optional[_Union[_frames_pb2.Region, _Mapping]] = ..., plane: _Optional[int] = ..., zoom: _Optional[float] = ..., screen: _Optional[_Union[_frames_pb2.Size, _Mapping]] = ..., motion: _Optional[_Union[Motion, _Mapping]] = ..., rendition: _Optional[_Union[_frames_pb2.Rendition, _Mapping]] = ...) -> None: ...

class Motion(_message.Message):
    __slots__ = ("x", "y", "planes", "zoom")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    PLANES_FIELD_NUMBER: _ClassVar[int]
    ZOOM_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    planes: float
    zoom: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ..., planes: _Optional[float] = ..., zoom: _Optional[float] = ...) -> None: ...

class TileList(_message.Message):
    __slots__ = ("image", "version", "keys", "parts")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    image: str
    version: str
    keys: _containers.RepeatedCompositeFieldContainer[_tiles_pb2.TileKey]
    parts: _containers.RepeatedCompositeFieldContainer[TileBytes]
    def __init__(self, image: _Optional[str] = ..., version: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[_tiles_pb2.TileKey, _Mapping]]] = ..., parts: _Optional[_Iterable[_Union[TileBytes, _Mapping]]] = ...) -> None: ...

class TileBytes(_message.Message):
    __slots__ = ("key", "start", "end")
    KEY_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    key: _tiles_pb2.TileKey
    start: int
    end: int
    def __init__(self, key: _Optional[_Union[_tiles_pb2.TileKey, _Mapping]] = ..., start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("bytes", "seconds")
    BYTES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    seconds: float
    def __init__(self, bytes: _Optional[int] = ..., seconds: _Optional[float] = ...) -> None: ...

class LookResponse(_message.Message):
    __slots__ = ("number", "piece", "problem", "progress", "byte_rate", "wants_receipt")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    BYTE_RATE_FIELD_NUMBER: _ClassVar[int]
    WANTS_RECEIPT_FIELD_NUMBER: _ClassVar[int]
    number: int
    piece: Piece
    problem: ViewportProblem
    progress: Progress
    byte_rate: int
    wants_receipt: bool
    def __init__(self, number: _Optional[int] = ..., piece: _Optional[_Union[Piece, _Mapping]] = ..., problem: _Optional[_Union[ViewportProblem, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., byte_rate: _Optional[int] = ..., wants_receipt: _Optional[bool] = ...) -> None: ...

class Piece(_message.Message):
    __slots__ = ("key", "frame", "data", "offset", "total_bytes", "reduction", "is_complete", "version")
    KEY_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    REDUCTION_FIELD_NUMBER: _ClassVar[int]
    IS_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    key: _tiles_pb2.TileKey
    frame: _frames_pb2.EncodedFrame
    data: bytes
    offset: int
    total_bytes: int
    reduction: int
    is_complete: bool
    version: str
    def __init__(self, key: _Optional[_Union[_tiles_pb2.TileKey, _Mapping]] = ..., frame: _Optional[_Union[_frames_pb2.EncodedFrame, _Mapping]] = ..., data: _Optional[bytes] = ..., offset: _Optional[int] = ..., total_bytes: _Optional[int] = ..., reduction: _Optional[int] = ..., is_complete: _Optional[bool] = ..., version: _Optional[str] = ...) -> None: ...

class ViewportProblem(_message.Message):
    __slots__ = ("key", "problem")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    key: _tiles_pb2.TileKey
    problem: _frames_pb2.Problem
    def __init__(self, key: _Optional[_Union[_tiles_pb2.TileKey, _Mapping]] = ..., problem: _Optional[_Union[_frames_pb2.Problem, _Mapping]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("is_visible_complete", "is_all")
    IS_VISIBLE_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    IS_ALL_FIELD_NUMBER: _ClassVar[int]
    is_visible_complete: bool
    is_all: bool
    def __init__(self, is_visible_complete: _Optional[bool] = ..., is_all: _Optional[bool] = ...) -> None: ...
