"""Alarms follow the readings: what is new is judged once, in the data's own time.

A follower (`services.followers`): taking the changes, the events and the progress are one
transaction, so a worker that dies anywhere leaves the changes for the next one.

*In order* (the usual case), only samples after `seen_until` are judged, with the memory kept in
`AlarmProgress`. *Late data* is told by a touched quarter-hour before the one seen last, or by the
number of samples in that one: then the affected stretch is judged again from the readings, from
`holds + patience` before it until all is normal after it. What that finds is laid over the known
events: an episode that overlaps one is that one, which may have begun earlier, and does not ring
again; one that nobody knew becomes an event with its own data time, `heard_at` now, ended at birth
when it is over. Late data may end an open event; it never takes back one that was told.

Data older than a week, or than the rule, does not ring: it is history, and the preview shows it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from clients.kernel.tenancy import acting_for, current_tenant_id
from meters.models import AlarmEvent, AlarmKind, AlarmProgress, AlarmRule, ClearReason, Phase
from meters.selectors.alarm_machine import Cleared, Memory, Raised, Transition, run
from meters.selectors.alarm_samples import (
    QUARTER,
    Place,
    Series,
    Sheet,
    Span,
    condition_of,
    lookback,
    places_of,
    reached,
    read,
    received,
    series_of,
)
from meters.services.alarm_events import clear_event, note_past_event, raise_event
from meters.services.followers import FOLLOWERS, Change, take_changes

FOLLOWER: Final = "alarms"
CHANGES_AT_ONCE: Final = 500
FRESH: Final = timedelta(hours=1)  # such readings are judged first, whatever history waits
HISTORY_AT_ONCE: Final = 50  # so that fresh ones wait a second or two for it, not longer
SLICE: Final = timedelta(days=1)
STEP: Final = timedelta(hours=1)  # by which late data is followed until all is as it was known
SHEETS_KEPT: Final = 48
READ_AT_ONCE: Final = timedelta(days=2)  # of all meters together, in one query
OLDEST: Final = timedelta(days=7)
REMEMBERED: Final = (
    "phase",
    "pending_since",
    "seen_until",
    "last_value",
    "extreme_value",
    "heard_at",
    "quarter_at",
    "quarter_count",
)
INSTANT: Final = timedelta(microseconds=1)  # the least by which two instants differ


def wants(meter_ids: Collection[int]) -> set[int]:
    """The meters that an enabled rule applies to."""
    rules = list(AlarmRule.objects.filter(is_enabled=True).order_by())
    if not rules:
        return set()
    return {place.meter_id for place in places_of(meter_ids).values() if reached(rules, place)}


FOLLOWERS[FOLLOWER] = wants


def follow(tenant_id: int, *, now: datetime) -> int:
    """Judge a bounded part of what is new; the number of changes taken.

    Call it until it answers 0. One transaction. Safe to call twice and at once.
    """
    with acting_for(tenant_id):
        changes = take_changes(FOLLOWER, CHANGES_AT_ONCE, since=now - FRESH)
        changes = changes or take_changes(FOLLOWER, HISTORY_AT_ONCE)
        if changes and (rules := held_rules()):
            _Round(rules, changes, now).judge()
        return len(changes)


def follow_all(tenant_id: int, *, now: datetime) -> int:
    """Everything that is new and not in another worker's hands."""
    total = 0
    while taken := follow(tenant_id, now=now):
        total += taken
    return total


def held_rules() -> list[AlarmRule]:
    """The enabled rules, which nobody may change until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM meters_alarmrule WHERE tenant_id = %s AND is_enabled "
            "ORDER BY id FOR SHARE",
            [current_tenant_id()],
        )
        ids = [row[0] for row in cursor.fetchall()]
    return list(AlarmRule.objects.filter(pk__in=ids, is_enabled=True).order_by("pk"))


@dataclass
class _Watch:
    """One rule on one meter, while it is judged."""

    rule: AlarmRule
    place: Place
    progress: AlarmProgress
    memory: Memory
    event: AlarmEvent | None
    is_changed: bool = False

    @property
    def seen_until(self) -> datetime | None:
        return self.progress.seen_until


@dataclass
class _Round:
    """What one transaction judges."""

    rules: Sequence[AlarmRule]
    changes: Sequence[Change]
    now: datetime
    watches: dict[int, list[_Watch]] = field(default_factory=dict)
    sheets: dict[Span, Sheet] = field(default_factory=dict)

    def judge(self) -> None:
        stretches = _by_meter(self.changes)
        self._load(stretches)
        self._hear(stretches)
        self._judge_values(stretches)
        self._save()

    def _load(self, stretches: dict[int, list[Span]]) -> None:
        ids = {"meter_id__in": list(stretches), "rule__in": self.rules}
        known = {(p.rule_id, p.meter_id): p for p in AlarmProgress.objects.filter(**ids)}
        opened = AlarmEvent.objects.filter(**ids).open().select_related("rule", "meter")
        events = {(event.rule_id, event.meter_id): event for event in opened}
        for place in places_of(list(stretches)).values():
            for rule in reached(self.rules, place):
                key = (rule.pk, place.meter_id)
                progress = known.get(key) or AlarmProgress(rule=rule, meter_id=place.meter_id)
                watch = _Watch(rule, place, progress, _memory_of(progress), events.get(key))
                self.watches.setdefault(place.meter_id, []).append(watch)

    def _hear(self, stretches: dict[int, list[Span]]) -> None:
        """Data came: whatever it says and however old it is, the meter is not silent."""
        waiting = [
            watch
            for watches in self.watches.values()
            for watch in watches
            if watch.rule.kind == AlarmKind.OFFLINE
        ]
        meters = {watch.place.meter_id for watch in waiting}
        heard = received([span for meter_id in meters for span in stretches[meter_id]])
        for watch in waiting:
            at = heard.get(watch.place.meter_id)
            if at is None or at <= (watch.progress.heard_at or at - QUARTER):
                continue
            watch.progress.heard_at, watch.is_changed = at, True
            if watch.event is not None and at > watch.event.since_at:
                silence = (at - watch.event.since_at).total_seconds()
                clear_event(watch.event, ClearReason.DATA, at=at, now=self.now, value=silence)

    def _judge_values(self, stretches: dict[int, list[Span]]) -> None:
        slices: list[Span] = []
        for meter_id, watches in self.watches.items():
            values = [watch for watch in watches if watch.rule.kind != AlarmKind.OFFLINE]
            if values:
                slices += _slices(self._whole(values, stretches[meter_id]))
        for group in _groups(slices):
            watched = [w for span in group for w in self.watches[span.meter_id]]
            metrics = {w.rule.metric for w in watched if w.rule.kind != AlarmKind.OFFLINE}
            back = max(lookback(w.rule) for w in watched)
            wider = [Span(span.meter_id, span.start - back, span.end) for span in group]
            for span, sheet in zip(group, read(wider, metrics), strict=True):
                for watch in self.watches[span.meter_id]:
                    if watch.rule.kind != AlarmKind.OFFLINE:
                        self._judge(watch, span, series_of(watch.rule, sheet), stretches)

    def _whole(self, watches: list[_Watch], stretches: list[Span]) -> Span:
        """All that must be read of a meter: what is new, and the quarter-hour seen last."""
        first, last = stretches[0].start, stretches[-1].end
        starts, ends = [], [last]
        for watch in watches:
            quarter = watch.progress.quarter_at
            is_counted = watch.rule.watched is not None and watch.rule.watched.is_interval
            if quarter is None:
                starts.append(first - watch.rule.holds - watch.place.patience)
            elif is_counted or first <= _known(watch.seen_until):
                starts.append(quarter)
                ends.append(quarter + QUARTER)
            else:
                starts.append(first)
        start = _quarter(max(min(starts), self.now - OLDEST - SLICE))
        return Span(stretches[0].meter_id, start, max(start, *ends))

    def _judge(
        self, watch: _Watch, span: Span, series: Series, stretches: dict[int, list[Span]]
    ) -> None:
        seen, progress = watch.seen_until, watch.progress
        if seen is not None and span.start <= seen < span.end:
            self._look_back(watch, series, stretches[span.meter_id])
        start = max(span.start, self._floor(watch))
        if seen is not None:
            start = max(start, seen + INSTANT)
        new = series.between(start, span.end)
        condition = condition_of(watch.rule, watch.place)
        for transition in run(condition, watch.memory, new.times, new.values):
            self._apply(watch, transition)
        newest = series.between(span.start, span.end).times[-1:]
        if newest and (seen is None or newest[0] > seen):
            progress.seen_until, watch.is_changed = newest[0], True
        if progress.seen_until is not None and span.start <= progress.seen_until < span.end:
            quarter = _quarter(progress.seen_until)
            progress.quarter_at = quarter
            progress.quarter_count = series.count(quarter, quarter + QUARTER)
            watch.is_changed = True
        event, extreme = watch.event, watch.memory.extreme
        if event is not None and extreme not in {None, event.extreme_value}:
            event.extreme_value = extreme
            AlarmEvent.objects.filter(pk=event.pk).update(extreme_value=extreme)

    def _floor(self, watch: _Watch) -> datetime:
        """Nothing before this rings."""
        return max(self.now - OLDEST, watch.rule.active_since - watch.rule.holds)

    def _apply(self, watch: _Watch, transition: Transition) -> None:
        if isinstance(transition, Raised):
            if watch.event is None:
                watch.event = self._raise(watch, transition)
        elif watch.event is not None:
            clear_event(
                watch.event,
                transition.reason,
                at=transition.at,
                now=self.now,
                value=transition.value,
                extreme=transition.extreme,
            )
            watch.event = None

    # Late data -----------------------------------------------------------------------------------

    def _look_back(self, watch: _Watch, series: Series, stretches: list[Span]) -> None:
        """Judge again what late data may have changed, if there is any."""
        seen, quarter = _known(watch.seen_until), _known(watch.progress.quarter_at)
        late = [span for span in stretches if span.start < quarter]
        if series.count(quarter, seen + INSTANT) != watch.progress.quarter_count:
            late.append(Span(watch.place.meter_id, quarter, quarter + QUARTER))
        if late:
            last = min(max(span.end for span in late), quarter + QUARTER)
            self._replay(watch, min(span.start for span in late), last)

    def _replay(self, watch: _Watch, first: datetime, last: datetime) -> None:
        condition, seen = condition_of(watch.rule, watch.place), _known(watch.seen_until)
        margin = condition.holds + condition.patience
        start = max(first - margin, self._floor(watch))
        if last <= start:
            return
        known = list(
            AlarmEvent.objects.filter(rule=watch.rule, meter_id=watch.place.meter_id)
            .exclude(cleared_at__lt=start)
            .order_by("raised_at")
        )
        begun = start - condition.holds
        before = next((event for event in known if event.since_at <= begun), None)
        memory = Memory()
        if before is not None:
            memory = Memory(Phase.RAISED, before.since_at, None, None, before.extreme_value)
        episodes, is_settled = self._episodes(watch, memory, start, last + margin, known)
        for episode in episodes:
            self._lay_over(watch, episode, known)
        if is_settled:
            return
        memory.last_at, memory.last_value = seen, watch.memory.last_value
        if memory.phase == Phase.RAISED:
            # An event that ended for another reason does not ring again for the same stretch.
            watch.memory = memory if watch.event is not None else Memory(last_at=seen)
        elif watch.event is None:
            watch.memory = memory
        elif episodes and (end := episodes[-1].end) and end.at >= watch.event.raised_at:
            self._apply(watch, end)  # late data says that it is over
            watch.memory = memory

    def _episodes(
        self,
        watch: _Watch,
        memory: Memory,
        start: datetime,
        calm_from: datetime,
        known: Sequence[AlarmEvent],
    ) -> tuple[list[_Episode], bool]:
        """What the readings say from `start` on, until the rest is as it was, or all is judged.

        The rest is as it was once the late stretch is past and the machine is where it was then:
        normal, or within a known event. The second value says whether that came before the end.
        """
        condition, end = condition_of(watch.rule, watch.place), _known(watch.seen_until)
        found = [_Episode(memory.since)] if memory.phase == Phase.RAISED else []
        while start <= end:
            page, sheet = self._page(watch, start)
            until = min(page.end, end + INSTANT)
            part = series_of(watch.rule, sheet).between(start, until)
            for transition in run(condition, memory, part.times, part.values):
                if isinstance(transition, Raised):
                    found.append(_Episode(transition.since, transition))
                else:
                    found[-1].end = transition
            if calm_from < until <= end and _is_as_known(memory, until, known):
                return found, True
            start = until
        return found, False

    def _page(self, watch: _Watch, at: datetime) -> tuple[Span, Sheet]:
        """The stretch around the instant with all that the meter's rules look at, read once."""
        watches = [w for w in self.watches[watch.place.meter_id] if w.rule.metric]
        back = max(lookback(w.rule) for w in watches)
        length = max(STEP, back)
        start = _start_of(at, length)
        page = Span(watch.place.meter_id, start, start + length)
        if page not in self.sheets:
            if len(self.sheets) >= SHEETS_KEPT:
                self.sheets.clear()
            wider = Span(page.meter_id, page.start - back, page.end)
            self.sheets[page] = read([wider], {w.rule.metric for w in watches})[0]
        return page, self.sheets[page]

    def _lay_over(self, watch: _Watch, episode: _Episode, known: list[AlarmEvent]) -> None:
        """An episode that overlaps a known event is that one; else it is news."""
        begin = episode.begin
        for event in known:
            is_after = episode.end is not None and event.since_at > episode.end.at
            is_before = event.cleared_at is not None and begin and event.cleared_at < begin
            if not is_after and not is_before:
                _begin_earlier(event, begin)
                return
        if episode.start is None or episode.start.at < watch.rule.active_since:
            return
        if episode.end is not None:
            past = episode.start, episode.end
            known.append(note_past_event(watch.rule, watch.place.meter_id, *past, now=self.now))
        else:
            watch.event = self._raise(watch, episode.start)
            known.append(watch.event)

    def _raise(self, watch: _Watch, raised: Raised) -> AlarmEvent:
        return raise_event(
            watch.rule,
            watch.place.meter_id,
            since=raised.since,
            at=raised.at,
            now=self.now,
            value=raised.value,
            extreme_value=raised.extreme,
        )

    def _save(self) -> None:
        changed = [w for watches in self.watches.values() for w in watches if w.is_changed]
        AlarmProgress.objects.bulk_create(
            [_progress_of(watch) for watch in changed],
            update_conflicts=True,
            unique_fields=["tenant", "rule", "meter"],
            update_fields=REMEMBERED,
        )


@dataclass
class _Episode:
    """A stretch in which the condition held: how it began, if we saw it begin, and how it ended."""

    begin: datetime | None
    start: Raised | None = None
    end: Cleared | None = None


def _memory_of(progress: AlarmProgress) -> Memory:
    return Memory(
        progress.phase,
        progress.pending_since,
        progress.seen_until,
        progress.last_value,
        progress.extreme_value,
    )


def _progress_of(watch: _Watch) -> AlarmProgress:
    memory, progress = watch.memory, watch.progress
    return AlarmProgress(
        rule=watch.rule,
        meter_id=watch.place.meter_id,
        phase=memory.phase,
        pending_since=memory.since,
        seen_until=progress.seen_until,
        last_value=memory.last_value,
        extreme_value=memory.extreme,
        heard_at=progress.heard_at,
        quarter_at=progress.quarter_at,
        quarter_count=progress.quarter_count,
    )


def _is_as_known(memory: Memory, at: datetime, known: Sequence[AlarmEvent]) -> bool:
    """Whether the machine is, at this instant, where it was before the late data came."""
    inside = any(
        event.since_at <= at and (event.cleared_at is None or event.cleared_at > at)
        for event in known
    )
    return memory.phase == (Phase.RAISED if inside else Phase.NORMAL)


def _begin_earlier(event: AlarmEvent, begin: datetime | None) -> None:
    """Late data says that what rang had begun before; when it rang stays as it was told."""
    if begin is not None and begin < event.since_at:
        event.since_at = begin
        AlarmEvent.objects.filter(pk=event.pk).update(since_at=begin)


def _by_meter(changes: Sequence[Change]) -> dict[int, list[Span]]:
    found: dict[int, list[Span]] = defaultdict(list)
    for change in changes:
        found[change.meter_id].append(Span(change.meter_id, change.starts_at, change.ends_at))
    for spans in found.values():
        spans.sort(key=lambda span: (span.start, span.end))
    return found


def _slices(span: Span) -> Iterator[Span]:
    start = span.start
    while start < span.end:
        end = min(start + SLICE, span.end)
        yield Span(span.meter_id, start, end)
        start = end


def _groups(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Spans in their order, as many together as one query should read."""
    group: list[Span] = []
    length = timedelta(0)
    for span in spans:
        if group and length + (span.end - span.start) > READ_AT_ONCE:
            yield group
            group, length = [], timedelta(0)
        group.append(span)
        length += span.end - span.start
    if group:
        yield group


def _quarter(at: datetime) -> datetime:
    """The quarter-hour in which the instant lies."""
    return _start_of(at, QUARTER)


def _start_of(at: datetime, length: timedelta) -> datetime:
    """When the stretch of such a length began, counted from 1970, in which the instant lies."""
    seconds = int(length.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, at.tzinfo)


def _known(at: datetime | None) -> datetime:
    assert at is not None  # noqa: S101 - asked only of what was seen
    return at
