"""State changes by verbs: a window that shows the effect first, then a service does it.

    @verb(_("Mark as paid"), icon="payments", submit=_("Mark as paid"), form=PaidDialog)
    def mark_paid(self, request, form, invoice):
        mark_as_paid(invoice, …)
        return _("Payment recorded.")

Nothing happens on GET. A DomainError is shown in the window, with nothing kept of the attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from unfold.decorators import action
from unfold.enums import ActionVariant

from clients.kernel.errors import DomainError
from clients.kernel.forms import BaseDialog
from clients.kernel.panels import Words

Body = Callable[..., "HttpResponse | str"]


def dialog_done(
    request: HttpRequest, url: str, text: str = "", level: int = messages.SUCCESS
) -> HttpResponse:
    """Leave the window. htmx would follow a plain redirect inside it, so the page is told to go."""
    if text:
        messages.add_message(request, level, text)
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def verb(
    description: Words,
    *,
    submit: Words,
    icon: str,
    title: Words = "",
    text: Words = "",
    form: type[BaseDialog] = BaseDialog,
    permissions: tuple[str, ...] = ("work",),
    variant: ActionVariant = ActionVariant.DEFAULT,
) -> Callable[[Body], Any]:  # Any: unfold reads attributes that it puts on the function
    """A button of a page. The function takes request, form and object (lists: request and form).

    It returns the sentence that tells what was done, or a whole response.
    """
    dialog = {
        "title": title or description,
        "description": text,
        "form_class": form,
        "form_submit_text": submit,
    }

    def decorate(body: Body) -> Any:
        def submitted(
            self: Any, request: HttpRequest, filled: BaseDialog, **ids: str
        ) -> HttpResponse:
            found = [self.row(request, ids["object_id"])] if ids else []
            try:
                with transaction.atomic():
                    answer = body(self, request, filled, *found)
            except DomainError as error:
                filled.refused(error)
                context = {"dialog": dialog, "form": filled, "form_submit_text": submit}
                return render(request, "unfold/helpers/dialog.html", context)
            if isinstance(answer, HttpResponse):
                return answer
            return dialog_done(request, self.page_of(found[0] if found else None), answer)

        submitted.__name__ = body.__name__
        inner = action(
            description=description,
            icon=icon,
            permissions=permissions,
            variant=variant,
            dialog=dialog,
        )(submitted)

        @wraps(inner)
        def outer(self: Any, request: HttpRequest, **ids: str) -> HttpResponse:
            subject = self.row(request, ids["object_id"]) if ids else None
            if request.method == "GET" and not request.headers.get("HX-Request"):
                return HttpResponseRedirect(self.page_of(subject))
            answer: HttpResponse = inner(self, request, **ids)
            return answer

        return outer

    return decorate


def row_or_404(found: Any) -> Any:
    """The row, or the answer that a row of another tenant gets too."""
    if found is None:
        raise Http404
    return found
