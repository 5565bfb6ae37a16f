"""How far inside a network an address lies, so that a stranger's answer cannot lead further inside."""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

# RFC 6052: an IPv4 address inside an IPv6 one, for NAT64 gateways.
_NAT64 = IPv6Network("64:ff9b::/96")


class Reach(IntEnum):
    """From the open internet inwards. What is at one level may lead to its own level and outwards."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    RESTRICTED = 3  # link-local (cloud metadata), multicast, unspecified, reserved


def reach_of(address: str) -> Reach | None:
    """The reach of a literal IP address; ``None`` when ``address`` is not one but a name."""
    try:
        parsed = ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address):
        parsed = _embedded(parsed) or parsed
    if parsed.is_loopback:
        return Reach.LOOPBACK
    if parsed.is_link_local or parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified:
        return Reach.RESTRICTED
    if isinstance(parsed, IPv4Address) and parsed.packed[0] == 0:  # RFC 1122 s3.2.1.3: "this network"
        return Reach.RESTRICTED
    return Reach.PUBLIC if parsed.is_global else Reach.PRIVATE


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to ``address`` end up at."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.sixtofour
