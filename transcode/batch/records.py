"""The values of a batch as JSON objects, and back: by their fields, refusing what they do not have."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Value = TypeVar("Value")


def to_record(value: DataclassInstance) -> dict[str, Any]:
    """A frozen value as what `json` writes."""
    return {name: _plain(field) for name, field in asdict(value).items()}


def from_record(kind: type[Value], record: object) -> Value:
    """The value that `to_record` was given.

    :raises ValueError: fields that it does not have, missing ones, or values of another type
    """
    built: Value = _build(kind, record)
    return built


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON is what it is
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _build(kind: Any, value: Any) -> Any:  # noqa: ANN401 - of whatever type a field has
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return None if value is None else _build(next(one for one in get_args(kind) if one is not type(None)), value)
    if origin is tuple:
        return _build_tuple(get_args(kind), value)
    if is_dataclass(kind):
        return _build_dataclass(kind, value)
    if issubclass(kind, Enum | Path):
        return kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        message = f"{value!r:.60} is no {kind.__name__}"
        raise ValueError(message)
    return value


def _build_tuple(kinds: tuple[Any, ...], value: Any) -> tuple[Any, ...]:  # noqa: ANN401 - as above
    if not isinstance(value, list):
        message = f"{value!r:.60} is no list"
        raise ValueError(message)  # noqa: TRY004 - the caller asks for one kind of error
    return tuple(_build(kinds[0], one) for one in value)


def _build_dataclass(kind: Any, value: Any) -> Any:  # noqa: ANN401 - as above
    hints = _hints(kind)
    if not isinstance(value, Mapping) or (unknown := value.keys() - hints.keys()):
        found = ", ".join(sorted(unknown)) if isinstance(value, Mapping) else repr(value)[:60]
        message = f"{found}: not of {kind.__name__}"
        raise ValueError(message)
    try:
        return kind(**{name: _build(hints[name], one) for name, one in value.items()})
    except TypeError as error:
        message = f"{kind.__name__}: {error}"
        raise ValueError(message) from error


@cache
def _hints(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - a dataclass
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
