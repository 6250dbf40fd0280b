"""Settings: from a TOML file, the environment and flags; frozen; what is unknown is refused.

Later ones win: defaults, the file, the environment, flags. The file is the one that `--config` or MEDTILES_CONFIG
names, or medtiles.toml in the working folder when there is one. In the environment each setting is written in capitals
after MEDTILES_, with commas between the items of a list (colons for `roots`): MEDTILES_WORKERS=4.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "MEDTILES_"
_OTHER_VARIABLES = frozenset({"MEDTILES_CONFIG", "MEDTILES_TESTDATA"})
_SERVICE_LINK = re.compile(r"_SERVICE_HOST$|_SERVICE_PORT(_.*)?$|_PORT$|_PORT_\d+_(TCP|UDP|SCTP)(_.*)?$")
"""Variables that Kubernetes puts in for a service called medtiles; not ours."""


class SettingsError(ValueError):
    """A setting is unknown, malformed or unsafe; the text says which, and where it was set."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, or is reached."""

    host: str
    port: int
    """0: any free one."""

    @classmethod
    def parse(cls, text: object) -> Address:
        """From HOST:PORT; IPv6 in brackets.

        :raises ValueError: it is nothing of the kind
        """
        if isinstance(text, cls):
            return text
        match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\[\]]+)):(\d{1,5})", str(text))
        if match is None or int(match[3]) > 65535:
            message = f"{text!r} is not HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080"
            raise ValueError(message)
        return cls(match[1] or match[2], int(match[3]))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _items(separator: str) -> BeforeValidator:
    def split(value: object) -> object:
        if isinstance(value, str):
            return [item.strip() for item in value.split(separator) if item.strip()]
        return value

    return BeforeValidator(split)


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or ""
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "medtiles"


def _cache(value: object) -> object:
    return None if value == "none" else value


AddressField = Annotated[Address, BeforeValidator(Address.parse), PlainSerializer(str)]
Paths = Annotated[tuple[Path, ...], NoDecode, _items(os.pathsep)]
Words = Annotated[tuple[str, ...], NoDecode, _items(",")]
Megabytes = Annotated[int, Field(ge=0, le=1024 * 1024)]
Seconds = Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)]


class Settings(BaseSettings):
    """All settings of the server."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )
    secrets: ClassVar[frozenset[str]] = frozenset({"grpc_tls_key", "engine_tls_key"})

    roots: Paths = ()
    """Files and folders to serve."""
    uploads: Path | None = None
    """Folder that `POST /images` adds images to, and that is served too; none: no images are taken from clients."""
    upload_mb: Annotated[int, Field(ge=1, le=1024 * 1024)] = 2048
    """Most megabytes of an image that a client brings."""
    http: AddressField = Address("127.0.0.1", 8080)
    """Where the HTTP gateway listens, HOST:PORT; port 0: any free one."""
    grpc: AddressField = Address("127.0.0.1", 50051)
    """Where the gRPC server listens, HOST:PORT; port 0: any free one."""
    hotspots: bool = False
    """Count which parts of images are looked at (`/images/{id}/hotspots`), in the cache folder; no address is kept."""
    prefetch: bool = False
    """Make tiles before they are asked for: those that are likely next, by what was asked for before."""
    insecure_no_auth: bool = False
    """Listen on addresses that other machines can reach although nobody is asked who they are."""
    engine: AddressField | None = None
    """For `medtiles gateway`: the gRPC server that makes the tiles, HOST:PORT."""
    engine_tls_ca: Path | None = None
    """PEM file with the authorities of that engine's certificate; none: it is reached without TLS."""
    engine_tls_certificate: Path | None = None
    """PEM file with the certificate that we show it, when it asks for one."""
    engine_tls_key: Path | None = None
    """PEM file with the private key of that certificate."""
    engine_tls_name: str = ""
    """The name in its certificate, when it is not the one in its address."""
    workers: Annotated[int, Field(ge=0, le=1024)] = 0
    """Processes; 0: one for each CPU. 1: everything in one process."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Threads of each process that make tiles; 0: one for each CPU."""
    cache: Annotated[Path | None, BeforeValidator(_cache)] = Field(default_factory=_default_cache)
    """Folder for indexes, pyramids of large images, and frames encoded anew for clients; "none": nothing is
    written.

    The index of studies holds patients' names and ids: only its owner may read it, and the frames."""
    pyramid_cache_gb: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    """Gigabytes that those pyramids may take together; the least recently used ones are removed for new ones."""
    derived_cache_gb: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Gigabytes that DICOM frames encoded anew for clients may take in that folder; the least recently used go."""
    encoded_cache_mb: Megabytes = 6
    """Megabytes of finished tiles kept in the memory of each process."""
    decoded_cache_mb: Megabytes = 6
    """Megabytes of decoded tiles kept in the memory of each process."""
    open_images: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Images kept open by each process."""
    scan_interval: Annotated[float, Field(ge=0.1, le=86400, allow_inf_nan=False)] = 5.0
    """Seconds between two looks for new, changed and removed files."""
    scan_threads: Annotated[int, Field(ge=0, le=64)] = 2
    """Threads of each process that open new images in the background, to learn their size; 0: none."""
    view_pixels: Annotated[int, Field(ge=1)] = 64 * 1024 * 1024
    """Most pixels in one answer."""
    view_side: Annotated[int, Field(ge=1)] = 32768
    """Most pixels along one side of an answer."""
    view_tiles: Annotated[int, Field(ge=1)] = 16384
    """Most stored tiles that one answer may be made of."""
    watermark: Path | None = None
    """Picture with transparency, laid over the middle of all that is shown; none: stored tiles go out as they are."""
    watermark_opacity: Annotated[float, Field(gt=0, le=1)] = 0.5
    """How much of it is seen, beside its own transparency."""
    watermark_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Which part of all tiles and pictures is marked; always the same ones."""
    rights: Annotated[str, Field(pattern=r"^https?://[!-~]{1,2000}$")] | None = None
    """Address of a licence or a statement of rights for all images, such as one of Creative Commons; told by IIIF."""
    queue: Annotated[int, Field(ge=1)] = 1024
    """Requests that may wait in each process; more are refused as busy."""
    decode_seconds: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 20.0
    """Seconds that a decoder may work on a frame before it is stopped; large frames get more."""
    decode_mb: Annotated[int, Field(ge=64, le=1024 * 1024)] = 256
    """Megabytes of memory that a decoder may take besides those that the samples of the frame need."""
    jpip_sessions: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    """Most sessions of JPIP at one time; at 0, no channels are given: requests say themselves what their client has."""
    jpip_requests: Annotated[int, Field(ge=1, le=100_000)] = 500
    """Most answers of JPIP under way at one time, in each process."""
    jpip_request_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Seconds after which an answer of JPIP ends, and its client asks for the rest; 0: no limit."""
    jpip_transfer: Literal["auto", "length", "chunked"] = "auto"
    """How the length of an answer of JPIP is told: "auto": by Content-Length where the request bounds it, else in
    chunks; "length": always so, for clients that read no chunks; "chunked": never."""
    jpip_delegates: Words = ()
    """Servers that take over new sessions of JPIP, by their shares, such as "http://b:8080/jpip*4"; "self*1" is the
    share of this one. They serve the same images under the same ids."""
    jpip_tcp: AddressField | None = None
    """Where clients of JPIP connect that want answers by TCP (transport http-tcp), as HOST:PORT; each worker after the
    first takes the next port. Not given: answers come by HTTP alone."""
    jpip_handshake: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 30.0
    """Seconds in which such a client must have connected and named its channel."""
    jpip_idle: Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)] = 600.0
    """Seconds without a request after which a session of JPIP ends."""
    jpip_lifetime: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 43200.0
    """Seconds after which a session of JPIP ends in any case; 0: never."""
    jpip_rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Kilobytes a second of all answers of JPIP, of all workers; 0: as many as can be."""
    jpip_client_rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Kilobytes a second of each session of JPIP, or of each request without one; 0: as many as can be."""
    jpip_chunk_kb: Annotated[int, Field(ge=1, le=65536)] = 64
    """Most kilobytes of a message of JPIP."""
    jpip_request_mb: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Most megabytes of an answer of JPIP, whatever is asked for; 0: no limit."""
    request_timeout: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 60.0
    """Seconds that an HTTP answer may take."""
    max_age: Annotated[int, Field(ge=0)] = 0
    """Seconds that browsers may show a tile again without asking whether it has changed."""
    cors_origins: Words = ()
    """Web origins whose pages may read answers, such as https://viewer.example.org."""
    hosts: Words = ()
    """Names, without port, that a request's Host header may have, against DNS rebinding; "*": any.
    Empty: this machine's own while the server listens on loopback only, else any."""
    access_log: str = ""
    """File with a line for each HTTP answer; "-": standard output; empty: none."""
    access_log_format: Literal["combined", "json"] = "combined"
    """Combined Log Format, or JSON lines."""
    grpc_threads: Annotated[int, Field(ge=1, le=256)] = 8
    """Threads of each process that answer gRPC calls."""
    grpc_tls_certificate: Path | None = None
    """PEM file with the certificate chain of the gRPC server."""
    grpc_tls_key: Path | None = None
    """PEM file with its private key."""
    grpc_tls_client_ca: Path | None = None
    """PEM file with the authorities whose clients are let in (mutual TLS); others are turned away."""
    drain_notice: Seconds = 0.0
    """Seconds between being told to stop (from then on /readyz says so) and taking no new connections."""
    drain_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    """Seconds that requests under way may take to finish when the server stops."""

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if (self.grpc_tls_certificate is None) != (self.grpc_tls_key is None):
            message = "grpc_tls_certificate and grpc_tls_key go together"
            raise ValueError(message)
        if self.grpc_tls_client_ca is not None and self.grpc_tls_key is None:
            message = "grpc_tls_client_ca needs grpc_tls_certificate and grpc_tls_key"
            raise ValueError(message)
        if (self.engine_tls_certificate is None) != (self.engine_tls_key is None):
            message = "engine_tls_certificate and engine_tls_key go together"
            raise ValueError(message)
        if self.engine_tls_ca is None and (self.engine_tls_certificate or self.engine_tls_name):
            message = "engine_tls_certificate, engine_tls_key and engine_tls_name need engine_tls_ca"
            raise ValueError(message)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's form
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` has gathered, so that it knows where each value came from."""
        return (init_settings,)

    @property
    def accepted_hosts(self) -> tuple[str, ...]:
        """Names that a Host header may have; empty: any."""
        if self.hosts or not self.http.is_loopback:
            return () if "*" in self.hosts else self.hosts
        return ("localhost", "127.0.0.1", "::1", self.http.host)

    def require_safe_addresses(self, *, is_gateway: bool = False) -> None:
        """Refuse to listen where other machines reach us, unless told so by name.

        :raises SettingsError: nobody would be asked who they are
        """
        open_to_others = [] if self.http.is_loopback else [f"http {self.http}"]
        if not (is_gateway or self.grpc.is_loopback or self.grpc_tls_client_ca):
            open_to_others.append(f"grpc {self.grpc}")
        if open_to_others and not self.insecure_no_auth:
            message = (
                f"{' and '.join(open_to_others)} can be reached from other machines, and nobody would be asked who "
                "they are; listen on 127.0.0.1 behind a proxy that asks, or say --insecure-no-auth"
            )
            raise SettingsError(message)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each came from."""

    settings: Settings
    origins: Mapping[str, str]
    """By name: a file, a variable of the environment, a flag; what is missing is a default."""
    file: Path | None
    """The file that was read."""


def load(
    flags: Mapping[str, object] | None = None,
    *,
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Loaded:
    """Gather the settings; flags that are None were not given.

    :raises SettingsError: an unknown or malformed setting, or a file that cannot be read
    """
    environment = os.environ if environment is None else environment
    file = _file(config, environment)
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    for found, origin in (
        (_from_file(file) if file else {}, lambda name: str(file)),  # noqa: ARG005 - one form for all three
        (_from_environment(environment), lambda name: PREFIX + name.upper()),
        ({name: value for name, value in (flags or {}).items() if value is not None}, flag_of),
    ):
        values.update(found)
        origins.update({name: origin(name) for name in found})
    try:
        return Loaded(Settings(**values), origins, file)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        raise SettingsError(_told(error, origins)) from None


def flag_of(name: str) -> str:
    """How a setting is called on the command line."""
    return "PATH" if name == "roots" else "--" + name.replace("_", "-")


def shown(loaded: Loaded) -> list[tuple[str, Any, str]]:
    """Name, value and origin of each setting, to be looked at; secrets are not told."""
    values = loaded.settings.model_dump(mode="json")
    return [
        (
            name,
            "(set)" if name in Settings.secrets and value is not None else value,
            loaded.origins.get(name, "default"),
        )
        for name, value in values.items()
    ]


def _file(config: Path | None, environment: Mapping[str, str]) -> Path | None:
    named = config or (Path(environment["MEDTILES_CONFIG"]) if environment.get("MEDTILES_CONFIG") else None)
    if named is not None:
        return named
    here = Path("medtiles.toml")
    return here if here.is_file() else None


def _from_file(file: Path) -> dict[str, object]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{file}: {(error.strerror or 'cannot be read').lower()}"
        raise SettingsError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{file}: {error}"
        raise SettingsError(message) from error
    for name in values:
        if name not in Settings.model_fields:
            message = f"{file}: unknown setting {name!r}{_meant(name)}"
            raise SettingsError(message)
    return values


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in _OTHER_VARIABLES:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in Settings.model_fields and variable.isupper():
            values[name] = value
        elif not _SERVICE_LINK.search(variable):
            message = f"environment: unknown variable {variable}{_meant(name, prefix=PREFIX)}"
            raise SettingsError(message)
    return values


def _meant(name: str, prefix: str = "") -> str:
    close = difflib.get_close_matches(name.lower().replace("-", "_"), Settings.model_fields, n=1)
    if not close:
        return ""
    return f"; did you mean {prefix + close[0].upper() if prefix else close[0]}?"


def _told(error: ValidationError, origins: Mapping[str, str]) -> str:
    """The first complaint, in one line."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    text = str(first["msg"]).removeprefix("Value error, ")
    return f"{origins.get(name, name)}: {text}" if name else text
