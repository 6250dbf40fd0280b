"""Instances by the UIDs that requests name, remembered for a moment: a frame is often followed by its neighbour."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from medtiles.core.errors import BadRequestError
from medtiles.core.studies import Instance, Scope, Studies
from transcode.errors import FileChangedError

_TRUSTED_FOR = 1.0
"""Seconds for which an instance is taken to be still the same."""
_MOST = 4096


class NamedInstances:
    """Safe to call from several threads."""

    def __init__(self, studies: Studies) -> None:
        self._studies = studies
        self._lock = threading.Lock()
        self._known: OrderedDict[Scope, tuple[float, Instance]] = OrderedDict()

    def get(self, scope: Scope, version: str = "") -> Instance:
        """The one instance that a scope names.

        :raises BadRequestError: it does not name one
        :raises ImageNotFoundError: there is none
        :raises FileChangedError: it is of another version
        """
        found = self._fresh(scope)
        if found is None or (version and found.version != version):
            found = self._asked(scope)
        if version and found.version != version:
            message = "the instance was replaced; ask again"
            raise FileChangedError(message)
        return found

    def all(self, scope: Scope) -> tuple[Instance, ...]:
        """All instances of a series.

        :raises BadRequestError: it names none
        :raises ImageNotFoundError: there is none
        """
        if not (scope.study and scope.series):
            message = "series: name the study and the series"
            raise BadRequestError(message)
        return self._studies.instances(scope)

    def _fresh(self, scope: Scope) -> Instance | None:
        with self._lock:
            known = self._known.get(scope)
        return known[1] if known is not None and time.monotonic() < known[0] else None

    def _asked(self, scope: Scope) -> Instance:
        if not (scope.study and scope.series and scope.instance):
            message = "instance: name the study, the series and the instance"
            raise BadRequestError(message)
        found = self._studies.instances(scope)[0]
        with self._lock:
            self._known[scope] = (time.monotonic() + _TRUSTED_FOR, found)
            self._known.move_to_end(scope)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return found
