"""Where artifacts and their signatures are read from: registries (the one door to urllib3) and image layouts."""

from .addresses import Reach
from .credential_helper import CredentialHelpers
from .credentials import Credential, Credentials, FileCredentials, FirstOf, SecretFile, StaticCredentials
from .docker_config import DockerConfig, config_files
from .hosts import HostReport, HostState
from .layout import LayoutStore
from .limits import LayoutLimits, RegistryLimits
from .mux import StoreMux
from .options import HostOptions, Mirror, RegistryOptions
from .registry import RegistryStore

__all__ = [
    "Credential",
    "CredentialHelpers",
    "Credentials",
    "DockerConfig",
    "FileCredentials",
    "FirstOf",
    "HostOptions",
    "HostReport",
    "HostState",
    "LayoutLimits",
    "LayoutStore",
    "Mirror",
    "Reach",
    "RegistryLimits",
    "RegistryOptions",
    "RegistryStore",
    "SecretFile",
    "StaticCredentials",
    "StoreMux",
    "config_files",
]
