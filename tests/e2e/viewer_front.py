"""A viewer's page and a server at one address, as in a hospital."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

_TYPES = {
    ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm", ".json": "application/json",
    ".dzi": "application/xml", ".xml": "application/xml", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
}  # fmt: skip
_PASSED = ("accept", "host", "if-none-match", "range")
_RELAYED = ("/dicomweb/", "/iiif/", "/dzi/", "/zoomify/", "/xyz/", "/iip", "/fcgi-bin/")
_LEFT = {"connection", "date", "server", "transfer-encoding"}


@contextmanager
def beside(server: str, folders: tuple[Path, ...]) -> Iterator[str]:
    """The address of files in folders, at /viewer/ and /static/js/, and of the server's pictures and DICOMweb."""
    with httpx.Client(base_url=server, timeout=60) as client:
        handler = type("Handler", (_Handler,), {"client": client, "folders": folders})
        front = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        front.daemon_threads = True
        thread = threading.Thread(target=front.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{front.server_address[1]}"
        finally:
            front.shutdown()
            thread.join()
            front.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    client: httpx.Client
    folders: tuple[Path, ...]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(_RELAYED):
            self._relay()
        elif path.startswith("/viewer/"):
            self._file(path.removeprefix("/viewer/"))
        elif path.startswith("/static/js/"):  # where the viewer looks for its worker and decoders
            self._file(path.removeprefix("/static/js/"))
        else:
            self.send_error(404)

    def _relay(self) -> None:
        asked = {name: self.headers[name] for name in _PASSED if name in self.headers}
        answer = self.client.get(self.path, headers={**asked, "accept-encoding": "identity"})
        headers = {name: value for name, value in answer.headers.items() if name not in _LEFT}
        self._send(answer.status_code, headers, answer.content)

    def _file(self, name: str) -> None:
        for folder in self.folders:
            path = folder / name
            if ".." not in path.parts and path.is_file():
                self._send(200, {"content-type": _TYPES.get(path.suffix, "text/plain")}, path.read_bytes())
                return
        self.send_error(404)

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
