"""A gate in front of a server, through which all bytes go until it is shut: then both ends still seem to be there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

BYTES = 65536


@dataclass
class Gate:
    """Listens on `port` of 127.0.0.1 and passes everything on to the server's."""

    server_port: int
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    passing: threading.Event = field(default_factory=threading.Event)
    through: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self.listener.getsockname()[1]
        return port

    def shut(self) -> None:
        """From now on nothing passes, and nobody is told: connections stay, new ones are taken, bytes are swallowed."""
        self.passing.clear()

    def open(self) -> None:
        """What was held back goes on its way, and everything after it."""
        self.passing.set()

    def cut(self) -> None:
        """End every connection, as a machine does that comes back and knows nothing of them."""
        through, self.through = self.through, []
        for one in through:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def listen(self) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self.server_port))
                except ConnectionRefusedError:
                    near.close()
                    continue
                self.through += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(BYTES):
                self.passing.wait()
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def gate(server_port: int) -> Iterator[Gate]:
    """An open one."""
    made = Gate(server_port)
    made.open()
    listening = threading.Thread(target=made.listen, daemon=True)
    listening.start()
    with closing(made.listener):
        yield made
        made.open()
        made.cut()
        made.listener.shutdown(socket.SHUT_RDWR)
    listening.join()
