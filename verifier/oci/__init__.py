"""Where artifacts and their signatures are read from: registries (the one door to urllib3) and image layouts."""

from .addresses import Reach
from .layout import LayoutStore
from .limits import LayoutLimits, RegistryLimits
from .registry import RegistryStore

__all__ = ["LayoutLimits", "LayoutStore", "Reach", "RegistryLimits", "RegistryStore"]
