"""A name server of our own, that answers TXT questions over UDP, TCP not needed, with what a test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from dns import flags, message, rcode, rrset
from dns.asyncresolver import Resolver

from cocoonmail.emails import dnslookup
from cocoonmail.emails.dkimkeys import in_strings

SILENT = "silent"  # A name with this record gets no answer
BROKEN = "broken"  # A name with this one gets SERVFAIL

Zone = Mapping[str, list[str]]


@contextmanager
def name_server(zone: Zone, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Answer from `zone` (names without a dot at the end, records as text), and let our look-ups ask here."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(listening, zone))
        thread.start()
        resolver = Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], listening.getsockname()[1]
        # Where a name gets no answer, a test waits for it; where all do, a busy machine may take its time.
        waits = [SILENT] in zone.values()
        resolver.timeout, resolver.lifetime = (0.3, 0.6) if waits else (10, 20)
        patch.setattr(dnslookup, "resolver_of_this_machine", lambda: resolver)
        try:
            yield
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", listening.getsockname())
            thread.join(10)


def _serve(listening: socket.socket, zone: Zone) -> None:
    while True:
        data, sender = listening.recvfrom(4096)
        if not data:
            return
        question = message.from_wire(data)
        name = question.question[0].name
        records = zone.get(name.to_text(omit_final_dot=True), [])
        if records == [SILENT]:
            continue
        answer = message.make_response(question)
        answer.flags |= flags.RA
        if records == [BROKEN]:
            answer.set_rcode(rcode.SERVFAIL)
        elif records:
            answer.answer.append(rrset.from_text(name, 60, "IN", "TXT", *map(in_strings, records)))
        else:
            answer.set_rcode(rcode.NXDOMAIN)
        listening.sendto(answer.to_wire(), sender)
