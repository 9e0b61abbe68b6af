"""Our own SMTP client, for the final dot must be ours to hold: no stock client splits before and after it."""

from cocoonmail.transports.smtp.connection import SmtpConnection
from cocoonmail.transports.smtp.pool import SmtpPool
from cocoonmail.transports.smtp.probe import probe
from cocoonmail.transports.smtp.timeouts import PROBE_TIMEOUTS, Timeouts

__all__ = ["PROBE_TIMEOUTS", "SmtpConnection", "SmtpPool", "Timeouts", "probe"]
