"""The default handlers behind the phases that have to do with files, as handlers that drivers can call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .handlers import Handler
from .phases import Phase
from .settings import Settings

if TYPE_CHECKING:
    from .files import FileService


class FileHandlers:
    """What serves files, a handler for each phase, and the question whether there is a file to be sent."""

    def __init__(self, service: FileService) -> None:
        """Make handlers of the methods of a service."""
        self.translate = Handler(service.translate, Phase.TRANS)
        self.map_to_storage = Handler(service.map_to_storage, Phase.MAP_TO_STORAGE)
        self.find_type = Handler(service.find_type, Phase.TYPE)
        self.content = Handler(service.content, Phase.CONTENT)
        self.found = Handler(service.found, Phase.CONTENT)


def file_handlers(settings: Settings) -> FileHandlers | None:
    """Return the handlers for a chain's settings; None where it has no document root."""
    if settings.document_root is None:
        return None
    from .files import FileService

    return FileHandlers(
        FileService(
            settings.document_root,
            index=settings.index,
            listing=settings.listing,
            precompressed=settings.precompressed,
        )
    )
