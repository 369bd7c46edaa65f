"""A Hugging Face hub of one model on a port of this machine: the few requests of a download."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0" * 40


@contextmanager
def hub_of(name: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Gives the hub's address, and the list of files that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            if self.path.startswith(f"/api/models/{name}/tree/"):
                files = [
                    {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": COMMIT}
                    for path in folder.iterdir()
                ]
                self._send(json.dumps(files).encode())
            elif self.path.startswith(f"/api/models/{name}"):
                self._send(json.dumps({"id": name, "sha": COMMIT}).encode())
            elif self.path.startswith(f"/{name}/resolve/"):
                asked.append(self.path.rpartition("/")[2])
                content = (folder / asked[-1]).read_bytes()
                self._send(content if body else b"", length=len(content), etag=content)
            else:
                self.send_error(404)

        def _send(self, content: bytes, length: int | None = None, etag: bytes = b"") -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content) if length is None else length))
            self.send_header("ETag", f'"{hashlib.sha256(etag).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
