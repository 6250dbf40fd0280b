"""How commands end: 0 done, 1 failed, 2 wrongly called; what went wrong as one line that says what to do next."""

from __future__ import annotations

from transcode.cli.errors import FAILED, WRONGLY_CALLED, CommandError, UsageError, in_one_line, of_the_system

__all__ = ["CommandError", "UsageError", "told_in_one_line"]


def _told(error: Exception) -> tuple[int, str] | None:
    from medtiles.app.errors import StartError  # noqa: PLC0415 - `medtiles --help` must not wait for them
    from medtiles.core.errors import MedTilesError  # noqa: PLC0415
    from medtiles.export.errors import ExportError  # noqa: PLC0415
    from medtiles.hotspots.errors import HotspotsError  # noqa: PLC0415
    from medtiles.settings import SettingsError  # noqa: PLC0415
    from transcode.errors import TranscodeError  # noqa: PLC0415

    if isinstance(error, UsageError | SettingsError):
        return WRONGLY_CALLED, str(error)
    if isinstance(error, CommandError | StartError | ExportError | HotspotsError | MedTilesError | TranscodeError):
        return FAILED, str(error)
    return of_the_system(error)


told_in_one_line = in_one_line(_told)
