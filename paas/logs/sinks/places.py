"""Places on disk: how far each app's lines were shipped to each sink.

    <state>/sinks/<app's id>.<sink's id>.json

Written anew after each batch that was taken, so that the next daemon goes on there. Not
synced: a machine that loses its power may ship the last lines twice. Touches: those files.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from paas.logs.sinks.trailing import Owed, Place
from paas.model.app import App

Key = tuple[str, str]  # of a trail: source and container id


class Places:
    """The file of one app and sink."""

    def __init__(self, directory: Path, app: App, sink_id: str) -> None:
        self.path = directory / f"{app.id}.{sink_id}.json"
        self._made = app.created_at.isoformat()

    def load(self) -> dict[Key, Place] | None:
        """By trail; None when nothing is known, or of an app before this one."""
        try:
            kept = json.loads(self.path.read_text())
            if kept["app"] != self._made:
                return None
            return {(one["source"], one["id"]): place(one["place"]) for one in kept["trails"]}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, places: Mapping[Key, Place]) -> None:
        """Whole or not at all."""
        trails = [
            {"source": source, "id": id_, "place": asdict(one)}
            for (source, id_), one in places.items()
        ]
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps({"app": self._made, "trails": trails}))
        draft.rename(self.path)


def place(kept: Mapping[str, object]) -> Place:
    owed = kept["owed"]
    parts = {**kept, "owed": Owed(**owed) if isinstance(owed, dict) else None}
    return Place(**parts)  # type: ignore[arg-type]


def keep_only(directory: Path, wanted: set[Path]) -> None:
    """Forget what was kept for sinks and apps that are no more."""
    with suppress(FileNotFoundError), os.scandir(directory) as found:
        for one in found:
            if Path(one.path) not in wanted:
                with suppress(FileNotFoundError):
                    Path(one.path).unlink()
