"""TLS from PEM files: what a server shows and asks for, what a client trusts and shows."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc


@dataclass(frozen=True, slots=True)
class Tls:
    """The identity of a server, and whom it lets in. Renewed files are taken up without a restart."""

    certificate: Path
    """PEM: the server's certificate, then those that lead to its authority."""
    key: Path
    """PEM: its private key, not encrypted."""
    client_ca: Path | None = None
    """PEM: authorities whose clients are let in (mutual TLS); None: any client."""

    def credentials(self) -> grpc.ServerCredentials:
        """What a port is opened with.

        :raises ValueError: a file cannot be read, or key and certificate do not fit
        """
        stamps, known = self._stamps(), self._configuration()

        def current() -> Any:  # noqa: ANN401 - a configuration, or None when nothing is new, which its type leaves out
            nonlocal stamps, known
            try:
                now = self._stamps()
                if now == stamps:
                    return None
                known = self._configuration()
            except ValueError:  # half of the files are renewed: go on with the old ones until they fit
                return None
            stamps = now
            return known

        return grpc.dynamic_ssl_server_credentials(known, current, self.client_ca is not None)

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        _require_pair(self.certificate, self.key)
        authorities = _read(self.client_ca) if self.client_ca else None
        return grpc.ssl_server_certificate_configuration([(_read(self.key), _read(self.certificate))], authorities)

    def _stamps(self) -> list[tuple[int, int, int]]:
        return [_stamp(path) for path in (self.certificate, self.key, self.client_ca) if path is not None]


@dataclass(frozen=True, slots=True)
class ClientTls:
    """Whom a client trusts, and what it shows."""

    authorities: Path | None = None
    """PEM: authorities of servers; None: those that gRPC brings along."""
    certificate: Path | None = None
    """PEM: the client's certificate, for servers that ask for one."""
    key: Path | None = None
    """PEM: its private key."""
    server_name: str = ""
    """The name in the server's certificate, when it is not the one in the address."""

    def credentials(self) -> grpc.ChannelCredentials:
        """What a channel is opened with.

        :raises ValueError: a file cannot be read, or key and certificate do not fit
        """
        if self.certificate is not None and self.key is not None:
            _require_pair(self.certificate, self.key)
        elif self.certificate is not None or self.key is not None:
            message = "a client's certificate and its key go together"
            raise ValueError(message)
        read: Callable[[Path | None], bytes | None] = lambda path: _read(path) if path else None  # noqa: E731
        return grpc.ssl_channel_credentials(read(self.authorities), read(self.key), read(self.certificate))


def _require_pair(certificate: Path, key: Path) -> None:
    """Refuse a key that is not the certificate's; gRPC itself would only fail every handshake."""
    for path in (certificate, key):
        _read(path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        message = f"{key} is not the private key, in PEM and without password, of the certificate {certificate}"
        raise ValueError(message) from error


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ValueError:
    return ValueError(f"{path}: {(error.strerror or 'cannot be read').lower()}")
