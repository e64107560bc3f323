"""Reads the streams of a simulator or a replay as any client would: Debian's own zmq and protobuf, none of our code."""
import time

import zmq
from google.protobuf.message import DecodeError
from processes import PATIENCE_S
from protocol.schema import streams_pb2


class Subscriber:
    """Both streams of a source; collects (StreamMessage, pixels) of each until as many series have ended, or, where
    several series follow one another, until nothing comes any more and `until()` holds."""

    def __init__(self, endpoints):
        self._context = zmq.Context()
        self._poller = zmq.Poller()
        for topic, endpoint in endpoints.items():
            socket = self._context.socket(zmq.SUB)
            socket.setsockopt(zmq.RCVHWM, 0)
            socket.subscribe(topic)
            socket.connect(endpoint)
            self._poller.register(socket, zmq.POLLIN)
        self._open = len(endpoints)
        self.on_first_frame = lambda: None

    def receive(self, until=None):
        received = {b"camera": [], b"environment": []}
        deadline = time.monotonic() + PATIENCE_S
        while until is not None or self._open > 0:
            ready = self._poller.poll(50)
            if not ready:
                if until is not None and until():
                    break
                if time.monotonic() > deadline:
                    raise AssertionError("the stream fell silent before its end")
                continue
            deadline = time.monotonic() + PATIENCE_S
            for socket, _ in ready:
                topic, header, *pixels = socket.recv_multipart()
                message = streams_pb2.StreamMessage()
                try:
                    message.ParseFromString(header)
                except DecodeError:  # a fault put there on purpose
                    message = None
                if message is not None and message.HasField("heartbeat"):
                    continue
                received[topic].append((message, pixels))
                if message is not None and message.HasField("series_end"):
                    self._open -= 1
                if message is not None and message.HasField("frame") and len(received[topic]) == 2:
                    self.on_first_frame()
        self._context.destroy(linger=0)
        return received[b"camera"], received[b"environment"]


def endpoints_of(process, *names):
    """The addresses that a program prints when it has opened them."""
    return {name: process.wait_line(lambda line, n=name: line.startswith(n + " "), name).split()[1] for name in names}
