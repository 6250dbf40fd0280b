from medtiles.api.v1 import rendering_pb2 as _rendering_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Presentation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESENTATION_UNSPECIFIED: _ClassVar[Presentation]
    PRESENTATION_DISPLAY: _ClassVar[Presentation]
    PRESENTATION_STORED: _ClassVar[Presentation]

class Tones(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TONES_UNSPECIFIED: _ClassVar[Tones]
    TONES_ALL: _ClassVar[Tones]
    TONES_GREY: _ClassVar[Tones]
    TONES_BITONAL: _ClassVar[Tones]
PRESENTATION_UNSPECIFIED: Presentation
PRESENTATION_DISPLAY: Presentation
PRESENTATION_STORED: Presentation
TONES_UNSPECIFIED: Tones
TONES_ALL: Tones
TONES_GREY: Tones
TONES_BITONAL: Tones

class PixelFormat(_message.Message):
    __slots__ = ("samples_per_pixel", "bits_allocated", "bits_stored", "signed", "photometric", "is_float")
    SAMPLES_PER_PIXEL_FIELD_NUMBER: _ClassVar[int]
    BITS_ALLOCATED_FIELD_NUMBER: _ClassVar[int]
    BITS_STORED_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    PHOTOMETRIC_FIELD_NUMBER: _ClassVar[int]
    IS_FLOAT_FIELD_NUMBER: _ClassVar[int]
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str
    is_float: bool
    def __init__(self, samples_per_pixel: _Optional[int] = ..., bits_allocated: _Optional[int] = ..., bits_stored: _Optional[int] = ..., signed: _Optional[bool] = ..., photometric: _Optional[str] = ..., is_float: _Optional[bool] = ...) -> None: ...

class EncodedFrame(_message.Message):
    __slots__ = ("data", "media_type", "encoding", "width", "height", "format", "reduction")
    DATA_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    REDUCTION_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    media_type: str
    encoding: str
    width: int
    height: int
    format: PixelFormat
    reduction: int
    def __init__(self, data: _Optional[bytes] = ..., media_type: _Optional[str] = ..., encoding: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., format: _Optional[_Union[PixelFormat, _Mapping]] = ..., reduction: _Optional[int] = ...) -> None: ...

class Samples(_message.Message):
    __slots__ = ("data", "dtype", "rows", "columns", "format")
    DATA_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    dtype: str
    rows: int
    columns: int
    format: PixelFormat
    def __init__(self, data: _Optional[bytes] = ..., dtype: _Optional[str] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ..., format: _Optional[_Union[PixelFormat, _Mapping]] = ...) -> None: ...

class Size(_message.Message):
    __slots__ = ("width", "height")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    width: int
    height: int
    def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class Region(_message.Message):
    __slots__ = ("x", "y", "width", "height")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    x: int
    y: int
    width: int
    height: int
    def __init__(self, x: _Optional[int] = ..., y: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class Windowing(_message.Message):
    __slots__ = ("centre", "width", "function", "explanation")
    CENTRE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    centre: float
    width: float
    function: str
    explanation: str
    def __init__(self, centre: _Optional[float] = ..., width: _Optional[float] = ..., function: _Optional[str] = ..., explanation: _Optional[str] = ...) -> None: ...

class Finish(_message.Message):
    __slots__ = ("is_mirrored", "degrees", "tones", "padded")
    IS_MIRRORED_FIELD_NUMBER: _ClassVar[int]
    DEGREES_FIELD_NUMBER: _ClassVar[int]
    TONES_FIELD_NUMBER: _ClassVar[int]
    PADDED_FIELD_NUMBER: _ClassVar[int]
    is_mirrored: bool
    degrees: float
    tones: Tones
    padded: Size
    def __init__(self, is_mirrored: _Optional[bool] = ..., degrees: _Optional[float] = ..., tones: _Optional[_Union[Tones, str]] = ..., padded: _Optional[_Union[Size, _Mapping]] = ...) -> None: ...

class Rendition(_message.Message):
    __slots__ = ("accept", "quality", "presentation", "windowing", "finish", "rendering")
    ACCEPT_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    PRESENTATION_FIELD_NUMBER: _ClassVar[int]
    WINDOWING_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    RENDERING_FIELD_NUMBER: _ClassVar[int]
    accept: _containers.RepeatedScalarFieldContainer[str]
    quality: int
    presentation: Presentation
    windowing: Windowing
    finish: Finish
    rendering: _rendering_pb2.Rendering
    def __init__(self, accept: _Optional[_Iterable[str]] = ..., quality: _Optional[int] = ..., presentation: _Optional[_Union[Presentation, str]] = ..., windowing: _Optional[_Union[Windowing, _Mapping]] = ..., finish: _Optional[_Union[Finish, _Mapping]] = ..., rendering: _Optional[_Union[_rendering_pb2.Rendering, _Mapping]] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("reason", "code", "detail", "retry_after")
    REASON_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    reason: str
    code: int
    detail: str
    retry_after: int
    def __init__(self, reason: _Optional[str] = ..., code: _Optional[int] = ..., detail: _Optional[str] = ..., retry_after: _Optional[int] = ...) -> None: ...
