"""What a pack downloads comes whole, or is said not to; a bad moment is no reason."""

import http.server
import sys
import threading
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.buildpacks.sandbox import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "buildpacks"))

from lifecycle import download

BODY = b"0123456789" * 1000


class Moody(http.server.BaseHTTPRequestHandler):
    """Answers each request as the next of the server's moods says."""

    def do_GET(self) -> None:
        mood = self.server.moods.pop(0)  # type: ignore[attr-defined]
        if mood == "drop":
            self.close_connection = True
            return
        self.send_response(mood if isinstance(mood, int) else 200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY[:4321] if mood == "break off" else BODY)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.ThreadingHTTPServer]:
    monkeypatch.setattr(download, "PAUSES_S", (0.0, 0.0))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Moody) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def fetched(server: http.server.ThreadingHTTPServer, path: Path, *moods: object) -> bytes:
    server.moods = [*moods]  # type: ignore[attr-defined]
    download.download(f"http://127.0.0.1:{server.server_port}/file", str(path))
    return path.read_bytes()


@pytest.mark.parametrize("mood", ["drop", "break off", 500, 503, 429, 408])
def test_a_bad_moment_is_waited_out(server, tmp_path: Path, mood: object):
    assert fetched(server, tmp_path / "file", mood, "drop", "well") == BODY


@pytest.mark.parametrize("code", [404, 403, 401])
def test_an_answer_that_will_not_change_is_the_last(server, tmp_path: Path, code: int):
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetched(server, tmp_path / "file", code, "well")
    assert caught.value.code == code
    assert server.moods == ["well"]


def test_what_never_comes_whole_is_not_taken_for_whole(server, tmp_path: Path):
    with pytest.raises(OSError, match=r"it broke off after 4,321 bytes"):
        fetched(server, tmp_path / "file", *["break off"] * 3)
    assert server.moods == []


def test_a_server_that_is_not_there_is_asked_once(server, tmp_path: Path):
    with pytest.raises(urllib.error.URLError, match="refused"):
        download.download("http://127.0.0.1:9/file", str(tmp_path / "file"))
