"""What is trusted in TLS, and who we are there: one context for each registry with options of its own."""

from __future__ import annotations

import ssl
from pathlib import Path

from providers.errors import ConfigurationError

from .options import HostOptions, RegistryOptions
from .origin import Origin


class TlsContexts:
    """Contexts by origin. A client certificate is shown to the origin of its registry and to no other."""

    def __init__(self, options: RegistryOptions) -> None:
        """Read every file, once.

        Raises:
            ConfigurationError: one cannot be used.
        """
        self._every = _context(options.ca_file)
        self._single = {
            Origin.of_registry(host.registry, plain=False): _single(host, options.ca_file)
            for host in options.hosts
        }

    def context(self, origin: Origin) -> ssl.SSLContext:
        """The context for connections to ``origin``."""
        return self._single.get(origin, self._every)


def _single(host: HostOptions, ca_file: Path | None) -> ssl.SSLContext:
    context = _context(ca_file)
    if host.ca_file is not None:
        _trust(context, host.ca_file)
    if host.client_certificate is not None:
        _show(context, host.client_certificate, host.client_key)
    return context


def _context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        _trust(context, ca_file)
    return context


def _trust(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except ssl.SSLError as error:
        raise ConfigurationError(
            "the CA file holds no certificates in PEM",
            file=str(ca_file),
            remedy="give certificates as text, each from -----BEGIN CERTIFICATE----- to its end",
        ) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"the CA file cannot be read: {why}", file=str(ca_file)) from error


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        # A password would be asked for at a terminal that a service does not have.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as error:
        raise ConfigurationError(
            "client certificate and key cannot be used together",
            file=str(certificate),
            remedy="Give both in PEM, the key without a password, and the key that belongs to the certificate.",
        ) from error
    except (OSError, ValueError) as error:
        file = certificate if not certificate.is_file() or key is None else key
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(
            f"the client certificate or its key cannot be read: {why}", file=str(file)
        ) from error
