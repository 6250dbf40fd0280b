"""The fields of a request (ISO/IEC 15444-9 Annex C): query strings → values. Unknown ones are ignored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from medtiles.jpip import fields
from medtiles.jpip.errors import FieldError, UnsupportedFieldError
from medtiles.jpip.fields import Range

MOST_BYTES = 1 << 20
"""Of a request, as a query or as a body."""
ROUNDINGS = ("round-down", "round-up", "closest")
HTTP, HTTP_TCP = "http", "http-tcp"
TRANSPORTS = (HTTP, HTTP_TCP, "http-udp")
_YES_NO = ("yes", "no")
_LARGEST_LAYERS = 65535


@dataclass(frozen=True, slots=True)
class StreamType:
    """A kind of answer that the client takes."""

    name: str
    """jpp-stream, jpt-stream, raw, or a media type."""
    is_extended: bool = False
    """Whether messages carry the number of complete layers (`ptype=ext`, `ttype=ext`)."""


@dataclass(frozen=True, slots=True)
class FrameSize:
    """The size of the whole picture at the resolution that is wanted."""

    width: int
    height: int
    rounding: str = ROUNDINGS[0]


@dataclass(frozen=True, slots=True)
class MetadataBoxes:
    """Boxes that are wanted (C.5.2)."""

    kinds: tuple[str, ...]
    """Box types; `*`: all."""
    root_bin: int = 0
    depth: int | None = None


@dataclass(frozen=True, slots=True)
class JpipRequest:
    """What a request says; None: nothing."""

    target: str | None = None
    subtarget: tuple[int, int] | None = None
    """First and last byte within the target."""
    tid: str | None = None
    cid: str | None = None
    cnew: tuple[str, ...] = ()
    """Transports that the client takes for a new channel, in its order."""
    cclose: tuple[str, ...] = ()
    """Channels to close; `*`: all of the session."""
    qid: int | None = None
    fsiz: FrameSize | None = None
    roff: tuple[int, int] | None = None
    rsiz: tuple[int, int] | None = None
    comps: tuple[Range, ...] | None = None
    stream: tuple[Range, ...] | None = None
    context: tuple[str, ...] = ()
    roi: str | None = None
    layers: int | None = None
    srate: float | None = None
    drate: float | None = None
    metareq: tuple[MetadataBoxes, ...] = ()
    is_metadata_only: bool = False
    len: int | None = None
    quality: int | None = None
    align: bool = False
    wait: bool = False
    type: tuple[StreamType, ...] = ()
    model: str | None = None
    tpmodel: str | None = None
    need: str | None = None
    tpneed: str | None = None
    mset: tuple[Range, ...] | None = None
    cap: tuple[str, ...] = ()
    pref: tuple[str, ...] = ()
    csf: str | None = None
    handled: bool = False
    ignored: tuple[str, ...] = ()
    """Names of fields that this server does not know."""


def read_request(query: str) -> JpipRequest:
    """Read the query of an address, or the body of a POST: `name=value`, joined by `&`.

    :raises FieldError: naming the field that is malformed, or comes twice, or is there without another that it needs
    """
    if len(query) > MOST_BYTES:
        message = f"a request of {len(query)} bytes, {MOST_BYTES} are taken"
        raise FieldError(message)
    values: dict[str, Any] = {}
    ignored = []
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        name = unquote(name)
        reader = _READERS.get(name)
        if reader is None:
            ignored.append(name)
        elif name in values:
            message = f"{name}: it comes twice"
            raise FieldError(message)
        else:
            values[name] = reader(name, unquote(value))
    boxes = values.pop("metareq", None)
    if boxes is not None:
        values["metareq"], values["is_metadata_only"] = boxes
    request = JpipRequest(**values, ignored=tuple(ignored))
    _require_others(request)
    return request


def _require_others(request: JpipRequest) -> None:
    for name in ("roff", "rsiz"):
        if getattr(request, name) is not None and request.fsiz is None:
            message = f"{name}: it counts samples of a resolution that fsiz names, and there is none"
            raise FieldError(message)
    if request.subtarget is not None and request.target is None:
        message = "subtarget: it is a part of a target, and there is none"
        raise FieldError(message)


def _read_fsiz(name: str, text: str) -> FrameSize:
    words = fields.items(name, text)
    if len(words) not in {2, 3}:
        message = f"{name}: width and height are wanted, and perhaps how to round"
        raise FieldError(message)
    width, height = (fields.number(name, word, (1 << 32) - 1) for word in words[:2])
    if not width or not height:
        message = f"{name}: {width} x {height} is no picture"
        raise FieldError(message)
    return FrameSize(width, height, fields.choice(name, words[2], ROUNDINGS) if len(words) == 3 else ROUNDINGS[0])


def _read_pair(name: str, text: str) -> tuple[int, int]:
    first, second = fields.numbers(name, text, 2)
    return first, second


def _read_subtarget(name: str, text: str) -> tuple[int, int]:
    found = fields.span(name, text)
    if found.last is None or "-" not in text:
        message = f"{name}: first and last byte are wanted"
        raise FieldError(message)
    return found.first, found.last


def _read_spans(name: str, text: str) -> tuple[Range, ...]:
    return tuple(fields.span(name, item) for item in fields.items(name, text))


def _read_sampled_spans(name: str, text: str) -> tuple[Range, ...]:
    return tuple(fields.sampled_span(name, item) for item in fields.items(name, text))


def _read_types(name: str, text: str) -> tuple[StreamType, ...]:
    return tuple(_read_type(name, item) for item in fields.items(name, text))


def _read_type(name: str, text: str) -> StreamType:
    kind, *parameters = text.split(";")
    kind = kind.strip().lower().removeprefix("image/") if "stream" in kind else kind.strip().lower()
    is_extended = False
    for parameter in parameters:
        key, _, value = parameter.strip().partition("=")
        is_extended |= key in {"ptype", "ttype"} and value == "ext"
    if not kind:
        message = f"{name}: {text!r} names no type"
        raise FieldError(message)
    return StreamType(kind, is_extended)


def _read_metareq(name: str, text: str) -> tuple[tuple[MetadataBoxes, ...], bool]:
    is_only = text.endswith("!!")
    rest = text.removesuffix("!!")
    found = []
    while rest:
        rest = rest.removeprefix(",")
        opening, closing = rest[:1], rest.find("]")
        if opening != "[" or closing < 0:
            message = f"{name}: box types stand in brackets, as in [jp2h]"
            raise FieldError(message)
        kinds = tuple(_box_type(name, item) for item in rest[1:closing].split(";"))
        rest = rest[closing + 1 :]
        given: dict[str, int] = {}
        while rest[:1] in {"R", "D"}:
            digits = rest[1 : len(rest) - len(rest[1:].lstrip("0123456789"))]
            given[rest[0]] = fields.number(name, digits)
            rest = rest[1 + len(digits) :]
        found.append(MetadataBoxes(kinds, given.get("R", 0), given.get("D")))
    return tuple(found), is_only


def _box_type(name: str, text: str) -> str:
    """A box type without what limits it (`:64`, `/w`, `!`): more of a box than was asked for may always be sent."""
    kind = text.split(":", maxsplit=1)[0].split("/", maxsplit=1)[0].rstrip("!").replace("_", " ")
    if kind != "*" and len(kind) != 4:
        message = f"{name}: {text!r} names no box type"
        raise FieldError(message)
    return kind


def _read_preferences(name: str, text: str) -> tuple[str, ...]:
    """Preferences are wishes, unless they end with `/r`: then they must be met, or refused (C.10.2)."""
    found = fields.items(name, text)
    required = [item for item in found if item.endswith("/r")]
    if required:
        message = f"{name}: {', '.join(required)} is required, and this server has no such preference"
        raise UnsupportedFieldError(message)
    return tuple(found)


def _read_rate(name: str, text: str) -> float:
    try:
        value = float(text) if text.isascii() else -1.0
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:
        message = f"{name}: {text!r} is no rate"
        raise FieldError(message)
    return value


def _read_word(name: str, text: str) -> str:
    if not text:
        message = f"{name}: it is empty"
        raise FieldError(message)
    return text


def _read_transports(name: str, text: str) -> tuple[str, ...]:
    return tuple(item for item in fields.items(name, text) if item in TRANSPORTS)


def _read_list(name: str, text: str) -> tuple[str, ...]:
    return tuple(fields.items(name, text))


_READERS: dict[str, Callable[[str, str], Any]] = {
    "target": _read_word,
    "subtarget": _read_subtarget,
    "tid": _read_word,
    "cid": _read_word,
    "cnew": _read_transports,
    "cclose": _read_list,
    "qid": fields.number,
    "fsiz": _read_fsiz,
    "roff": _read_pair,
    "rsiz": _read_pair,
    "comps": _read_spans,
    "stream": _read_sampled_spans,
    "context": _read_list,
    "roi": _read_word,
    "layers": lambda name, text: fields.number(name, text, _LARGEST_LAYERS),
    "srate": _read_rate,
    "drate": _read_rate,
    "metareq": _read_metareq,
    "len": fields.number,
    "quality": lambda name, text: fields.number(name, text, 100),
    "align": lambda name, text: fields.choice(name, text, _YES_NO) == "yes",
    "wait": lambda name, text: fields.choice(name, text, _YES_NO) == "yes",
    "type": _read_types,
    "model": _read_word,
    "tpmodel": _read_word,
    "need": _read_word,
    "tpneed": _read_word,
    "mset": _read_sampled_spans,
    "cap": _read_list,
    "pref": _read_preferences,
    "csf": _read_word,
    "handled": lambda name, text: bool(name) or bool(text),
}
