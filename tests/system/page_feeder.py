"""Serves the dashboard's page from the source tree and feeds it whatever a test wants, in place of a daemon: the standard
library alone, so that it shares no code with the server it stands for."""
import base64
import hashlib
import http.server
import json
import struct
import threading
from pathlib import Path

import numpy as np
from google.protobuf.json_format import MessageToJson

PAGE = Path(__file__).resolve().parents[2] / "daemon/dashboard/page"
CHART_JS = [Path(folder) / "chart.js/chart.min.js" for folder in ("/usr/share/javascript", "/usr/local/share/javascript")]
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
WEBSOCKET_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
TEXT, BINARY = 1, 2


def as_json(message):
    return MessageToJson(message, preserving_proto_field_name=True, including_default_value_fields=True, indent=0)


def binary(header, *arrays):
    """A binary message as daemon/dashboard/README.md describes it."""
    header = header.encode()
    return struct.pack("<I", len(header)) + header + b"".join(array.tobytes() for array in arrays)


def map_message(message):
    """A ResultMessage with a map as the page gets it: arrays behind the header."""
    positions = np.array(message.map.position, "<u4")
    values = np.array(message.map.value, "<f4")
    header = type(message)()
    header.CopyFrom(message)
    header.map.ClearField("position")
    header.map.ClearField("value")
    return binary(as_json(header), positions, values)


CELL_ARRAYS = ("tau_s", "beta", "contrast", "tau_sigma_s", "beta_sigma")
PIXEL_ARRAYS = ("tau_s", "beta", "contrast")


def dynamics_message(message):
    """A ResultMessage with dynamics as the page gets it: maps behind the header, which keeps the status of the fits."""
    arrays = []
    header = type(message)()
    header.CopyFrom(message)

    def move(part, name, size):
        values = np.array(getattr(part, name), "<f4")
        arrays.append(values if values.size else np.full(size, np.nan, "<f4"))
        part.ClearField(name)

    dynamics = header.dynamics
    for part, names in (("cells", CELL_ARRAYS), ("pixels", PIXEL_ARRAYS)):
        if dynamics.HasField(part):
            maps = getattr(dynamics, part)
            for name in names:
                move(maps, name, maps.rows * maps.columns)
    if dynamics.HasField("two_time"):
        move(dynamics.two_time, "correlation", len(dynamics.two_time.unit) * len(dynamics.two_time.time_s)**2)
    return binary(as_json(header), *arrays)


def image_message(header, pixels):
    """A DisplayFrame (a dictionary) with its pixels."""
    return binary(json.dumps(header), np.ascontiguousarray(pixels, np.uint8))


class Feeder:
    """Use as a context manager; `url` is the page's. Clients that join get `welcome` (texts and bytes) first."""

    def __init__(self):
        self.welcome = []
        self._clients = []
        self._lock = threading.Lock()
        feeder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # as a WebSocket needs it

            def do_GET(self):
                if self.path == "/stream":
                    feeder._stream(self)
                else:
                    feeder._page(self)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def send(self, message):
        """A text (str) or a binary message (bytes) to every page."""
        with self._lock:
            for client in self._clients:
                client.write(self._frame(message))

    def send_result(self, message):
        encode = {"map": map_message, "dynamics": dynamics_message}.get(message.WhichOneof("body"), as_json)
        self.send(encode(message))

    def _page(self, request):
        name = "index.html" if request.path == "/" else request.path.lstrip("/")
        path = next(p for p in CHART_JS if p.exists()) if name == "vendor/chart.min.js" else PAGE / name
        content = path.read_bytes() if path.is_file() else b""
        request.send_response(200 if content else 404)
        request.send_header("Content-Length", str(len(content)))
        request.send_header("Content-Type", TYPES.get(path.suffix, "text/plain"))
        request.send_header("Content-Security-Policy", "default-src 'self'; connect-src 'self' ws://" + request.headers["Host"])
        request.end_headers()
        request.wfile.write(content)

    def _stream(self, request):
        key = base64.b64encode(hashlib.sha1((request.headers["Sec-WebSocket-Key"] + WEBSOCKET_KEY).encode()).digest())
        request.send_response(101)
        request.send_header("Upgrade", "websocket")
        request.send_header("Connection", "Upgrade")
        request.send_header("Sec-WebSocket-Accept", key.decode())
        request.end_headers()
        with self._lock:
            for message in self.welcome:
                request.wfile.write(self._frame(message))
            self._clients.append(request.wfile)
        while request.rfile.read(1):  # until the page goes
            pass
        with self._lock:
            self._clients.remove(request.wfile)

    @staticmethod
    def _frame(message):
        """One WebSocket frame, unmasked as servers send it (RFC 6455, section 5.2)."""
        payload, kind = (message.encode(), TEXT) if isinstance(message, str) else (message, BINARY)
        size = len(payload)
        if size < 126:
            length = bytes([size])
        elif size < 1 << 16:
            length = bytes([126]) + struct.pack(">H", size)
        else:
            length = bytes([127]) + struct.pack(">Q", size)
        return bytes([0x80 | kind]) + length + payload
