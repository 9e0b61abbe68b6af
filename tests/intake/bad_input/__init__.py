"""Every row of the list of bad input for the webhook endpoint, B1 to B58, as tables of cases."""

from __future__ import annotations

from tests.intake.bad_input.bodies import BODIES
from tests.intake.bad_input.envelopes import ENVELOPES
from tests.intake.bad_input.objects import OBJECTS
from tests.intake.bad_input.signatures import SIGNATURES
from tests.intake.bad_input.wire import WIRE

ROWS = [*SIGNATURES, *BODIES, *ENVELOPES, *OBJECTS, *WIRE]
