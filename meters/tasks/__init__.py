"""When things happen to meters, a file for each thing. Importing it registers them all."""

from __future__ import annotations

from meters.tasks import alarms as alarms
from meters.tasks import forwarding as forwarding
from meters.tasks import hearing as hearing
from meters.tasks import intervals as intervals
from meters.tasks import polling as polling
from meters.tasks import readings_in_out as readings_in_out
from meters.tasks import validation as validation
