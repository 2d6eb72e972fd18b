"""A server on this machine that stands in for a mirror of MNIST, well behaved or not."""

import gzip
import http.server
import threading
from collections.abc import Callable
from pathlib import Path

from .conftest import FILES


class Server(http.server.ThreadingHTTPServer):
    """Serves a small dataset; `misbehave` may answer a request in its place, and then returns True."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {f"/{name}.gz": gzip.compress((folder / "MNIST" / "raw" / name).read_bytes()) for name, _ in FILES}
        self.requests: list[str] = []
        self.misbehave: Callable[[Handler], bool] = lambda handler: False
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        if self.server.misbehave(self):
            return
        data = self.server.files[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass
