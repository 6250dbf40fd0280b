from medtiles.api.v1 import display_pb2 as _display_pb2
from medtiles.api.v1 import frames_pb2 as _frames_pb2
from medtiles.api.v1 import rendering_pb2 as _rendering_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListImagesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "skip", "search", "kind", "study_uid", "path")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STUDY_UID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    skip: int
    search: str
    kind: str
    study_uid: str
    path: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., skip: _Optional[int] = ..., search: _Optional[str] = ..., kind: _Optional[str] = ..., study_uid: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class ListImagesResponse(_message.Message):
    __slots__ = ("images", "next_page_token", "total_size", "is_scanning")
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    IS_SCANNING_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[ImageSummary]
    next_page_token: str
    total_size: int
    is_scanning: bool
    def __init__(self, images: _Optional[_Iterable[_Union[ImageSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ..., is_scanning: _Optional[bool] = ...) -> None: ...

class ImageSummary(_message.Message):
    __slots__ = ("id", "name", "kind", "format", "width", "height", "planes", "modality", "study_uid", "series_uid", "problem")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    PLANES_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    STUDY_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_UID_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    kind: str
    format: str
    width: int
    height: int
    planes: int
    modality: str
    study_uid: str
    series_uid: str
    problem: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., kind: _Optional[str] = ..., format: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., planes: _Optional[int] = ..., modality: _Optional[str] = ..., study_uid: _Optional[str] = ..., series_uid: _Optional[str] = ..., problem: _Optional[str] = ...) -> None: ...

class GetImageRequest(_message.Message):
    __slots__ = ("image", "known_version")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    KNOWN_VERSION_FIELD_NUMBER: _ClassVar[int]
    image: str
    known_version: str
    def __init__(self, image: _Optional[str] = ..., known_version: _Optional[str] = ...) -> None: ...

class GetImageResponse(_message.Message):
    __slots__ = ("image", "is_unchanged")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    IS_UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    image: Image
    is_unchanged: bool
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., is_unchanged: _Optional[bool] = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("id", "name", "kind", "format", "version", "pixels", "levels", "planes", "spacing_mm", "slice_spacing_mm", "objective_power", "background", "bounds", "associated", "icc_profile", "dicom", "properties", "channels")
    class PropertiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PIXELS_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    PLANES_FIELD_NUMBER: _ClassVar[int]
    SPACING_MM_FIELD_NUMBER: _ClassVar[int]
    SLICE_SPACING_MM_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVE_POWER_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATED_FIELD_NUMBER: _ClassVar[int]
    ICC_PROFILE_FIELD_NUMBER: _ClassVar[int]
    DICOM_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    kind: str
    format: str
    version: str
    pixels: _frames_pb2.PixelFormat
    levels: _containers.RepeatedCompositeFieldContainer[Level]
    planes: _containers.RepeatedCompositeFieldContainer[Plane]
    spacing_mm: Spacing
    slice_spacing_mm: float
    objective_power: float
    background: _rendering_pb2.Colour
    bounds: _frames_pb2.Region
    associated: _containers.RepeatedCompositeFieldContainer[AssociatedImage]
    icc_profile: bytes
    dicom: DicomIdentity
    properties: _containers.ScalarMap[str, str]
    channels: _containers.RepeatedCompositeFieldContainer[Channel]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., kind: _Optional[str] = ..., format: _Optional[str] = ..., version: _Optional[str] = ..., pixels: _Optional[_Union[_frames_pb2.PixelFormat, _Mapping]] = ..., levels: _Optional[_Iterable[_Union[Level, _Mapping]]] = ..., planes: _Optional[_Iterable[_Union[Plane, _Mapping]]] = ..., spacing_mm: _Optional[_Union[Spacing, _Mapping]] = ..., slice_spacing_mm: _Optional[float] = ..., objective_power: _Optional[float] = ..., background: _Optional[_Union[_rendering_pb2.Colour, _Mapping]] = ..., bounds: _Optional[_Union[_frames_pb2.Region, _Mapping]] = ..., associated: _Optional[_Iterable[_Union[AssociatedImage, _Mapping]]] = ..., icc_profile: _Optional[bytes] = ..., dicom: _Optional[_Union[DicomIdentity, _Mapping]] = ..., properties: _Optional[_Mapping[str, str]] = ..., channels: _Optional[_Iterable[_Union[Channel, _Mapping]]] = ...) -> None: ...

class Level(_message.Message):
    __slots__ = ("size", "tile_size", "downsample", "media_type")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    TILE_SIZE_FIELD_NUMBER: _ClassVar[int]
    DOWNSAMPLE_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    size: _frames_pb2.Size
    tile_size: _frames_pb2.Size
    downsample: float
    media_type: str
    def __init__(self, size: _Optional[_Union[_frames_pb2.Size, _Mapping]] = ..., tile_size: _Optional[_Union[_frames_pb2.Size, _Mapping]] = ..., downsample: _Optional[float] = ..., media_type: _Optional[str] = ...) -> None: ...

class Plane(_message.Message):
    __slots__ = ("name", "channel", "z", "t", "position_mm", "sop_instance_uid", "frame_number")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    Z_FIELD_NUMBER: _ClassVar[int]
    T_FIELD_NUMBER: _ClassVar[int]
    POSITION_MM_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    name: str
    channel: int
    z: int
    t: int
    position_mm: float
    sop_instance_uid: str
    frame_number: int
    def __init__(self, name: _Optional[str] = ..., channel: _Optional[int] = ..., z: _Optional[int] = ..., t: _Optional[int] = ..., position_mm: _Optional[float] = ..., sop_instance_uid: _Optional[str] = ..., frame_number: _Optional[int] = ...) -> None: ...

class Channel(_message.Message):
    __slots__ = ("name", "fluorophore", "emission_nm", "excitation_nm", "colour")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FLUOROPHORE_FIELD_NUMBER: _ClassVar[int]
    EMISSION_NM_FIELD_NUMBER: _ClassVar[int]
    EXCITATION_NM_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    name: str
    fluorophore: str
    emission_nm: float
    excitation_nm: float
    colour: _rendering_pb2.Colour
    def __init__(self, name: _Optional[str] = ..., fluorophore: _Optional[str] = ..., emission_nm: _Optional[float] = ..., excitation_nm: _Optional[float] = ..., colour: _Optional[_Union[_rendering_pb2.Colour, _Mapping]] = ...) -> None: ...

class ListChannelsRequest(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: str
    def __init__(self, image: _Optional[str] = ...) -> None: ...

class ListChannelsResponse(_message.Message):
    __slots__ = ("channels",)
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedCompositeFieldContainer[ChannelReport]
    def __init__(self, channels: _Optional[_Iterable[_Union[ChannelReport, _Mapping]]] = ...) -> None: ...

class ChannelReport(_message.Message):
    __slots__ = ("channel", "bits", "domain_low", "domain_high", "minimum", "maximum", "quantiles", "counts")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_LOW_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_HIGH_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    QUANTILES_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    channel: Channel
    bits: int
    domain_low: float
    domain_high: float
    minimum: float
    maximum: float
    quantiles: _containers.RepeatedScalarFieldContainer[float]
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, channel: _Optional[_Union[Channel, _Mapping]] = ..., bits: _Optional[int] = ..., domain_low: _Optional[float] = ..., domain_high: _Optional[float] = ..., minimum: _Optional[float] = ..., maximum: _Optional[float] = ..., quantiles: _Optional[_Iterable[float]] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...

class KeptRendering(_message.Message):
    __slots__ = ("hash", "image", "version", "query")
    HASH_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    hash: str
    image: str
    version: str
    query: str
    def __init__(self, hash: _Optional[str] = ..., image: _Optional[str] = ..., version: _Optional[str] = ..., query: _Optional[str] = ...) -> None: ...

class KeepRenderingRequest(_message.Message):
    __slots__ = ("image", "query")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    image: str
    query: str
    def __init__(self, image: _Optional[str] = ..., query: _Optional[str] = ...) -> None: ...

class KeepRenderingResponse(_message.Message):
    __slots__ = ("rendering",)
    RENDERING_FIELD_NUMBER: _ClassVar[int]
    rendering: KeptRendering
    def __init__(self, rendering: _Optional[_Union[KeptRendering, _Mapping]] = ...) -> None: ...

class GetRenderingRequest(_message.Message):
    __slots__ = ("hash",)
    HASH_FIELD_NUMBER: _ClassVar[int]
    hash: str
    def __init__(self, hash: _Optional[str] = ...) -> None: ...

class GetRenderingResponse(_message.Message):
    __slots__ = ("rendering",)
    RENDERING_FIELD_NUMBER: _ClassVar[int]
    rendering: KeptRendering
    def __init__(self, rendering: _Optional[_Union[KeptRendering, _Mapping]] = ...) -> None: ...

class Spacing(_message.Message):
    __slots__ = ("x", "y")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ...) -> None: ...

class AssociatedImage(_message.Message):
    __slots__ = ("name", "size")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    name: str
    size: _frames_pb2.Size
    def __init__(self, name: _Optional[str] = ..., size: _Optional[_Union[_frames_pb2.Size, _Mapping]] = ...) -> None: ...

class DicomIdentity(_message.Message):
    __slots__ = ("study_uid", "series_uid", "sop_instance_uids", "sop_class_uid", "frame_of_reference_uid", "modality", "transfer_syntaxes")
    STUDY_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UIDS_FIELD_NUMBER: _ClassVar[int]
    SOP_CLASS_UID_FIELD_NUMBER: _ClassVar[int]
    FRAME_OF_REFERENCE_UID_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAXES_FIELD_NUMBER: _ClassVar[int]
    study_uid: str
    series_uid: str
    sop_instance_uids: _containers.RepeatedScalarFieldContainer[str]
    sop_class_uid: str
    frame_of_reference_uid: str
    modality: str
    transfer_syntaxes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, study_uid: _Optional[str] = ..., series_uid: _Optional[str] = ..., sop_instance_uids: _Optional[_Iterable[str]] = ..., sop_class_uid: _Optional[str] = ..., frame_of_reference_uid: _Optional[str] = ..., modality: _Optional[str] = ..., transfer_syntaxes: _Optional[_Iterable[str]] = ...) -> None: ...

class GetDisplayRequest(_message.Message):
    __slots__ = ("image", "plane")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    PLANE_FIELD_NUMBER: _ClassVar[int]
    image: str
    plane: int
    def __init__(self, image: _Optional[str] = ..., plane: _Optional[int] = ...) -> None: ...

class GetDisplayResponse(_message.Message):
    __slots__ = ("display",)
    DISPLAY_FIELD_NUMBER: _ClassVar[int]
    display: _display_pb2.Display
    def __init__(self, display: _Optional[_Union[_display_pb2.Display, _Mapping]] = ...) -> None: ...

class GetAssociatedImageRequest(_message.Message):
    __slots__ = ("image", "name", "max_side", "rendition", "if_none_match", "version")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MAX_SIDE_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    IF_NONE_MATCH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    image: str
    name: str
    max_side: int
    rendition: _frames_pb2.Rendition
    if_none_match: str
    version: str
    def __init__(self, image: _Optional[str] = ..., name: _Optional[str] = ..., max_side: _Optional[int] = ..., rendition: _Optional[_Union[_frames_pb2.Rendition, _Mapping]] = ..., if_none_match: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class GetAssociatedImageResponse(_message.Message):
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

class ListHotTilesRequest(_message.Message):
    __slots__ = ("image", "limit", "level")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    image: str
    limit: int
    level: int
    def __init__(self, image: _Optional[str] = ..., limit: _Optional[int] = ..., level: _Optional[int] = ...) -> None: ...

class ListHotTilesResponse(_message.Message):
    __slots__ = ("total", "tile_width", "tile_height", "tiles")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    TILE_WIDTH_FIELD_NUMBER: _ClassVar[int]
    TILE_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    TILES_FIELD_NUMBER: _ClassVar[int]
    total: int
    tile_width: int
    tile_height: int
    tiles: _containers.RepeatedCompositeFieldContainer[HotTile]
    def __init__(self, total: _Optional[int] = ..., tile_width: _Optional[int] = ..., tile_height: _Optional[int] = ..., tiles: _Optional[_Iterable[_Union[HotTile, _Mapping]]] = ...) -> None: ...

class HotTile(_message.Message):
    __slots__ = ("level", "column", "row", "count", "x", "y", "width", "height")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    level: int
    column: int
    row: int
    count: int
    x: int
    y: int
    width: int
    height: int
    def __init__(self, level: _Optional[int] = ..., column: _Optional[int] = ..., row: _Optional[int] = ..., count: _Optional[int] = ..., x: _Optional[int] = ..., y: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...
