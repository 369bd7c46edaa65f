"""A Hugging Face hub of one model on a port of this machine: the few requests of a download."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0" * 40


class Handler(BaseHTTPRequestHandler):
    server: "Hub"

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        name, folder = self.server.name, self.server.folder
        if self.path.startswith(f"/api/models/{name}/tree/"):
            self._send(json.dumps([listed(path) for path in folder.iterdir()]).encode())
        elif self.path.startswith(f"/api/models/{name}"):
            self._send(json.dumps({"id": name, "sha": COMMIT}).encode())
        elif self.path.startswith(f"/{name}/resolve/"):
            self.server.asked.append(self.path.rpartition("/")[2])
            self._send((folder / self.server.asked[-1]).read_bytes(), body=body)
        else:
            self.send_error(404)

    def _send(self, content: bytes, *, body: bool = True) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        self.wfile.write(content if body else b"")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class Hub(ThreadingHTTPServer):
    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name = name
        self.folder = folder
        self.asked: list[str] = []


def listed(path: Path) -> dict[str, object]:
    return {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": COMMIT}


@contextmanager
def hub_of(name: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Gives the hub's address, and the list of files that were asked for."""
    hub = Hub(name, folder)
    thread = threading.Thread(target=hub.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{hub.server_port}", hub.asked
    finally:
        hub.shutdown()
        thread.join()
        hub.server_close()
