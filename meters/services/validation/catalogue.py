"""The validation catalogue: what each named rule checks, for whom, and with which parameters.

A rule is an entry here and a function of the same name in `checks`. The defaults were chosen by
reason, one set for every meter of a kind; the series a figure was checked against is named in its
`reason`. The names are those of the trade (Oracle MDM's and Itron's rules, California's checks).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from meters.errors import WrongParameters
from meters.models import MeterKind, RuleCode, Severity

Words = str | Promise
ENERGY, WATER, SOLAR = MeterKind.ENERGY, MeterKind.WATER, MeterKind.SOLAR
EVERY_KIND: Final = (ENERGY, WATER, SOLAR)
LONGEST_REACH_DAYS: Final = 28


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a tenant may change, with its unit and bounds."""

    name: str
    label: Words
    default: float
    unit: str
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule of the catalogue. `reach_days`: how far on a reading may change a verdict."""

    code: RuleCode
    what: Words
    severity: Severity
    parameters: tuple[Parameter, ...]
    source: Words
    reason: str = ""
    kinds: tuple[MeterKind, ...] = EVERY_KIND
    looks_at: Literal["readings", "intervals"] = "readings"
    needs: Words = ""
    reach_days: int = 1
    can_leave_out: bool = False  # whether leaving out the stretch's readings is an answer

    @property
    def can_estimate(self) -> bool:
        """Whether filling the stretch like similar days is an answer."""
        return self.can_leave_out or self.code == RuleCode.MISSING_INTERVALS

    @property
    def name(self) -> Words:
        return self.code.label

    @property
    def defaults(self) -> dict[str, float]:
        return {parameter.name: parameter.default for parameter in self.parameters}


def _one(
    name: str, label: Words, default: float, unit: str, lowest: float, highest: float
) -> Parameter:
    return Parameter(name, label, default, unit, lowest, highest)


ORACLE: Final = "Oracle MDM"
ITRON: Final = "Itron IEE"
CALIFORNIA: Final = "California DASR checks"

_ENTRIES: Final = (
    Entry(
        RuleCode.MISSING_INTERVALS,
        _("Nothing was said for longer than expected, between two readings."),
        Severity.WARN,
        (
            _one("at_least_minutes", _("Silence of at least"), 60, "min", 1, 44_640),
            _one("missed_readings", _("And readings missed"), 2, "1", 1, 10_000),
        ),
        f"{ORACLE}: Consecutive Interval Check; {ITRON}: Gap Check",
        "An hour is what linear estimation bridges without anybody minding.",
    ),
    Entry(
        RuleCode.DUPLICATE,
        _("A second, different value came for an instant that was already known."),
        Severity.WARN,
        (_one("at_least", _("Second values on one day, at least"), 1, "1", 1, 10_000),),
        f"{ORACLE}: Duplicate IMD Check",
    ),
    Entry(
        RuleCode.INACTIVE,
        _("An active, installed meter has said nothing for days."),
        Severity.FAIL,
        (_one("days", _("Silence of"), 3, "d", 1, 366),),
        f"{ORACLE}: Inactive Measurement Check",
    ),
    Entry(
        RuleCode.INTERVAL_SIZE,
        _("Readings come more or less often than this meter is said to send them."),
        Severity.INFO,
        (_one("percent", _("Usual distance differs by more than"), 50, "%", 5, 1_000),),
        f"{ORACLE}: Interval Size Validation",
        needs=_("meters with an expected distance of readings"),
    ),
    Entry(
        RuleCode.CLOCK,
        _("A reading carries a time later than the one at which it arrived."),
        Severity.WARN,
        (_one("minutes", _("Ahead by more than"), 3, "min", 1, 60),),
        f"{CALIFORNIA}: time check of meter (±3 min)",
        "Only a clock that is ahead can be told from readings that came late.",
        can_leave_out=True,
    ),
    Entry(
        RuleCode.HIGH_LOW,
        _("A whole day used far more or less than this meter's average daily use."),
        Severity.WARN,
        (
            _one("high_times", _("More than so many times the average"), 3, "×", 1.1, 100),
            _one("low_percent", _("Less than this share of the average"), 10, "%", 0, 90),
            _one("at_least_days", _("Complete days to compare with"), 7, "d", 3, 28),
        ),
        f"{ORACLE}: High/Low Check (ADU-normalised); {CALIFORNIA}: high/low usage",
        kinds=(ENERGY, WATER),
        looks_at="intervals",
        reach_days=LONGEST_REACH_DAYS,
        can_leave_out=True,
    ),
    Entry(
        RuleCode.INTERVAL_SPIKE,
        _("The highest quarter-hour of a day stands far above the third-highest."),
        Severity.INFO,
        (
            _one("percent", _("Above the third-highest by more than"), 180, "%", 10, 10_000),
            _one("at_least_quarters", _("Quarter-hours known on that day"), 48, "1", 3, 100),
        ),
        f"{ORACLE}: Interval Spike Check; {CALIFORNIA}: spike check (1st − 3rd) / 3rd > 180 %",
        looks_at="intervals",
        can_leave_out=True,
    ),
    Entry(
        RuleCode.SPIKE,
        _("One reading leaves both of its neighbours and comes back at once."),
        Severity.INFO,
        (
            _one(
                "percent_of_peak",
                _("Leaves by more than this share of the usual peak"),
                30,
                "%",
                1,
                1_000,
            ),
            _one(
                "times_step",
                _("And by more than so many times what is usual nearby"),
                5,
                "×",
                1,
                1_000,
            ),
        ),
        _("Hampel's identifier, on steps instead of levels"),
        "30 % of the peak is beyond what a class 2 meter can err; five usual steps, and five times "
        "what nine in ten of the readings nearby leap, keep most kettles and clouds from being "
        "one. A notice only: a single reading changes no bill that rests on a register. Tried on "
        "the labelled photovoltaic outliers and on an unlabelled, cloudy series.",
        reach_days=2,
        can_leave_out=True,
    ),
    Entry(
        RuleCode.STUCK_VALUE,
        _("The meter goes on answering, but no value it gives moves any more."),
        Severity.FAIL,
        (
            _one("at_least_hours", _("Unmoved for at least"), 3, "h", 0.25, 744),
            _one("at_least_readings", _("And in at least so many readings"), 6, "1", 3, 100_000),
        ),
        "pvanalytics: stale values; MDM: Static Value Check",
        "Zero is not stuck (nothing is used), and a meter of which any other value moves is "
        "alive. An inverter at its limit repeats itself for an hour or two, not for three.",
        can_leave_out=True,
    ),
    Entry(
        RuleCode.ZERO_CONSUMPTION,
        _("A meter that is used every day counts nothing at all, and there was no outage."),
        Severity.WARN,
        (
            _one("at_least_hours", _("Nothing for at least"), 24, "h", 1, 744),
            _one("used_days", _("Used on so many of the seven days before"), 5, "d", 1, 7),
        ),
        f"{ORACLE}: Zero Consumption Check (suppressed by an outage)",
        "A day and a night: a photovoltaic system makes nothing for as long as 15 hours.",
        looks_at="intervals",
        reach_days=8,
        can_leave_out=True,
    ),
    Entry(
        RuleCode.NEGATIVE_CONSUMPTION,
        _("Power or flow is negative on a meter that counts one way only."),
        Severity.FAIL,
        (
            _one(
                "percent_of_peak",
                _("Below zero by more than this share of the usual peak"),
                5,
                "%",
                0,
                99,
            ),
            _one("at_least_minutes", _("For at least"), 5, "min", 0, 1_440),
        ),
        f"{ORACLE}: Negative Consumption Check",
        "A current transformer that is put on backwards. A solar system may draw a little at "
        "night: 5 % of its peak is let through.",
        needs=_("meters without a register of energy given away"),
        reach_days=2,
        can_leave_out=True,
    ),
    Entry(
        RuleCode.PROLONGED_ESTIMATION,
        _("Use has been estimated for a long stretch without a measurement."),
        Severity.WARN,
        (_one("at_least_hours", _("Estimated for at least"), 24, "h", 1, 744),),
        f"{ORACLE}: Prolonged Estimation Check",
        looks_at="intervals",
    ),
    Entry(
        RuleCode.SUM_CHECK,
        _("The quarter-hours of a day do not add up to the difference of the register."),
        Severity.FAIL,
        (
            _one("percent", _("Differ by more than"), 1, "%", 0.01, 100),
            _one(
                "at_least_steps",
                _("And by more than so many last digits of the register"),
                2,
                "1",
                1,
                99,
            ),
        ),
        f"{ORACLE}: Sum Check; {CALIFORNIA}: sum check",
        "Suppressed where a register event explains the difference.",
        needs=_("meters with a register"),
    ),
    Entry(
        RuleCode.MULTIPLIER,
        _("Over a day, power times time and the register tell different stories."),
        Severity.FAIL,
        (
            _one("percent", _("Differ by more than"), 25, "%", 1, 1_000),
            _one(
                "at_least_steps", _("Register moved by so many last digits"), 100, "1", 1, 1_000_000
            ),
        ),
        f"{ORACLE}: Multiplier Check",
        "A wrong transformer ratio or word order is off by far more than 25 %.",
        needs=_("meters that send a register and power or flow"),
    ),
    Entry(
        RuleCode.SCALE_JUMP,
        _("From one day to the next every value is ten or a thousand times as large or as small."),
        Severity.FAIL,
        (
            _one("percent", _("Off the power of ten by less than"), 20, "%", 1, 60),
            _one("at_least_days", _("Steady days before"), 5, "d", 3, 28),
        ),
        _("Scale errors, as in Wiener Netze"),
        looks_at="intervals",
        kinds=(ENERGY, WATER),
        reach_days=LONGEST_REACH_DAYS,
        can_leave_out=True,
    ),
    Entry(
        RuleCode.PLAUSIBILITY,
        _("A value that its unit does not allow: voltage, frequency or power factor."),
        Severity.FAIL,
        (
            _one("lowest_voltage_v", _("Voltage not below, unless it is out"), 80, "V", 0, 1_000),
            _one("highest_voltage_v", _("Voltage not above"), 480, "V", 10, 100_000),
            _one("lowest_frequency_hz", _("Frequency not below"), 45, "Hz", 0, 60),
            _one("highest_frequency_hz", _("Frequency not above"), 65, "Hz", 50, 500),
            _one("highest_power_factor", _("Power factor not beyond"), 1.05, "1", 1, 2),
        ),
        f"{ORACLE}: Unit of Measure Check",
        "Not the quality of supply, which is judged elsewhere: what no network delivers. Under "
        "10 V the network is out, which is no fault of the meter.",
        can_leave_out=True,
    ),
    Entry(
        RuleCode.DYNAMIC_COMPARISON,
        _("An hour is far from the same hour of similar days in the four weeks before."),
        Severity.WARN,
        (
            _one(
                "times", _("Off the median by more than so many times the spread"), 6, "×", 2, 100
            ),
            _one(
                "least_spread_percent",
                _("A spread of at least this share of the median"),
                1,
                "%",
                0,
                100,
            ),
            _one("at_least_days", _("Similar days to compare with"), 3, "d", 3, 28),
        ),
        f"{ORACLE}: Dynamic Comparison Validation",
        "Median and MAD instead of mean and deviation, so that a fault does not widen what is "
        "normal afterwards. A class 1 meter errs by 1 %. Looked at the water main's series.",
        kinds=(ENERGY, WATER),
        looks_at="intervals",
        reach_days=LONGEST_REACH_DAYS,
        can_leave_out=True,
    ),
    Entry(
        RuleCode.SILENT_PHASE,
        _("A phase says nothing, or has no voltage, while the others speak."),
        Severity.WARN,
        (
            _one("at_least_minutes", _("For at least"), 30, "min", 1, 1_440),
            _one("dead_percent", _("Dead below this share of the highest phase"), 20, "%", 0, 90),
        ),
        f"{ORACLE}: Ensure IMD Exists for Sibling MCs",
        kinds=(ENERGY, SOLAR),
        needs=_("meters of two or three phases"),
        reach_days=8,
    ),
    Entry(
        RuleCode.DEMAND_LIMIT,
        _("A quarter-hour used more than the meter can deliver or let through."),
        Severity.FAIL,
        (_one("percent", _("More than this share of the meter's limit"), 100, "%", 1, 1_000),),
        f"{ITRON}: Demand High Limit",
        looks_at="intervals",
        needs=_("meters with a limit"),
        can_leave_out=True,
    ),
    Entry(
        RuleCode.REGISTER_FALL,
        _("The register shows less than before, and nobody has said why."),
        Severity.FAIL,
        (
            _one(
                "at_least_steps",
                _("By at least so many last digits of the register"),
                1,
                "1",
                1,
                10**9,
            ),
        ),
        f"{CALIFORNIA}: pulse overflow",
        "Suppressed where a register event explains it.",
        needs=_("meters with a register"),
    ),
)
CATALOGUE: Final[dict[str, Entry]] = {entry.code.value: entry for entry in _ENTRIES}


def checked(code: str, given: Mapping[str, Any]) -> dict[str, float]:
    """The rule's parameters, the given ones over the defaults; raises WrongParameters."""
    entry = CATALOGUE[code]
    known = {parameter.name: parameter for parameter in entry.parameters}
    found = dict(entry.defaults)
    for name, value in given.items():
        parameter = known.get(name)
        if parameter is None:
            raise WrongParameters(
                _("“%(rule)s” has no parameter “%(name)s”.") % {"rule": entry.name, "name": name}
            )
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not _fits(parameter, value)
        ):
            raise WrongParameters(
                _("“%(label)s” must be a number from %(lowest)s to %(highest)s %(unit)s.")
                % {
                    "label": parameter.label,
                    "lowest": f"{parameter.lowest:g}",
                    "highest": f"{parameter.highest:g}",
                    "unit": "" if parameter.unit == "1" else parameter.unit,
                }
            )
        found[name] = value
    return found


def _fits(parameter: Parameter, value: Any) -> bool:  # Any: it came as JSON
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and parameter.lowest <= value <= parameter.highest  # never true of NaN
