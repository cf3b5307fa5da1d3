"""Carries HTTP to a Bridge. Subclass `before` and `after` to make it misbehave."""

import json
import logging
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from evolution.sandbox import bodies
from evolution.sandbox.bridge import Answer, Bridge

logger = logging.getLogger(__name__)

MAX_BODY = 70_000_000  # a file of 50 MB, in base64
DROP = "drop"  # close the connection without an answer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Sandbox", ""
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one write
    timeout = 75
    server: "_Server"

    def do_GET(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            return self._refuse(413, "request entity too large")
        if "Transfer-Encoding" in self.headers:
            return self._refuse(400, "chunked bodies are not read here")
        raw = self.rfile.read(int(length))
        answer = self.server.owner.answer(
            self.command, self.path, raw, self.headers.get("apikey", "")
        )
        if answer == DROP:
            self.close_connection = True
        else:
            self._write(*answer)

    do_POST = do_DELETE = do_PUT = do_GET

    def _refuse(self, status: int, message: str) -> None:
        self.close_connection = True
        self._write(status, bodies.error(status, message))

    def _write(self, status: int, body: Any) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
    block_on_close = False
    owner: "BridgeServer"

    def __init__(self, address: tuple[str, int]) -> None:
        self.open_sockets: set[socket.socket] = set()
        super().__init__(address, Handler)

    def process_request(self, request: socket.socket, address: Any) -> None:
        self.open_sockets.add(request)
        super().process_request(request, address)

    def shutdown_request(self, request: socket.socket) -> None:
        self.open_sockets.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: socket.socket, address: Any) -> None:
        # A client that went away is everyday; what we did wrong was logged before.
        logger.debug("A connection from %s ended badly", address)

    def hang_up(self) -> None:
        for connection in list(self.open_sockets):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # gone already


class BridgeServer:
    """A Bridge behind a port; port 0 takes any free one."""

    def __init__(self, bridge: Bridge, port: int = 0, host: str = "127.0.0.1") -> None:
        self.bridge = bridge
        self._server = _Server((host, port))
        self._server.owner = self
        self.port = self._server.server_address[1]
        self.url = f"http://{host}:{self.port}"
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._server.serve_forever, args=(0.05,), daemon=True
            ),
            threading.Thread(target=self._tick, daemon=True),
        ]

    def before(self, method: str, path: str, body: Any) -> Answer | str | None:
        """Answer in the bridge's place, or `DROP`, before it learns of the request."""

    def after(
        self, method: str, path: str, body: Any, answer: Answer
    ) -> Answer | str | None:
        """Replace the bridge's answer, or `DROP`, after it did what was asked."""

    def answer(self, method: str, path: str, raw: bytes, api_key: str) -> Answer | str:
        try:
            body = json.loads(raw) if raw else None
        except ValueError as error:
            problem = bodies.error(400, str(error))
            return 400, problem | {"error": "Internal Server Error"}
        try:
            early = self.before(method, path, body)
            if early is not None:
                return early
            answer = self.bridge.handle(method, path, body, api_key)
            return self.after(method, path, body, answer) or answer
        except Exception as error:
            logger.exception("The sandbox failed at %s %s", method, path)
            return HTTPStatus.INTERNAL_SERVER_ERROR, bodies.error(500, str(error))

    def start(self) -> "BridgeServer":
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        for thread in self._threads:
            thread.join(timeout=5)

    def __enter__(self) -> "BridgeServer":
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _tick(self) -> None:
        while not self._stopping.wait(0.02):
            self.bridge.tick()
