"""The inside of `bench send`: queues messages, waits until the workers have sent them, prints figures as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from statistics import mean

import django

django.setup()

from django.db import connection  # noqa: E402 - needs the settings

from bench.result import CheckFailed  # noqa: E402
from bench.stage import cpu_seconds  # noqa: E402
from cocoonmail.contacts.models import Contact  # noqa: E402
from cocoonmail.emails.facts import facts_of  # noqa: E402
from cocoonmail.emails.letters import Letter, write  # noqa: E402
from cocoonmail.emails.models import EmailVersion, Message, Status  # noqa: E402
from cocoonmail.kit.clock import database_now  # noqa: E402
from cocoonmail.kit.secrets import new_token  # noqa: E402
from cocoonmail.loops.models import Loop  # noqa: E402

LATER = timedelta(days=1)
LOOK_EVERY = 0.2  # Seconds
INVOICE = {
    "amountPaidDisplay": "€24.00",
    "productName": "Acme Pro",
    "periodStartDisplay": "1 November 2026",
    "periodEndDisplay": "1 December 2026",
    "invoiceUrl": "https://invoice.stripe.com/i/acct_1/live_2",
    "lineItems": [
        {"description": "1 × Acme Pro (at €19.00 / month)", "amountDisplay": "€19.00"},
        {"description": "Extra seats", "amountDisplay": "€5.00"},
    ],
}


def main(number: int, count: int, patience: int, workers: list[int]) -> None:
    """One round: all messages become due in one moment, and the last outcome on disk ends it."""
    ids = queue(number, count)
    size = mean_size()
    begin, used = database_now(), sum(map(cpu_seconds, workers))
    Message.objects.filter(due_at__gt=begin + LATER / 2).update(due_at=begin)
    wait_until_sent(patience)
    cpu = round((sum(map(cpu_seconds, workers)) - used) / count * 1e6)
    sent = Message.objects.filter(pk__in=range(ids[0], ids[-1] + 1), status=Status.SENT)
    if (arrived := sent.count()) != count:
        raise CheckFailed(f"{count} messages were due and {arrived} are marked as sent.")
    end = sent.latest("sent_at").sent_at
    assert end is not None
    file = Path(os.environ["COCOONMAIL_DATA"]) / f"ids-{number}"
    file.write_text("\n".join(sent.values_list("message_id", flat=True)))
    print(json.dumps({"rate": count / (end - begin).total_seconds(), "bytes": size, "cpu": cpu, "ids": str(file)}))


def queue(number: int, count: int) -> list[int]:
    """Messages to distinct contacts, each with facts of its own. Returns their ids."""
    loop, version, now = Loop.objects.select_related("workspace").get(), EmailVersion.objects.get(), database_now()
    contacts = Contact.objects.bulk_create(
        [
            Contact(
                workspace=loop.workspace,
                email=(email := f"ada{number}x{at}@example.com"),
                email_key=email,
                first_name=f"Ada{at}",
                last_name="Lovelace",
                created_at=now,
                updated_at=now,
            )
            for at in range(count)
        ],
        batch_size=1000,
    )
    messages = Message.objects.bulk_create(
        [
            Message(
                workspace=loop.workspace,
                contact=contact,
                version=version,
                key=f"bench:{number}:{at}",
                loop_id=loop.pk,
                step="email-1",
                kind=version.compiled["kind"],
                to_email=contact.email,
                facts=facts_of(loop.workspace, contact, {**INVOICE, "invoiceNumber": f"ACME-{number}-{at}"}),
                token=new_token(),
                due_at=now + LATER,
                created_at=now,
            )
            for at, contact in enumerate(contacts)
        ],
        batch_size=1000,
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return [message.pk for message in messages]


def mean_size() -> int:
    """The bytes of a message."""
    sizes = []
    for message in Message.objects.select_related("version", "contact", "workspace").order_by("-pk")[:20]:
        letter = write(message)
        assert isinstance(letter, Letter)
        sizes.append(len(letter.data))
    return round(mean(sizes))


def wait_until_sent(patience: int) -> None:
    """Return once no message is due or on its way."""
    end = time.monotonic() + patience
    while Message.objects.filter(due_at__isnull=False).exists():
        if time.monotonic() > end:
            raise CheckFailed(f"After {patience} s there were still messages to send.")
        time.sleep(LOOK_EVERY)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), [int(pid) for pid in sys.argv[4:]])
