from medtiles.api.v1 import frames_pb2 as _frames_pb2
from medtiles.api.v1 import rendering_pb2 as _rendering_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Lut(_message.Message):
    __slots__ = ("first", "values", "bits")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    first: int
    values: bytes
    bits: int
    def __init__(self, first: _Optional[int] = ..., values: _Optional[bytes] = ..., bits: _Optional[int] = ...) -> None: ...

class Palette(_message.Message):
    __slots__ = ("red", "green", "blue")
    RED_FIELD_NUMBER: _ClassVar[int]
    GREEN_FIELD_NUMBER: _ClassVar[int]
    BLUE_FIELD_NUMBER: _ClassVar[int]
    red: Lut
    green: Lut
    blue: Lut
    def __init__(self, red: _Optional[_Union[Lut, _Mapping]] = ..., green: _Optional[_Union[Lut, _Mapping]] = ..., blue: _Optional[_Union[Lut, _Mapping]] = ...) -> None: ...

class Padding(_message.Message):
    __slots__ = ("first", "last")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    first: int
    last: int
    def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ...) -> None: ...

class Display(_message.Message):
    __slots__ = ("slope", "intercept", "modality_lut", "windowings", "voi_lut", "is_inverted", "palette", "colour", "padding", "units")
    SLOPE_FIELD_NUMBER: _ClassVar[int]
    INTERCEPT_FIELD_NUMBER: _ClassVar[int]
    MODALITY_LUT_FIELD_NUMBER: _ClassVar[int]
    WINDOWINGS_FIELD_NUMBER: _ClassVar[int]
    VOI_LUT_FIELD_NUMBER: _ClassVar[int]
    IS_INVERTED_FIELD_NUMBER: _ClassVar[int]
    PALETTE_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    slope: float
    intercept: float
    modality_lut: Lut
    windowings: _containers.RepeatedCompositeFieldContainer[_frames_pb2.Windowing]
    voi_lut: Lut
    is_inverted: bool
    palette: Palette
    colour: _rendering_pb2.Colour
    padding: Padding
    units: str
    def __init__(self, slope: _Optional[float] = ..., intercept: _Optional[float] = ..., modality_lut: _Optional[_Union[Lut, _Mapping]] = ..., windowings: _Optional[_Iterable[_Union[_frames_pb2.Windowing, _Mapping]]] = ..., voi_lut: _Optional[_Union[Lut, _Mapping]] = ..., is_inverted: _Optional[bool] = ..., palette: _Optional[_Union[Palette, _Mapping]] = ..., colour: _Optional[_Union[_rendering_pb2.Colour, _Mapping]] = ..., padding: _Optional[_Union[Padding, _Mapping]] = ..., units: _Optional[str] = ...) -> None: ...
