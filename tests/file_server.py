"""A server of files on this machine that knows ranges, breaks off when told, and publishes what digests it is told."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Shelf:
    """What is served.

    Attributes:
        files: content by path, without the leading slash.
        headers: further headers of each answer by path.
        redirects: from one path to another.
        breaks: of each path, after how many bytes each of its next answers breaks off.
        asked: path and Range header of each request so far.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    breaks: dict[str, list[int]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(shelf: Shelf) -> Iterator[Shelf]:
    """Serve the shelf on a free port; its `url` is the server's."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            asked = self.headers.get("Range")
            shelf.asked.append((path, asked))
            more = shelf.headers.get(path, {})
            if path in shelf.redirects:
                return self._head(302, {"Location": f"{shelf.url}/{shelf.redirects[path]}", **more})
            if path not in shelf.files:
                return self._head(404, {})
            content = shelf.files[path]
            etag = f'"{hashlib.sha1(content).hexdigest()}"'
            first = 0
            if asked and self.headers.get("If-Range", etag) == etag:
                first = int(asked.removeprefix("bytes=").partition("-")[0])
                if first >= len(content):
                    return self._head(416, {})
                more = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}", **more}
            body = content[first:]
            self._head(206 if "Content-Range" in more else 200, {"ETag": etag, **more}, size=len(body))
            breaks = shelf.breaks.get(path, [])
            self.wfile.write(body[: breaks.pop(0)] if breaks else body)
            self.close_connection = True

        def _head(self, code: int, headers: dict[str, str], *, size: int = 0) -> None:
            self.send_response(code)
            for name, value in {"Content-Length": str(size), **headers}.items():
                self.send_header(name, value)
            self.end_headers()

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shelf.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield shelf
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()
