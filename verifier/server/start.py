"""From a configuration file to a running server."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from providers.document import Document
from verifier.config import ServerSpec, load
from verifier.configured import from_configuration

from .lifecycle import serve
from .options import ServerOptions

logger = logging.getLogger(__name__)


def serve_file(path: Path, *, announce: Callable[[str], None]) -> int:
    """Serve what ``path`` describes until SIGTERM or SIGINT; then 0.

    ``announce`` gets one line that ends in the address, once calls are taken.

    Raises:
        ConfigurationError: the file, or what it names, cannot be used: file, line and what to do.
    """
    configuration, document = load(path)
    options = replace(server_options(configuration.spec.server, document), name=configuration.metadata.name)
    logger.info("configuration %s from %s", configuration.metadata.name, path)
    with from_configuration(configuration.spec, document) as verifier:
        return serve(verifier, options, announce=lambda address: announce(f"serving gRPC on {address}"))


def server_options(spec: ServerSpec, document: Document) -> ServerOptions:
    """The options of the server that ``spec`` describes.

    Raises:
        ConfigurationError: options contradict each other.
    """
    with document.at(("spec", "server")):
        return ServerOptions(
            **{name.removesuffix("_seconds") if name in _IN_SECONDS else name: value for name, value in spec}
        )


# Units stand in the name of a field of the file; the options' own names are without where the type says it.
_IN_SECONDS = ("max_deadline_seconds", "max_connection_age_seconds")
