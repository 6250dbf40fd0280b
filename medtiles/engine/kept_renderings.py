"""Renderings that are kept by a hash of what they say, so that an address can name one: files of a few hundred bytes.

Processes that share the folder share the renderings. Without a folder they are kept in memory, until the end.
"""

from __future__ import annotations

import json
import os
import re
import threading
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from medtiles.core.errors import BusyError, ImageNotFoundError
from medtiles.core.tiles import KeptRendering

_HASH = re.compile(r"[0-9a-f]{24}", re.ASCII)
_FOLDER = "renderings"
_FOLDERS = 256
_MOST = 100_000
_MOST_IN_MEMORY = 4096
_MOST_BYTES = 16 * 1024


class KeptRenderings:
    """Keeps them. Safe to call from several threads."""

    def __init__(self, cache: Path | None) -> None:
        """:param cache: the folder that the folder of renderings lies in; None: there is none"""
        self._folder = None if cache is None else cache / _FOLDER
        self._known: dict[str, KeptRendering] = {}
        self._lock = threading.Lock()

    def keep(self, image: str, version: str, text: str) -> KeptRendering:
        """Keep one; the same one again has the same hash.

        :raises BusyError: so many are kept that no more fit
        """
        digest = blake2b("\n".join((image, version, text)).encode("utf-8", "backslashreplace"), digest_size=12)
        kept = KeptRendering(digest.hexdigest(), image, version, text)
        if self._folder is not None:
            self._write(self._folder, kept)
        elif len(self._known) >= _MOST:
            message = f"{_MOST} renderings are kept: no more fit"
            raise BusyError(message)
        self._remember(kept)
        return kept

    def find(self, name: str) -> KeptRendering:
        """The one of a hash.

        :raises ImageNotFoundError: there is none
        """
        known = self._known.get(name)
        if known is not None:
            return known
        if self._folder is None or _HASH.fullmatch(name) is None:
            message = f"no rendering {name[:40]!a} is kept"
            raise ImageNotFoundError(message)
        try:
            with _path(self._folder, name).open("rb") as file:
                told = json.loads(file.read(_MOST_BYTES))
            kept = KeptRendering(name, str(told["image"]), str(told["version"]), str(told["text"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"no rendering {name} is kept"
            raise ImageNotFoundError(message) from error
        self._remember(kept)
        return kept

    def _remember(self, kept: KeptRendering) -> None:
        with self._lock:
            if self._folder is not None and len(self._known) >= _MOST_IN_MEMORY:
                del self._known[next(iter(self._known))]
            self._known[kept.hash] = kept

    def _write(self, folder: Path, kept: KeptRendering) -> None:
        path = _path(folder, kept.hash)
        if path.exists():
            return
        told = json.dumps({"image": kept.image, "version": kept.version, "text": kept.text})
        part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if sum(1 for _ in path.parent.iterdir()) * _FOLDERS >= _MOST:  # hashes are spread evenly
                message = f"{_MOST} renderings are kept in {_FOLDER} of the cache folder: delete some"
                raise BusyError(message)
            part.write_text(told, "utf-8")
            part.replace(path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            message = f"the rendering cannot be kept: {error.strerror}"
            raise BusyError(message) from error


def _path(folder: Path, name: str) -> Path:
    return folder / name[:2] / f"{name[2:]}.json"
