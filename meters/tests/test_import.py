from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.utils.translation import override

from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import Meter, MeteringPoint, Reading, Retention
from meters.selectors.energy import metered_energy
from meters.testing import make_meter, make_metering_point

pytestmark = pytest.mark.commits
DATA = Path(__file__).parents[1] / "data"
TODAY = datetime.now(ZoneInfo("America/Sao_Paulo")).replace(
    hour=0, minute=0, second=0, microsecond=0
)
START = TODAY - timedelta(days=400)


def new_meter(tenant: Tenant, **fields: object) -> tuple[Meter, MeteringPoint]:
    with acting_for(tenant.pk):
        point = make_metering_point(tenant=tenant)
        return make_meter(tenant=tenant, metering_point=point, **fields), point


def run(file: Path, *options: str) -> str:
    out = StringIO()
    with override("en"):
        call_command("import_readings", str(file), *options, stdout=out)
    return out.getvalue()


def test_the_household_file_is_billed_to_the_wh(acacia: Tenant) -> None:
    meter, point = new_meter(acacia, serial="HOUSE", sample_seconds=60)
    file = DATA / "household_power_1min.csv"

    first = run(file, "--meter=HOUSE", f"--starts-at={START.isoformat()}")
    again = run(file, "--meter=HOUSE", f"--starts-at={START.isoformat()}")

    assert "2880 accepted, 0 duplicates" in first
    assert "0 accepted, 2880 duplicates" in again
    lines = file.read_text().splitlines()[1:]
    exact = sum(Decimal(line.split(",")[1]) for line in lines) * 60 / 3_600
    with acting_for(acacia.pk):
        used = metered_energy([point.pk], Period(START, START + timedelta(days=2)))[point.pk]
    assert used.energy_wh == int(exact + Decimal("0.5")) == 58_208
    assert used.completeness_percent == 100
    assert meter.kind == "energy"


def test_the_water_main_loses_nothing_at_the_clock_change(acacia: Tenant) -> None:
    _meter, point = new_meter(acacia, serial="MAIN", kind="water", sample_seconds=3_600)
    file = DATA / "water_main_flow_1h.csv"

    assert "1268 accepted" in run(file, "--meter=MAIN", f"--starts-at={START.isoformat()}")

    lines = file.read_text().splitlines()[1:]
    exact = sum(Decimal(line.split(",")[1]) for line in lines) * 3_600
    period = Period(START, START + timedelta(days=60))
    with acting_for(acacia.pk):
        used = metered_energy([point.pk], period)[point.pk]
    assert used.evidence["seconds_covered"] == 1_268 * 3_600
    assert used.volume_l == pytest.approx(float(exact), abs=1)


def test_a_photovoltaic_system_exports(acacia: Tenant) -> None:
    _meter, point = new_meter(acacia, serial="PV", kind="solar", sample_seconds=900)

    out = run(DATA / "pv_ac_power_15min.csv", "--meter=PV", f"--starts-at={START.isoformat()}")

    assert "ac_power → power_w" in out
    with acting_for(acacia.pk):
        used = metered_energy([point.pk], Period(START, START + timedelta(days=200)))[point.pk]
    assert used.energy_export_wh > 1_000_000
    assert 0 < used.evidence["seconds_covered"] <= 10_002 * 900


def test_a_dry_run_stores_nothing_and_passes_over_empty_cells(acacia: Tenant) -> None:
    new_meter(acacia, serial="LABEL")

    out = run(
        DATA / "pv_stale_labels.csv",
        "--meter=LABEL",
        "--column=value_normalized=power_w",
        f"--starts-at={START.isoformat()}",
        "--dry-run",
    )

    assert "1851 readings are new; nothing was stored." in out
    with acting_for(acacia.pk):
        assert Reading.objects.count() == 0


GOOD = "measured_at,power_w\n2026-01-01T00:00:00Z,1\n"
BAD = {
    "no file": (None, (), "cannot be read"),
    "no meter": (GOOD, ("--meter=NOBODY",), "no meter NOBODY"),
    "no time": ("when,power_w\n1,2\n", (), "no time column"),
    "no quantity": ("measured_at,x\n2026-01-01T00:00:00Z,2\n", (), "No column is a known"),
    "text": (GOOD + "2026-01-01T00:01:00Z,much\n", (), "Line 3: “much”"),
    "infinite": (GOOD + "2026-01-01T00:01:00Z,inf\n", (), "Line 3: “inf”"),
    "half a register": (
        "measured_at,energy_import_wh\n2026-01-01T00:00:00Z,1.5\n",
        (),
        "Line 2: “1.5”",
    ),
    "no time in a row": (GOOD + "yesterday,1\n", (), "Line 3: “yesterday”"),
    "wrong mapping": (GOOD, ("--column=power_w=colour",), "is not like"),
    "wrong factor": (GOOD, ("--column=power_w=power_w*x",), "no number"),
    "missing column": (GOOD, ("--column=y=power_w",), "no column “y”"),
    "wrong zone": (GOOD, ("--zone=Mars/Base",), "no time zone"),
    "wrong start": (GOOD, ("--starts-at=soon",), "not an instant"),
    "empty": ("measured_at,power_w\n", (), "holds no reading"),
    "not text": (b"a,b\n\x00\x01", (), "cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_file_or_argument_ends_with_one_sentence(
    name: str, acacia: Tenant, tmp_path: Path
) -> None:
    new_meter(acacia, serial="M1")
    content, options, said = BAD[name]
    file = tmp_path / "readings.csv"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content:
        file.write_text(content)
    arguments = (
        options if any("--meter" in option for option in options) else ("--meter=M1", *options)
    )

    with pytest.raises(CommandError) as refused:
        run(file, *arguments)

    assert refused.value.returncode == 2
    assert said in str(refused.value)
    with acting_for(acacia.pk):
        assert Reading.objects.count() == 0


def test_a_serial_number_of_two_tenants_needs_the_tenant(
    acacia: Tenant, baobab: Tenant, tmp_path: Path
) -> None:
    new_meter(acacia, serial="SAME")
    new_meter(baobab, serial="SAME")
    file = tmp_path / "readings.csv"
    file.write_text(f"measured_at,power_w\n{datetime.now(tz=UTC).isoformat()},1\n")

    with pytest.raises(CommandError, match="say --tenant"):
        run(file, "--meter=SAME")

    assert "1 accepted" in run(file, "--meter=SAME", "--tenant=baobab")
    with acting_for(acacia.pk):
        assert Reading.objects.count() == 0


def test_an_import_is_taken_back_by_its_id(acacia: Tenant, tmp_path: Path) -> None:
    new_meter(acacia, serial="M1")
    file = tmp_path / "readings.csv"
    file.write_text(GOOD)

    said = run(file, "--meter=M1")
    public_id = said.split("stored as ")[1].split(":")[0]
    out = StringIO()
    with override("en"):
        call_command("import_readings", f"--undo={public_id}", stdout=out)

    assert "1 readings are taken back" in out.getvalue()
    with acting_for(acacia.pk):
        assert Reading.objects.count() == 0


def test_bad_lines_are_left_out_only_when_one_says_so(acacia: Tenant, tmp_path: Path) -> None:
    new_meter(acacia, serial="M1")
    file = tmp_path / "readings.csv"
    file.write_text(GOOD + "2026-01-01T00:01:00Z,much\n")

    said = run(file, "--meter=M1", "--skip-bad-lines")

    assert "1 accepted, 0 duplicates, 0 conflicts, 1 rejected" in said
    assert "Line 3: “much”" in said
    with acting_for(acacia.pk):
        assert Reading.objects.count() == 1


def test_what_the_command_exports_it_finds_again(acacia: Tenant, tmp_path: Path) -> None:
    new_meter(acacia, serial="M1")
    file = tmp_path / "readings.csv"
    file.write_text(GOOD)
    run(file, "--meter=M1")
    period = ("--start=2026-01-01T00:00:00Z", "--end=2026-01-02T00:00:00Z")

    for form in ("csv", "xlsx"):
        out = StringIO()
        call_command(
            "export_readings", str(tmp_path), "--meter=M1", *period, f"--format={form}", stdout=out
        )
        written = Path(out.getvalue().split(": ")[0])
        assert "0 accepted, 1 duplicates" in run(written, "--meter=M1", "--dry-run")


def test_retention_says_what_it_would_do_and_does_it_when_told(acacia: Tenant) -> None:
    out = StringIO()
    call_command("retention", stdout=out)
    with acting_for(acacia.pk):
        Retention.objects.create(keep_months=12)
    call_command("retention", "--apply", stdout=out)

    assert out.getvalue().splitlines()[:2] == [
        "Every company keeps its raw readings for ever.",
        "Nothing was changed; --apply drops what may go.",
    ]
    assert "acacia: 12 months, so since" in out.getvalue()
    assert "dropped months: none; single rows: 0" in out.getvalue()
