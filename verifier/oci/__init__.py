"""Where artifacts and their signatures are read from: registries. The one door to urllib3."""

from .addresses import Reach
from .limits import RegistryLimits
from .registry import RegistryStore

__all__ = ["Reach", "RegistryLimits", "RegistryStore"]
