"""What adapters are built on: the request cycle and its drivers, under names that do not change.

An adapter makes a ``Request``, lets a chain ``begin`` it, gives the steps of its ``cycle`` to a driver (``drive``, or
``arespond`` on an event loop), and hands over the response that comes back; a delivery goes on with the steps when the
last byte is gone. Where a framework stands behind a WSGI server alone, ``WSGIChain`` does all of that.
"""

from __future__ import annotations

from .adelivery import AsyncDelivery, arespond
from .body import RequestBody
from .carrying import call_as_is, carry
from .cycle import cycle, say_at_once
from .delivery import Delivery, deliver, whole_delivery
from .dispatch import Steps
from .dotted import import_dotted
from .drivers import InCallersContext, InContext, adrive_to_end, drive, drive_to_end, thread_loop
from .ending import in_background, wind_up
from .environ_request import EnvironRequest
from .exceptions import did_you_mean
from .finishing import nothing_is_left
from .framework import Framework
from .guards import guard_again
from .handlers import Handler
from .header_pairs import said_of_body
from .kept_inline import kept_inline
from .loops import running_loop
from .made import made
from .paths import decode, encode, is_its_spelling
from .plain_response import PLAIN_STATUSES
from .records import current
from .request import MadeResponse
from .results import Outcome, Raised
from .runs import Function, Step
from .threads import Threads
from .wsgi import KEEPS_CONTEXTS, KEY, AppCall, WSGIChain, app_environ, early_environ

__all__ = [
    "KEEPS_CONTEXTS",
    "KEY",
    "PLAIN_STATUSES",
    "AppCall",
    "AsyncDelivery",
    "Delivery",
    "EnvironRequest",
    "Framework",
    "Function",
    "Handler",
    "InCallersContext",
    "InContext",
    "MadeResponse",
    "Outcome",
    "Raised",
    "RequestBody",
    "Step",
    "Steps",
    "Threads",
    "WSGIChain",
    "adrive_to_end",
    "app_environ",
    "arespond",
    "call_as_is",
    "carry",
    "current",
    "cycle",
    "decode",
    "deliver",
    "did_you_mean",
    "drive",
    "drive_to_end",
    "early_environ",
    "encode",
    "guard_again",
    "import_dotted",
    "in_background",
    "is_its_spelling",
    "kept_inline",
    "made",
    "nothing_is_left",
    "running_loop",
    "said_of_body",
    "say_at_once",
    "thread_loop",
    "whole_delivery",
    "wind_up",
]
