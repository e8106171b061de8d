"""What was typed before, in a file of the user's own. Without one, everything else still works."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.history import FileHistory


def history_file(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Where this user's programs keep their state."""
    if platform == "win32":
        folder = environment.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        folder = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(folder, "rinject", "history")


class UserHistory(FileHistory):
    """The lines of a file; one that cannot be read is empty, and one not written is forgotten."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def load_history_strings(self) -> Iterable[str]:
        """The newest first."""
        try:
            yield from list(super().load_history_strings())
        except OSError:
            return

    def store_string(self, string: str) -> None:
        """Adds to the file, which only its user may read."""
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            super().store_string(string)
