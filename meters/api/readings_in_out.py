"""Files of readings over the API: imports that are checked first, exports that are jobs."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from clients.kernel.api import ChangeRow, TenantViewSet
from clients.kernel.api_errors import Refusal
from clients.kernel.api_fields import (
    PublicIdField,
    PublicKeyField,
    StrictBoolean,
    StrictChoice,
    StrictInstant,
    StrictSerializer,
    StrictText,
    TenantSerializer,
)
from clients.kernel.api_formats import JsonParser
from clients.kernel.api_lists import TenantFilterSet
from clients.kernel.files import LARGEST_BYTES
from clients.kernel.periods import Period
from clients.kernel.tenancy import actor_label
from clients.models import Client
from meters.api.views import asked, told
from meters.models import (
    DecimalSign,
    ExportFormat,
    ExportPart,
    ExportWhat,
    Meter,
    ReadingExport,
    ReadingImport,
    Site,
)
from meters.services.exports import Wanted, start_export
from meters.services.import_reasons import note, reason
from meters.services.imports import (
    check_import,
    exceptions_of,
    run_import,
    set_mapping,
    start_import,
    undo_import,
)

CREATED: Final = 201
ANY_BYTES: Final = ("application/octet-stream", "text/csv", "application/gzip")
FILE: Final = {"type": "string", "format": "binary", "maxLength": LARGEST_BYTES}


class FileParser(BaseParser):
    """The body as it is: a file. CSV, gzip and XLSX are told apart by what is in them."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return stream.read(LARGEST_BYTES + 1)


@extend_schema_field(OpenApiTypes.OBJECT)
class AnyObject(serializers.JSONField):
    """A JSON object whose fields the service checks."""


class ReadingImportSerializer(TenantSerializer):
    """A file of readings: how it is understood (`mapping`), what it would change (`report`), and
    how far it is (`state`)."""

    id = PublicIdField()
    mapping = AnyObject(help_text="How the file is read; send it back changed with PATCH.")
    notes = serializers.SerializerMethodField()
    report = AnyObject(read_only=True)
    exceptions = serializers.SerializerMethodField()

    class Meta:
        model = ReadingImport
        fields = [
            "id",
            "name",
            "size_bytes",
            "state",
            "mapping",
            "notes",
            "report",
            "error",
            "row_count",
            "seen_count",
            "new_count",
            "duplicate_count",
            "conflict_count",
            "refused_count",
            "first_at",
            "last_at",
            "exceptions",
            "created_by",
            "created_at",
            "started_at",
            "finished_at",
            "undone_at",
            "undone_by",
        ]
        read_only_fields = [name for name in fields if name != "mapping"]

    def get_notes(self, job: ReadingImport) -> list[str]:
        """What detection was unsure of, as sentences."""
        return [note(code) for code in job.notes]

    def get_exceptions(self, job: ReadingImport) -> list[dict[str, Any]]:
        """The first lines that gave no reading, or another value than the stored one."""
        return [{**found, "detail": reason(found)} for found in exceptions_of(job, SHOWN)]


SHOWN: Final = 50


class ImportSummarySerializer(ReadingImportSerializer):
    """An import in a list: without its mapping, report and exceptions."""

    class Meta(ReadingImportSerializer.Meta):
        fields = [
            name
            for name in ReadingImportSerializer.Meta.fields
            if name not in {"mapping", "notes", "report", "exceptions"}
        ]
        read_only_fields = fields

    mapping = notes = report = exceptions = None  # type: ignore[assignment]  # DRF's way to leave out


class ImportQuerySerializer(StrictSerializer):
    """What the file is called, and whose readings it holds when no column says so."""

    name = StrictText(max_length=120, required=False, default="readings.csv")
    meter = PublicKeyField(Meter, required=False, default=None)


class ImportFilter(TenantFilterSet):
    class Meta:
        model = ReadingImport
        fields = ["state"]


class ReadingImportViewSet(ChangeRow, TenantViewSet):
    """Files of readings (CSV, XLSX; gzip too). Looked at, checked, stored, and undone if need be.

    POST the file itself; read the mapping that was found and PATCH it where it is wrong; `check`;
    read the report; `run`. `undo` takes back exactly the rows that this import added.
    """

    model = ReadingImport
    serializer_class = ReadingImportSerializer
    filterset_class = ImportFilter
    ordering_fields, ordering = ("created_at",), "-created_at"
    parameters = frozenset({"name", "meter"})
    verbs = {"check": "change", "store": "change", "undo": "change"}

    def get_queryset(self) -> QuerySet[ReadingImport]:
        return ReadingImport.objects.all()

    def get_serializer_class(self) -> Any:
        return ImportSummarySerializer if self.action == "list" else ReadingImportSerializer

    def get_parsers(self) -> list[Any]:
        is_file = self.request is not None and self.request.method == "POST" and not self.detail
        return [FileParser()] if is_file else [JsonParser()]

    @extend_schema(
        parameters=[
            OpenApiParameter("name", str, description="The file's name."),
            OpenApiParameter("meter", OpenApiTypes.UUID, description="When no column says it."),
        ],
        request=dict.fromkeys(ANY_BYTES, FILE),
        responses={CREATED: ReadingImportSerializer},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Look at a file of at most 20 MB. Nothing is stored yet."""
        said = asked(ImportQuerySerializer, request)
        body = request.data
        if not isinstance(body, bytes):
            raise Refusal(422, "empty_file", _("The body is the file itself."))
        job = start_import(
            said["name"], body, meter=said["meter"], by=actor_label(), now=timezone.now()
        )
        return self.answer(job, CREATED)

    def perform_update(self, serializer: Any) -> None:
        if "mapping" in serializer.validated_data:
            set_mapping(serializer.instance, serializer.validated_data["mapping"])

    @extend_schema(request=None, responses=ReadingImportSerializer)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, **kwargs: Any) -> Response:
        """Find out what the import would change: `state` becomes `checked`, `report` says it."""
        job: ReadingImport = self.get_object()
        check_import(job)
        return self.answer(job)

    @extend_schema(request=None, responses=ReadingImportSerializer)
    @action(detail=True, methods=["post"], url_path="run")
    def store(self, request: Request, **kwargs: Any) -> Response:
        """Store what was checked; `seen_count` of `row_count` says how far it is."""
        job: ReadingImport = self.get_object()
        run_import(job, now=timezone.now())
        return self.answer(job)

    @extend_schema(request=None, responses=ReadingImportSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, **kwargs: Any) -> Response:
        """Take back the rows that this import added. 409 when an invoice rests on them."""
        job: ReadingImport = self.get_object()
        undo_import(job, by=actor_label(), now=timezone.now())
        return self.answer(job)


class ExportPartSerializer(serializers.ModelSerializer[ExportPart]):
    """A file of an export; its bytes are at `/api/v1/files/{file_id}/content`."""

    class Meta:
        model = ExportPart
        fields = ["name", "file_id", "row_count", "size_bytes"]


class ReadingExportSerializer(TenantSerializer):
    """An export and, once `state` is `done`, its files."""

    id = PublicIdField()
    parts = ExportPartSerializer(many=True, read_only=True)

    class Meta:
        model = ReadingExport
        fields = [
            "id",
            "name",
            "what",
            "format",
            "decimal_sign",
            "is_gzip",
            "time_zone",
            "starts_at",
            "ends_at",
            "columns",
            "state",
            "row_count",
            "error",
            "parts",
            "created_by",
            "created_at",
            "finished_at",
            "expires_at",
        ]


class NewExportSerializer(StrictSerializer):
    """What to write: of some meters, of a site or a client; of all meters when none is named."""

    start = StrictInstant(help_text="From this instant (in).")
    end = StrictInstant(help_text="To this instant (out).")
    what = StrictChoice(choices=ExportWhat.choices, default=ExportWhat.READINGS)
    format = StrictChoice(choices=ExportFormat.choices, default=ExportFormat.CSV)
    decimal_sign = StrictChoice(choices=DecimalSign.choices, default=DecimalSign.POINT)
    is_gzip = StrictBoolean(default=False)
    time_zone = StrictText(max_length=40, default="", allow_blank=True)
    meters = PublicKeyField(Meter, many=True, required=False, default=())
    site = PublicKeyField(Site, required=False, default=None)
    client = PublicKeyField(Client, required=False, default=None)

    def validate(self, attrs: Any) -> Any:
        if attrs["start"] >= attrs["end"]:
            raise serializers.ValidationError(
                {"end": gettext_lazy("The end must come after the start.")}
            )
        return attrs


class ExportFilter(TenantFilterSet):
    what = filters.ChoiceFilter(choices=ExportWhat.choices)

    class Meta:
        model = ReadingExport
        fields = ["state", "what"]


class ReadingExportViewSet(TenantViewSet):
    """Readings, quarter-hours or days as files, written by a worker and kept for seven days."""

    model = ReadingExport
    serializer_class = ReadingExportSerializer
    filterset_class = ExportFilter
    ordering_fields, ordering = ("created_at",), "-created_at"

    def get_queryset(self) -> QuerySet[ReadingExport]:
        return ReadingExport.objects.prefetch_related(
            Prefetch("parts", ExportPart.objects.order_by("number"))
        )

    @extend_schema(request=NewExportSerializer, responses={CREATED: ReadingExportSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Ask for an export; `state` becomes `done`, and `parts` are its files."""
        said = told(NewExportSerializer, request)
        period = Period(said.pop("start"), said.pop("end"))
        return self.answer(start_export(Wanted(period=period, **said), by=actor_label()), CREATED)
