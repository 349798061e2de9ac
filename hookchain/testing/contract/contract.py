"""Contract: all promises together, for one place."""

from __future__ import annotations

from .promises.answers import Answers
from .promises.apps import Apps
from .promises.faulty import Faults
from .promises.filtering import Filters, Values
from .promises.finishing import Finishing
from .promises.guarding import Guarding
from .promises.interleaved import Interleaved
from .promises.ordering import Ordering
from .promises.pairs import Pairs
from .promises.phases import Phases
from .promises.redirects import ErrorDocuments, Redirects
from .promises.requests import Requests, Subrequests
from .promises.sections import Paths, Sections


class Promises(
    Phases,
    Guarding,
    Answers,
    Pairs,
    Finishing,
    Ordering,
    Sections,
    Paths,
    Requests,
    Subrequests,
    Redirects,
    ErrorDocuments,
    Filters,
    Values,
    Apps,
):
    """Every promise, in one place; a subclass names the place."""


class Contract(Promises, Faults, Interleaved):
    """Every promise, then with faults at every point, and for many requests at once; a subclass names the place."""
