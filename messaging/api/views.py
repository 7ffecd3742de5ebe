from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clients.kernel.api import ChangeRow, CreateRow, DeleteRow, TenantView, TenantViewSet
from clients.kernel.keys import uuid7
from messaging.api.filters import ChannelAccountFilter, MessageFilter, TemplateFilter
from messaging.api.serializers import (
    ChannelAccountSerializer,
    KindSerializer,
    MessageSerializer,
    NewMessageSerializer,
    TemplateSerializer,
)
from messaging.models import ChannelAccount, Message, Template
from messaging.services.accounts import change_account, make_default, open_account, resume_account
from messaging.services.kinds import all_kinds
from messaging.services.outbox import cancel_message, queue_message, send_again, send_text
from messaging.services.templates import save_template, withdraw_template


class MessageViewSet(TenantViewSet):
    """What clients are told, and what became of it."""

    model = Message
    serializer_class = MessageSerializer
    filterset_class = MessageFilter

    def get_queryset(self) -> QuerySet[Message]:
        return Message.objects.select_related("client", "member")

    @extend_schema(request=NewMessageSerializer, responses={201: MessageSerializer})
    def create(self, request: Request) -> Response:
        """Queue a message. It leaves after the answer; its status tells how far it came."""
        serializer = NewMessageSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return self.answer(_queue(dict(serializer.validated_data)), status=201)

    @extend_schema(request=None, responses=MessageSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, **kwargs: Any) -> Response:
        """Keep a queued message from leaving."""
        message = self.get_object()
        cancel_message(message)
        return self.answer(message)

    @extend_schema(request=None, responses=MessageSerializer)
    @action(detail=True, methods=["post"], url_path="send-again")
    def send_again(self, request: Request, **kwargs: Any) -> Response:
        """Give a message that did not go another chance."""
        message = self.get_object()
        send_again(message)
        return self.answer(message)


class TemplateViewSet(CreateRow, ChangeRow, DeleteRow, TenantViewSet):
    """The tenant's own words, by kind, channel and language. Deleting goes back to Pulso's."""

    model = Template
    serializer_class = TemplateSerializer
    filterset_class = TemplateFilter

    def get_queryset(self) -> QuerySet[Template]:
        return Template.objects.all()

    def perform_create(self, serializer: Any) -> None:
        values = dict(serializer.validated_data)
        serializer.instance = save_template(values.pop("key"), values.pop("channel"), **values)

    def perform_update(self, serializer: Any) -> None:
        before = serializer.instance
        values = {
            name: serializer.validated_data.get(name, getattr(before, name))
            for name in ("subject", "body", "provider_name")
        }
        serializer.instance = save_template(
            before.key, before.channel, language=before.language, **values
        )

    def perform_destroy(self, instance: Template) -> None:
        withdraw_template(instance)


class ChannelAccountViewSet(CreateRow, ChangeRow, TenantViewSet):
    """Through what messages leave. Secrets are written, never read."""

    model = ChannelAccount
    serializer_class = ChannelAccountSerializer
    filterset_class = ChannelAccountFilter

    def get_queryset(self) -> QuerySet[ChannelAccount]:
        return ChannelAccount.objects.all()

    def perform_create(self, serializer: Any) -> None:
        values = dict(serializer.validated_data)
        serializer.instance = open_account(values.pop("kind"), values.pop("name"), **values)

    def perform_update(self, serializer: Any) -> None:
        account, values = serializer.instance, dict(serializer.validated_data)
        credentials, default = values.pop("credentials", {}), values.pop("is_default", None)
        values.pop("kind", None)  # an account stays with its provider
        for name, value in values.items():
            setattr(account, name, value)
        change_account(account, credentials)
        if default:
            make_default(account)

    @extend_schema(request=None, responses=ChannelAccountSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, **kwargs: Any) -> Response:
        """Let a resting account send again at once."""
        account = self.get_object()
        resume_account(account)
        return self.answer(account)


class KindView(TenantView):
    """The kinds of message that exist, with the variables that their texts may use."""

    model = Template

    @extend_schema(operation_id="message_kinds", responses=KindSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(KindSerializer(all_kinds(), many=True).data)


def _queue(values: dict[str, Any]) -> Message:
    client = values.pop("client")
    how: dict[str, Any] = {"dedupe_key": values.pop("dedupe_key", "") or f"api:{uuid7()}"}
    how |= {name: values[name] for name in ("channel", "due_at", "valid_until") if name in values}
    if "text" in values:
        return send_text(client, values["text"], subject=values.get("subject", ""), **how)
    return queue_message(client, values["kind"], values.get("values", {}), **how)
