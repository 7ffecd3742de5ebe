"""A real MQTT broker on loopback, in a thread of this process: amqtt, a development dependency."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

from amqtt.broker import Broker
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import OutgoingApplicationMessage


def keep_what_was_not_acknowledged() -> None:
    """MQTT 3.1.1 §4.4: what was sent and not acknowledged is sent again after a reconnection.
    The package forgets it when the connection ends, or after five seconds."""
    forgetful = BrokerProtocolHandler._handle_qos1_message_flow
    if getattr(forgetful, "remembers", False):
        return

    async def remembering(self: Any, message: Any) -> None:
        try:
            await forgetful(self, message)
        finally:
            is_sent = isinstance(message, OutgoingApplicationMessage)
            if is_sent and not message.puback_packet and self.session is not None:
                self.session.inflight_out.setdefault(message.packet_id, message)

    remembering.remembers = True  # type: ignore[attr-defined]
    BrokerProtocolHandler._handle_qos1_message_flow = remembering


class AnyName(BaseAuthPlugin):
    """Lets everybody in, and keeps the session of whoever says a name, as brokers do. The
    package's own way for visitors forgets them all."""

    async def authenticate(self, *, session: Any) -> bool:
        session.is_anonymous = not session.username
        return bool(session.password != "wrong")  # noqa: S105 - so that a refusal can be tried


class OwnBroker:
    """Start it, speak on `port`, stop it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._started: Future[None] = Future()
        self._broker: Broker | None = None
        self._thread = threading.Thread(target=self._serve, name="broker", daemon=True)

    def start(self) -> OwnBroker:
        self._thread.start()
        self._started.result(timeout=10)
        return self

    def stop(self) -> None:
        """Ends it, with every session it kept."""
        if self._broker is not None:
            ending = asyncio.run_coroutine_threadsafe(self._broker.shutdown(), self._loop)
            ending.result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        keep_what_was_not_acknowledged()
        asyncio.set_event_loop(self._loop)
        listener = {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}
        config = {
            "listeners": {"default": listener},
            "plugins": {f"{AnyName.__module__}.{AnyName.__name__}": {}},
        }
        try:
            self._broker = Broker(config, loop=self._loop)
            self._loop.run_until_complete(self._broker.start())
        except Exception as error:  # noqa: BLE001 - told to whoever starts it
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        self._loop.run_forever()
