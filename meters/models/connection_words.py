"""What drivers complain about, in sentences for the person who can change it."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext_lazy as _

COMPLAINTS: Final[dict[str, Any]] = {  # lazy texts
    "bad_topic": _("Type the device's topic or id as it is, without # and +."),
    "bad_channel": _("“channel” is a number from 0 on."),
    "bad_dev_eui": _("A DevEUI has 16 digits from 0 to f; it is on the device's label."),
    "bad_fields": _('Write the fields like {"energy": {"quantity": …, "unit": …}}.'),
    "unknown_quantity": _("One of the fields names a quantity that does not exist."),
    "wrong_unit": _("One of the fields has a unit that does not measure its quantity."),
    "no_device_id": _("Type the device id; it is in the app, under “Device information”."),
    "unknown_profile": _("There is no such map of data points."),
    "no_points": _("Choose a map, or write the data points into the options."),
    "bad_points": _("The data points in the options cannot be understood."),
    "bad_version": _("The version is one of 3.1, 3.2, 3.3, 3.4 and 3.5."),
    "bad_local_key": _(
        "The local key does not fit. It has 16 characters and changes whenever the "
        "device is paired again."
    ),
    "bad_region": _("The region is one of us, us-e, eu, eu-w, cn, in and sg."),
    "no_credentials": _("Write the project's client id and secret as client_id and secret."),
    "bad_secret": _("The cloud does not accept the project's secret."),
    "bad_client_id": _("The cloud does not know this project."),
    "not_allowed": _("The account is not allowed to do this."),
    "no_device": _("The cloud does not know this device, or it is not linked to the project."),
    "cloud_refuses": _("The cloud refuses."),
    "bad_checksum": _("What the device says arrives damaged."),
    "no_values": _("The device says nothing that the map knows."),
    "impossible_time": _("The device says a time that cannot be; its readings are set apart."),
    "device_offline": _("The device says that it is offline."),
    "bad_password": _("User or password are not accepted."),
    "bad_protocol": _("The broker does not speak MQTT 3.1.1."),
    "refused": _("It refuses."),
    "topic_refused": _("The broker does not let this user read the topics of the meters."),
    "bad_certificate": _("The broker's certificate cannot be trusted."),
    "cannot_decrypt": _("The password cannot be opened any more; type it again."),
    "uplink_codec": _("ChirpStack cannot decode what the device sends; look at its codec."),
    "uplink_f_cnt_reset": _("The device began to count its messages from zero again."),
    "uplink_mic": _("ChirpStack refuses messages of this device: its keys do not fit."),
    "otaa": _("The device could not join the network."),
}
