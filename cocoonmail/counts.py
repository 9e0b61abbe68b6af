"""All that a process counts of its own work, in one list. What the database is asked instead: watch/backlog.py."""

from __future__ import annotations

from cocoonmail.kit.metrics import Counter, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
STAGES = ("process", "advance", "send")

# The web process
RECEIVED = Counter(
    "cocoonmail_deliveries",
    "Webhooks that were stored and answered 200, by what they were.",
    "result",
    ("new", "duplicate", "ignored", "gone"),
)
REFUSED = Counter("cocoonmail_deliveries_refused", "Webhooks that were turned away, by the answer's code.", "code")
INTAKE_COMMIT = Histogram("cocoonmail_intake_commit_seconds", "From a batch of webhooks to its commit.", SECONDS)
INTAKE_BATCH = Histogram("cocoonmail_intake_batch_webhooks", "Webhooks that were one transaction.", ROWS)

# The worker
BATCH = Histogram("cocoonmail_batch_rows", "Rows that were claimed at once, by stage.", ROWS, "stage", STAGES)
BATCH_SECONDS = Histogram(
    "cocoonmail_batch_seconds", "From a claim to the commit of its work, by stage.", SECONDS, "stage", STAGES[:2]
)
PROCESSED = Counter("cocoonmail_deliveries_processed", "Webhooks that were processed, by their state then.", "state")
RUNS = Counter("cocoonmail_runs", "Runs that began or were moved on.", "move", ("began", "advanced"))
MESSAGES = Counter("cocoonmail_messages_created", "Messages that runs made.")
OUTCOMES = Counter(
    "cocoonmail_sending_outcomes",
    "What became of tries to send a message.",
    "outcome",
    ("accepted", "captured", "deferred", "refused", "unknown", "held", "postponed"),
)
MARKS = Counter(
    "cocoonmail_sending_marks",
    "What was answered when all but a message's final dot was handed over: may it follow?",
    "answer",
    ("go", "refused", "lost", "soon", "later"),
)
UNKNOWN = Counter(
    "cocoonmail_messages_unknown",
    "Messages that may or may not have been sent, by why nobody knows.",
    "cause",
    ("no_answer", "worker_vanished"),
)
LEDGER_COMMIT = Histogram(
    "cocoonmail_ledger_commit_seconds", "From a batch of marks and outcomes to its commit.", SECONDS
)
LEDGER_BATCH = Histogram("cocoonmail_ledger_batch_entries", "Marks and outcomes that were one transaction.", ROWS)
LEASES_LOST = Counter(
    "cocoonmail_leases_lost", "Rows that another worker had taken over meanwhile, by stage.", "stage", STAGES
)
ROWS_FAILED = Counter("cocoonmail_rows_failed", "Tries of a single row that raised, by stage.", "stage", STAGES[:2])
ROWS_GIVEN_UP = Counter("cocoonmail_rows_given_up", "Rows given up after their last try.", "stage", STAGES[:2])
TEMPLATE_STOPS = Counter("cocoonmail_template_stops", "Messages held because their template took too much.")

# Both
DATABASE_ERRORS = Counter(
    "cocoonmail_database_errors", "Times that the database did not answer, by who had asked.", "asker"
)

WEB: tuple[Counter | Histogram, ...] = (RECEIVED, REFUSED, INTAKE_COMMIT, INTAKE_BATCH, DATABASE_ERRORS)
WORKER: tuple[Counter | Histogram, ...] = (
    BATCH,
    BATCH_SECONDS,
    PROCESSED,
    RUNS,
    MESSAGES,
    OUTCOMES,
    MARKS,
    UNKNOWN,
    LEDGER_COMMIT,
    LEDGER_BATCH,
    LEASES_LOST,
    ROWS_FAILED,
    ROWS_GIVEN_UP,
    TEMPLATE_STOPS,
    DATABASE_ERRORS,
)

# When each hand of a worker last came round, on the machine's monotonic clock: who hangs does not come round.
TURNED: dict[str, float] = {}
