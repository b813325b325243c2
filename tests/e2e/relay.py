"""A RADIUS client's way to the server, on which a test can act between two packets."""

import select
import socket
import threading

ACCESS_REQUEST, ACCESS_ACCEPT, ACCESS_REJECT, ACCESS_CHALLENGE = 1, 2, 3, 11


class Relay:
    """Passes packets on between clients of `.port` and the server at `port`.

    `on_answer(code)` is called for each answer before the client gets it: whatever it does has
    happened when the client sends its next packet.  `codes` are those of the answers so far.
    """

    def __init__(self, port, on_answer=lambda code: None):
        self._on_answer = on_answer
        self._down = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._down.bind(("127.0.0.1", 0))
        self.port = self._down.getsockname()[1]
        self._up = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._up.connect(("127.0.0.1", port))
        self._wake, self._stop = socket.socketpair()
        self._client = None
        self.codes = []
        self.error = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.close()
        self._thread.join()
        for s in (self._down, self._up, self._wake):
            s.close()
        if self.error is not None:
            raise self.error

    def _run(self):
        try:
            while self._pass_on():
                pass
        except Exception as error:  # shown by the test, which waits for the client meanwhile
            self.error = error

    def _pass_on(self):
        ready, _, _ = select.select([self._down, self._up, self._wake], [], [])
        if self._down in ready:
            packet, self._client = self._down.recvfrom(65536)
            self._up.send(packet)
        if self._up in ready:
            packet = self._up.recv(65536)
            self.codes.append(packet[0])
            self._on_answer(packet[0])
            self._down.sendto(packet, self._client)
        return self._wake not in ready
