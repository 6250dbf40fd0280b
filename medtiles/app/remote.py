"""The connection of a gateway to its engine."""

from __future__ import annotations

from medtiles.app.errors import StartError
from medtiles.protocols.grpc.remote import RemoteOptions, RemoteTiles
from medtiles.protocols.grpc.tls import ClientTls
from medtiles.settings import Address, Settings


def remote_tiles(settings: Settings, engine: Address) -> RemoteTiles:
    """The tiles of an engine elsewhere.

    :raises StartError: the files of TLS are no good
    """
    tls = None
    if settings.engine_tls_ca is not None:
        tls = ClientTls(
            settings.engine_tls_ca, settings.engine_tls_certificate, settings.engine_tls_key, settings.engine_tls_name
        )
    options = RemoteOptions(
        timeout=settings.request_timeout, cache_bytes=settings.encoded_cache_mb * 1024 * 1024, calls=settings.queue
    )
    try:
        return RemoteTiles(str(engine), tls=tls, options=options)
    except ValueError as error:
        raise StartError(str(error)) from error
