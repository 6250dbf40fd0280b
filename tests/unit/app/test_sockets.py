"""Addresses are taken first, and an occupied one is told plainly."""

from __future__ import annotations

import socket

import pytest

from medtiles.app.errors import StartError
from medtiles.app.sockets import address_of, bind_http, bind_jpip, reserve_grpc
from medtiles.settings import Address

FREE = Address("127.0.0.1", 0)


def test_port_0_becomes_a_port_of_the_kernels_choice() -> None:
    with bind_http(FREE) as listener:
        assert address_of(listener, FREE).port > 0


def test_an_occupied_http_port_is_refused() -> None:
    with bind_http(FREE) as listener, pytest.raises(StartError, match="occupied by another program"):
        bind_http(address_of(listener, FREE))


def test_a_grpc_port_that_another_server_would_share_is_refused() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(StartError, match=r"--grpc 127\.0\.0\.1:\d+ is occupied"):
            reserve_grpc(address_of(other, FREE))


def test_a_reserved_grpc_port_is_not_free_for_others_but_for_its_own_workers() -> None:
    with reserve_grpc(FREE) as reserved:
        address = address_of(reserved, FREE)
        with pytest.raises(StartError, match="occupied"):
            reserve_grpc(address)
        with socket.socket() as worker:
            worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            worker.bind((address.host, address.port))
            worker.listen()
            with socket.create_connection((address.host, address.port), timeout=5):
                worker.accept()[0].close()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(StartError, match="not an address of this machine"):
        bind_http(Address("192.0.2.1", 0))


def test_a_host_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(StartError, match="no such host"):
        bind_http(Address("nowhere.invalid", 0))


def test_each_worker_answers_jpip_on_a_port_of_its_own() -> None:
    with bind_jpip(FREE, 0) as free:
        address = address_of(free, FREE)
    with bind_jpip(Address(address.host, address.port - 1), 1) as listener:
        assert address_of(listener, FREE) == address
        with pytest.raises(StartError, match=r"jpip_tcp .* is occupied"):
            bind_jpip(address, 0)


def test_there_is_no_port_after_the_last_one() -> None:
    with pytest.raises(StartError, match="worker 2 takes port 65536, and 65535 is the last"):
        bind_jpip(Address("127.0.0.1", 65535), 1)
