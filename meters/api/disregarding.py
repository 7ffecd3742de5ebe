"""Readings that a person leaves out of everything computed, and their way back."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clients.kernel.api_fields import StrictInstant, StrictSerializer, StrictText
from clients.kernel.periods import Period
from clients.kernel.tenancy import actor_label
from meters.errors import BadEdit
from meters.services.disregarding import count_again, leave_out


class CountAgainSerializer(StrictSerializer):
    """From `start` (in) until `end` (out)."""

    start = StrictInstant()
    end = StrictInstant()


class LeaveOutSerializer(CountAgainSerializer):
    reason = StrictText(min_length=3, max_length=200)


class ReadingCountSerializer(serializers.Serializer[Any]):
    """How many readings changed sides."""

    readings = serializers.IntegerField()


class LeavesOut:
    """What may be done with a meter's readings."""

    get_object: Any  # of the view that this is mixed into

    @extend_schema(request=LeaveOutSerializer, responses=ReadingCountSerializer)
    @action(detail=True, methods=["post"])
    def disregard(self, request: Request, **kwargs: Any) -> Response:
        """Leave readings out of everything computed. They stay stored."""
        said = _told(LeaveOutSerializer, request)
        period, reason = _period(said), said["reason"]
        count = leave_out(self.get_object(), period, reason=reason, author=actor_label())
        return Response({"readings": count})

    @extend_schema(request=CountAgainSerializer, responses=ReadingCountSerializer)
    @action(detail=True, methods=["post"])
    def regard(self, request: Request, **kwargs: Any) -> Response:
        """Have readings count again that were left out."""
        period = _period(_told(CountAgainSerializer, request))
        return Response({"readings": count_again(self.get_object(), period)})


def _told(serializer: type[StrictSerializer], request: Request) -> dict[str, Any]:
    said = serializer(data=request.data)
    said.is_valid(raise_exception=True)
    found: dict[str, Any] = said.validated_data
    return found


def _period(said: dict[str, Any]) -> Period:
    if said["start"] >= said["end"]:
        raise BadEdit(_("The period ends before it begins."), "bad_period")
    return Period(said["start"], said["end"])
