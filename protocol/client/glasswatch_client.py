"""Receives what glasswatchd publishes, and sends it requests. Needs Debian's python3-numpy, python3-zmq and
python3-protobuf, and the modules that the build generates from the schemas (build/PRESET/generated) on PYTHONPATH.

    from glasswatch_client import ResultSubscriber, WholeMap
    scan = WholeMap()
    for topic, message, pixels in ResultSubscriber("tcp://127.0.0.1:7110"):
        if message.HasField("frame"):
            print(message.frame.sequence, message.frame.temperature.value_c)
        if message.HasField("map") and scan.add(message.map):
            print(scan["power 4"])  # (rows, columns), NaN where nothing has arrived
        if message.HasField("dynamics"):
            print(dynamics_maps(message.dynamics.cells)["tau_s"])  # (rows, columns), NaN where there is no fit
"""
import numpy as np
import zmq

from protocol.schema import control_pb2, results_pb2

SCHEMA_VERSION = 1


class ResultSubscriber:
    """Iterates over (topic, ResultMessage, pixels or None). Reconnects by itself. `missed` counts messages lost on this
    connection, by the daemon's sequence numbers; it means something when all topics are subscribed."""

    def __init__(self, endpoint, topics=("",)):
        self._socket = zmq.Context.instance().socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 100_000)
        for topic in topics:
            self._socket.setsockopt_string(zmq.SUBSCRIBE, topic)
        self._socket.connect(endpoint)
        self._expected = None
        self._last_frame = None
        self.missed = 0

    def next(self, timeout_s=None):
        """The next message, or None when none came in time. A frame that is repeated because somebody else joined is
        skipped when it has been seen."""
        while True:
            received = self._receive(timeout_s)
            if received is None or not received[1].HasField("frame"):
                return received
            frame = (received[1].frame.series_id, received[1].frame.sequence)
            seen = received[1].repeated and frame == self._last_frame
            self._last_frame = frame
            if not seen:
                return received

    def _receive(self, timeout_s):
        if not self._socket.poll(None if timeout_s is None else int(timeout_s * 1000)):
            return None
        parts = self._socket.recv_multipart()
        message = results_pb2.ResultMessage.FromString(parts[1])
        if self._expected is not None and message.daemon_id == self._expected[0]:
            self.missed += max(0, message.sequence - self._expected[1])
        self._expected = (message.daemon_id, message.sequence + 1)
        return parts[0].decode(), message, parts[2] if len(parts) > 2 else None

    def __iter__(self):
        while True:
            yield self.next()

    def close(self):
        self._socket.close(0)


class WholeMap:
    """A map put together from its updates: `map["power 4"]` is (rows, columns), NaN where nothing has arrived. An update of
    another series, size or list of channels begins it anew, and so does every one of tiles."""

    def __init__(self, kind=results_pb2.MapUpdate.SCAN):
        self.kind = kind
        self.channels = []
        self.values = np.empty((0, 0, 0), np.float32)  # (rows, columns, channels)
        self._identity = None

    def add(self, update):
        """Takes a MapUpdate; False where it is of the other kind."""
        if update.kind != self.kind:
            return False
        identity = (update.series_id, update.rows, update.columns, *update.channel)
        if identity != self._identity or update.kind == results_pb2.MapUpdate.TILES:
            self._identity = identity
            self.channels = list(update.channel)
            self.values = np.full((update.rows, update.columns, len(self.channels)), np.nan, np.float32)
        flat = self.values.reshape(-1, len(self.channels))
        flat[np.array(update.position, int)] = np.array(update.value, np.float32).reshape(-1, len(self.channels))
        return True

    def __getitem__(self, channel):
        return self.values[..., self.channels.index(channel)]


def dynamics_maps(maps):
    """The maps of a KwwMaps (`dynamics.cells` or `dynamics.pixels`) as (rows, columns) arrays by name: tau_s, beta, contrast,
    tau_sigma_s, beta_sigma and status (numbers of results_pb2.FitStatus), as far as the message carries them; g2 is
    (rows, columns, lags). Values without a usable fit are NaN, never zero. Raises ValueError where an array does not fit.

        maps = dynamics_maps(dynamics.cells)
        slow = maps["tau_s"] > 2 * dynamics.field.tau_s  # False where there is no fit
        print(np.nanmedian(maps["tau_s"]), np.mean(maps["status"] != results_pb2.FIT_CONVERGED))
    """
    shape = maps.rows, maps.columns
    arrays = {name: np.array(getattr(maps, name), np.float32)
              for name in ("tau_s", "beta", "contrast", "tau_sigma_s", "beta_sigma", "g2")}
    arrays["status"] = np.frombuffer(maps.status, np.uint8)
    return {name: array.reshape(shape + (-1,) if name == "g2" else shape) for name, array in arrays.items() if array.size}


def two_time_maps(two_time):
    """C(t1, t2) of a TwoTime by unit ("field", ...): (times, times) arrays, NaN on the diagonal; the times are
    `two_time.time_s`. Raises ValueError where the array does not fit."""
    times = len(two_time.time_s)
    arrays = np.array(two_time.correlation, np.float32).reshape(len(two_time.unit), times, times)
    return dict(zip(two_time.unit, arrays))


def ask(endpoint, command, timeout_s=5, **fields):
    """Sends one request, e.g. ask("tcp://127.0.0.1:7111", "status"); commands are the fields of control.Request, and what
    they take is given by name: ask(..., "change_symmetry", orders=[2, 4, 10], ring_min_inv_nm=3.8).
    Returns (Reply, frames): frames of a snapshot as FrameResults, oldest first. Raises TimeoutError or RuntimeError."""
    request = control_pb2.Request(schema_version=SCHEMA_VERSION, client="python")
    body = getattr(request, command)
    body.CopyFrom(type(body)(**fields))
    body.SetInParent()
    socket = zmq.Context.instance().socket(zmq.REQ)
    try:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(endpoint)
        socket.send(request.SerializeToString())
        if not socket.poll(int(timeout_s * 1000)):
            raise TimeoutError(f"no answer from {endpoint} within {timeout_s} s; is glasswatchd running?")
        parts = socket.recv_multipart()
    finally:
        socket.close(0)
    reply = control_pb2.Reply.FromString(parts[0])
    if reply.HasField("error"):
        raise RuntimeError(f"{control_pb2.Error.Code.Name(reply.error.code)}: {reply.error.message}")
    return reply, [results_pb2.ResultMessage.FromString(part).frame for part in parts[1:]]
