"""Errors on the wire: google.rpc.Status with ErrorInfo and RetryInfo in the trailing metadata, written and read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from medtiles.api.v1 import frames_pb2
from medtiles.protocols.status import DOMAIN, Status, error_of

_LONGEST_WORD = 200
_OF_TRANSPORT = {
    "UNAVAILABLE": "the server cannot be reached",
    "RESOURCE_EXHAUSTED": "the server takes no more calls, or no message of this size",
    "DEADLINE_EXCEEDED": "the server did not answer in time",
    "CANCELLED": "the call was cancelled",
}
"""What the transport's own words stand for; they name hosts and ports, which are not for clients of a gateway."""


def rich_status(status: Status, where: Mapping[str, str]) -> grpc.Status:
    """What a failed call ends with. `where` says which image and tile it was about."""
    metadata = {name: value[:_LONGEST_WORD] for name, value in where.items()}
    info = error_details_pb2.ErrorInfo(reason=status.reason, domain=DOMAIN, metadata=metadata)
    details = [_packed(info)]
    if status.retry_after is not None:
        delay = duration_pb2.Duration(seconds=status.retry_after)
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return rpc_status.to_status(status_pb2.Status(code=code_number(status), message=status.detail, details=details))


def problem(status: Status) -> frames_pb2.Problem:
    """The same for one of many tiles."""
    return frames_pb2.Problem(
        reason=status.reason, code=code_number(status), detail=status.detail, retry_after=status.retry_after
    )


def code_number(status: Status) -> int:
    """The number of a status's gRPC code."""
    number: int = grpc.StatusCode[status.grpc_code_name].value[0]
    return number


def error_of_problem(message: frames_pb2.Problem) -> BaseException:
    """The error that one of many tiles met with at the server."""
    return error_of(message.reason, _code_name(message.code), message.detail)


def error_of_call(error: grpc.RpcError) -> BaseException:
    """The error that a server met with, from how the call ended; one of the transport when it carries no reason."""
    call = cast("grpc.Call", error)  # as every error of a channel is
    name, reason = call.code().name, _reason(call)
    return error_of(reason, name, (call.details() or name) if reason else _OF_TRANSPORT.get(name, name))


def _reason(call: grpc.Call) -> str:
    try:
        status = rpc_status.from_call(call)
    except ValueError:  # the details contradict the code: somebody between rewrote it
        return ""
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            return str(info.reason)
    return ""


def _code_name(number: int) -> str:
    return next((code.name for code in grpc.StatusCode if code.value[0] == number), "UNKNOWN")


def _packed(message: error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
