from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QueryScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUERY_SCOPE_UNSPECIFIED: _ClassVar[QueryScope]
    QUERY_SCOPE_STUDIES: _ClassVar[QueryScope]
    QUERY_SCOPE_SERIES: _ClassVar[QueryScope]
    QUERY_SCOPE_INSTANCES: _ClassVar[QueryScope]
QUERY_SCOPE_UNSPECIFIED: QueryScope
QUERY_SCOPE_STUDIES: QueryScope
QUERY_SCOPE_SERIES: QueryScope
QUERY_SCOPE_INSTANCES: QueryScope

class Scope(_message.Message):
    __slots__ = ("study", "series", "instance")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    study: str
    series: str
    instance: str
    def __init__(self, study: _Optional[str] = ..., series: _Optional[str] = ..., instance: _Optional[str] = ...) -> None: ...

class Match(_message.Message):
    __slots__ = ("attribute", "value")
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    attribute: str
    value: str
    def __init__(self, attribute: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class SearchStudiesRequest(_message.Message):
    __slots__ = ("scope", "within", "matches", "fields", "fuzzy", "page_size", "page_token", "skip")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    FUZZY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    scope: QueryScope
    within: Scope
    matches: _containers.RepeatedCompositeFieldContainer[Match]
    fields: _containers.RepeatedScalarFieldContainer[str]
    fuzzy: bool
    page_size: int
    page_token: str
    skip: int
    def __init__(self, scope: _Optional[_Union[QueryScope, str]] = ..., within: _Optional[_Union[Scope, _Mapping]] = ..., matches: _Optional[_Iterable[_Union[Match, _Mapping]]] = ..., fields: _Optional[_Iterable[str]] = ..., fuzzy: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., skip: _Optional[int] = ...) -> None: ...

class SearchStudiesResponse(_message.Message):
    __slots__ = ("found", "next_page_token", "total_size", "is_scanning")
    FOUND_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    IS_SCANNING_FIELD_NUMBER: _ClassVar[int]
    found: _containers.RepeatedScalarFieldContainer[str]
    next_page_token: str
    total_size: int
    is_scanning: bool
    def __init__(self, found: _Optional[_Iterable[str]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ..., is_scanning: _Optional[bool] = ...) -> None: ...

class Instance(_message.Message):
    __slots__ = ("study", "series", "uid", "sop_class", "transfer_syntax", "frames", "rows", "columns", "version", "image", "number", "position_mm", "size")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    SOP_CLASS_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    POSITION_MM_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    study: str
    series: str
    uid: str
    sop_class: str
    transfer_syntax: str
    frames: int
    rows: int
    columns: int
    version: str
    image: str
    number: int
    position_mm: float
    size: int
    def __init__(self, study: _Optional[str] = ..., series: _Optional[str] = ..., uid: _Optional[str] = ..., sop_class: _Optional[str] = ..., transfer_syntax: _Optional[str] = ..., frames: _Optional[int] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ..., version: _Optional[str] = ..., image: _Optional[str] = ..., number: _Optional[int] = ..., position_mm: _Optional[float] = ..., size: _Optional[int] = ...) -> None: ...

class ListInstancesRequest(_message.Message):
    __slots__ = ("scope",)
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ...) -> None: ...

class ListInstancesResponse(_message.Message):
    __slots__ = ("instances",)
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    instances: _containers.RepeatedCompositeFieldContainer[Instance]
    def __init__(self, instances: _Optional[_Iterable[_Union[Instance, _Mapping]]] = ...) -> None: ...

class GetMetadataRequest(_message.Message):
    __slots__ = ("instance", "version")
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    instance: Scope
    version: str
    def __init__(self, instance: _Optional[_Union[Scope, _Mapping]] = ..., version: _Optional[str] = ...) -> None: ...

class GetMetadataResponse(_message.Message):
    __slots__ = ("metadata",)
    METADATA_FIELD_NUMBER: _ClassVar[int]
    metadata: str
    def __init__(self, metadata: _Optional[str] = ...) -> None: ...

class GetBulkDataRequest(_message.Message):
    __slots__ = ("instance", "version", "path")
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    instance: Scope
    version: str
    path: str
    def __init__(self, instance: _Optional[_Union[Scope, _Mapping]] = ..., version: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class GetBulkDataResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class ReadInstanceRequest(_message.Message):
    __slots__ = ("instance", "version")
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    instance: Scope
    version: str
    def __init__(self, instance: _Optional[_Union[Scope, _Mapping]] = ..., version: _Optional[str] = ...) -> None: ...

class ReadInstanceResponse(_message.Message):
    __slots__ = ("total_bytes", "chunk")
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    total_bytes: int
    chunk: bytes
    def __init__(self, total_bytes: _Optional[int] = ..., chunk: _Optional[bytes] = ...) -> None: ...
