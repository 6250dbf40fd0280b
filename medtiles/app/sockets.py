"""Addresses are taken before anything else is done, so that an occupied one is a clear error."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

from medtiles.app.errors import StartError
from medtiles.settings import Address

_BACKLOG = 2048
_LAST_PORT = 65535
_ALONE = (socket.SO_REUSEADDR,)
"""Lets us have a port on which only closed connections linger."""
_SHARED = (socket.SO_REUSEPORT,)


def bind_http(address: Address) -> socket.socket:
    """A listening socket, to be shared by all workers.

    :raises StartError: the address is occupied, or not one of this machine
    """
    listener = _bound(address, "http", _ALONE)
    listener.listen(_BACKLOG)
    return listener


def bind_jpip(address: Address, number: int) -> socket.socket:
    """A socket for answers of JPIP by TCP, listening; on the port of a worker, by its number.

    :raises StartError: the address is occupied, or not one of this machine, or there are not so many ports
    """
    chosen = Address(address.host, address.port + number) if address.port else address
    if chosen.port > _LAST_PORT:
        message = (
            f"--set jpip_tcp {address}: worker {number + 1} takes port {chosen.port}, and {_LAST_PORT} is the last"
        )
        raise StartError(message)
    listener = _bound(chosen, "set jpip_tcp", _ALONE)
    listener.listen(_BACKLOG)
    return listener


def reserve_grpc(address: Address) -> socket.socket:
    """A socket that holds the port but never listens; gRPC servers of all workers then share the port.

    The port is first taken alone: SO_REUSEPORT would share it without a word with a server that runs already. The one
    that holds it does without SO_REUSEADDR, so that a second server cannot take the port while ours does not listen
    yet; unless connections of an earlier server still linger there, which nothing else gets past.

    :raises StartError: the address is occupied, or not one of this machine
    """
    with _bound(address, "grpc", _ALONE) as alone:
        port = alone.getsockname()[1]
    chosen = Address(address.host, port)
    try:
        return _bound(chosen, "grpc", _SHARED)
    except StartError:
        return _bound(chosen, "grpc", _ALONE + _SHARED)


def address_of(listener: socket.socket, address: Address) -> Address:
    """The address with the port that the kernel has chosen."""
    return Address(address.host, listener.getsockname()[1])


def _bound(address: Address, name: str, options: tuple[int, ...]) -> socket.socket:
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        message = f"--{name} {address}: no such host"
        raise StartError(message) from error
    made = socket.socket(family, kind, protocol)
    try:
        for option in options:
            made.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            with suppress(OSError):
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind(target)
    except OSError as error:
        made.close()
        raise StartError(_why(error, address, name)) from error
    return made


def _why(error: OSError, address: Address, name: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"--{name} {address} is occupied by another program; choose another port, or 0 for any free one"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--{name} {address} is not an address of this machine"
    if error.errno == errno.EACCES:
        return f"--{name} {address}: this user may not listen there; choose a port from 1024 on"
    return f"--{name} {address}: {error.strerror}"
