from __future__ import annotations

import ctypes
import logging.config
import os
import signal
import sys
from typing import Any

from celery import Celery, Task
from celery.signals import setup_logging, worker_process_init
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep

from clients.kernel.attribution import attributed

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


PR_SET_PDEATHSIG = 1  # prctl(2)


class PulsoTask(Task):  # type: ignore[type-arg] # generic in the stubs only
    """A task whose changes are recorded under its name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with attributed(task=self.name, task_id=self.request.id):
            return super().__call__(*args, **kwargs)


app = Celery("pulso", task_cls=PulsoTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def log_like_the_rest(**_: Any) -> None:
    """Workers and the scheduler write the same JSON lines; Celery's own set-up stays out."""
    logging.config.dictConfig(settings.LOGGING)


@worker_process_init.connect
def end_with_the_worker(**_: Any) -> None:
    """A pool process whose worker was killed goes too (Linux): it would wait for work for ever."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
