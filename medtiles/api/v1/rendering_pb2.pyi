from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Unit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNIT_UNSPECIFIED: _ClassVar[Unit]
    UNIT_RAW: _ClassVar[Unit]
    UNIT_PERCENT: _ClassVar[Unit]
    UNIT_PERCENTILE: _ClassVar[Unit]

class Blend(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BLEND_UNSPECIFIED: _ClassVar[Blend]
    BLEND_ADD: _ClassVar[Blend]
    BLEND_MAX: _ClassVar[Blend]
    BLEND_SCREEN: _ClassVar[Blend]
    BLEND_MULTIPLY: _ClassVar[Blend]

class Projection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROJECTION_UNSPECIFIED: _ClassVar[Projection]
    PROJECTION_MAX: _ClassVar[Projection]
    PROJECTION_MIN: _ClassVar[Projection]
    PROJECTION_MEAN: _ClassVar[Projection]

class Spread(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SPREAD_UNSPECIFIED: _ClassVar[Spread]
    SPREAD_STRETCH: _ClassVar[Spread]
    SPREAD_EQUALIZE: _ClassVar[Spread]

class IccUse(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ICC_USE_UNSPECIFIED: _ClassVar[IccUse]
    ICC_USE_SRGB: _ClassVar[IccUse]
    ICC_USE_EMBED: _ClassVar[IccUse]
UNIT_UNSPECIFIED: Unit
UNIT_RAW: Unit
UNIT_PERCENT: Unit
UNIT_PERCENTILE: Unit
BLEND_UNSPECIFIED: Blend
BLEND_ADD: Blend
BLEND_MAX: Blend
BLEND_SCREEN: Blend
BLEND_MULTIPLY: Blend
PROJECTION_UNSPECIFIED: Projection
PROJECTION_MAX: Projection
PROJECTION_MIN: Projection
PROJECTION_MEAN: Projection
SPREAD_UNSPECIFIED: Spread
SPREAD_STRETCH: Spread
SPREAD_EQUALIZE: Spread
ICC_USE_UNSPECIFIED: IccUse
ICC_USE_SRGB: IccUse
ICC_USE_EMBED: IccUse

class Colour(_message.Message):
    __slots__ = ("red", "green", "blue")
    RED_FIELD_NUMBER: _ClassVar[int]
    GREEN_FIELD_NUMBER: _ClassVar[int]
    BLUE_FIELD_NUMBER: _ClassVar[int]
    red: int
    green: int
    blue: int
    def __init__(self, red: _Optional[int] = ..., green: _Optional[int] = ..., blue: _Optional[int] = ...) -> None: ...

class Bound(_message.Message):
    __slots__ = ("value", "unit")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    value: float
    unit: Unit
    def __init__(self, value: _Optional[float] = ..., unit: _Optional[_Union[Unit, str]] = ...) -> None: ...

class ValueRange(_message.Message):
    __slots__ = ("low", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: Bound
    high: Bound
    def __init__(self, low: _Optional[_Union[Bound, _Mapping]] = ..., high: _Optional[_Union[Bound, _Mapping]] = ...) -> None: ...

class ChannelRendering(_message.Message):
    __slots__ = ("channel", "values", "colour", "colour_map", "gamma", "is_inverted")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    COLOUR_MAP_FIELD_NUMBER: _ClassVar[int]
    GAMMA_FIELD_NUMBER: _ClassVar[int]
    IS_INVERTED_FIELD_NUMBER: _ClassVar[int]
    channel: int
    values: ValueRange
    colour: Colour
    colour_map: str
    gamma: float
    is_inverted: bool
    def __init__(self, channel: _Optional[int] = ..., values: _Optional[_Union[ValueRange, _Mapping]] = ..., colour: _Optional[_Union[Colour, _Mapping]] = ..., colour_map: _Optional[str] = ..., gamma: _Optional[float] = ..., is_inverted: _Optional[bool] = ...) -> None: ...

class Composite(_message.Message):
    __slots__ = ("channels", "blend", "z", "t", "projection")
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    BLEND_FIELD_NUMBER: _ClassVar[int]
    Z_FIELD_NUMBER: _ClassVar[int]
    T_FIELD_NUMBER: _ClassVar[int]
    PROJECTION_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedCompositeFieldContainer[ChannelRendering]
    blend: Blend
    z: int
    t: int
    projection: Projection
    def __init__(self, channels: _Optional[_Iterable[_Union[ChannelRendering, _Mapping]]] = ..., blend: _Optional[_Union[Blend, str]] = ..., z: _Optional[int] = ..., t: _Optional[int] = ..., projection: _Optional[_Union[Projection, str]] = ...) -> None: ...

class SampleRange(_message.Message):
    __slots__ = ("sample", "low", "high")
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    sample: int
    low: float
    high: float
    def __init__(self, sample: _Optional[int] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class Weights(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class Light(_message.Message):
    __slots__ = ("azimuth", "height")
    AZIMUTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    azimuth: float
    height: float
    def __init__(self, azimuth: _Optional[float] = ..., height: _Optional[float] = ...) -> None: ...

class Rendering(_message.Message):
    __slots__ = ("composite", "ranges", "spread", "kernel", "light", "twist", "is_log", "gamma", "is_inverted", "colour_map", "contrast", "icc", "bits")
    COMPOSITE_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    SPREAD_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    LIGHT_FIELD_NUMBER: _ClassVar[int]
    TWIST_FIELD_NUMBER: _ClassVar[int]
    IS_LOG_FIELD_NUMBER: _ClassVar[int]
    GAMMA_FIELD_NUMBER: _ClassVar[int]
    IS_INVERTED_FIELD_NUMBER: _ClassVar[int]
    COLOUR_MAP_FIELD_NUMBER: _ClassVar[int]
    CONTRAST_FIELD_NUMBER: _ClassVar[int]
    ICC_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    composite: Composite
    ranges: _containers.RepeatedCompositeFieldContainer[SampleRange]
    spread: Spread
    kernel: _containers.RepeatedCompositeFieldContainer[Weights]
    light: Light
    twist: _containers.RepeatedCompositeFieldContainer[Weights]
    is_log: bool
    gamma: float
    is_inverted: bool
    colour_map: str
    contrast: float
    icc: IccUse
    bits: int
    def __init__(self, composite: _Optional[_Union[Composite, _Mapping]] = ..., ranges: _Optional[_Iterable[_Union[SampleRange, _Mapping]]] = ..., spread: _Optional[_Union[Spread, str]] = ..., kernel: _Optional[_Iterable[_Union[Weights, _Mapping]]] = ..., light: _Optional[_Union[Light, _Mapping]] = ..., twist: _Optional[_Iterable[_Union[Weights, _Mapping]]] = ..., is_log: _Optional[bool] = ..., gamma: _Optional[float] = ..., is_inverted: _Optional[bool] = ..., colour_map: _Optional[str] = ..., contrast: _Optional[float] = ..., icc: _Optional[_Union[IccUse, str]] = ..., bits: _Optional[int] = ...) -> None: ...
