"""Signatures over the artifact of the self-test. Written by tests/vectors/record_key_selftest.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recorded:
    """A signature; ``key`` is the DER of its public key, and both are in base64."""

    what: str
    key: str
    signature: str


RECORDED = (
    Recorded(
        "ECDSA P-256",
        (
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfF8jEkWIa+rFBYCvacMB7WzVgLzxSOEb1NEMWOxiH20SbPSut44L2m6UH7bd"
            "oOl42m2fhy/PVsnNa74ekkwFLw=="
        ),
        "MEUCIQD4thuM3Q4OSmLMWqfZzcgHKGHKtma5FvT6rr0xdUmWQAIgHo7Nkcb5s8A5bUdWJjAdH20q20YYOuamo83KfF2/bYI=",
    ),
    Recorded(
        "ECDSA P-384",
        (
            "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAETdfG5r3bMpYXr/PB0UzsNMfLY3mt8kcES2UzsrEBfbHGxCH1cRVMa8O5W8wgXSq/"
            "IqvXltR6MU/YibbXcpd7qJRzufXyR7nBzd9dlNQeAFYyBrhfFyJ5A4o/FLiko06l"
        ),
        (
            "MGYCMQCOa7bb8AWYEwhIT65fQHNzQg9jja5PvRazJF+Y93N/kbPhO3e/Vx9NmMLFVZBeCJMCMQC656shivMWKFkV7jAA9E7+"
            "cWjnPxTgDEB0UjFhuwxHJv5XVm5ZsJ2CK9sugnjzLQU="
        ),
    ),
    Recorded(
        "ECDSA P-521",
        (
            "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBTXp8CFAyveAntRcr7uc5HBnp/FogvWVMQtnvv+SmFh2d6tmkru+MkswZPQm/"
            "8xoj+ENQ1YGaOC5a3sVLLStW6x0BD+8YD9AeNrfx7MUCtqgxw5GJLHHVgUprN7NRkx+nKHwqpNyud8gOolDn/vNIkz6PFQ92"
            "r9YCJS7WV8xvbCnkCm8="
        ),
        (
            "MIGHAkFIgDW0AOyzj/twoh0nbpGypF+4OMLDgEsg4vsb+dGm7i6f4YId7uv66ukVME7DuBvCF2I8by6sylhKFa9uHTXcwwJC"
            "AIawyKwLdXALUIz8LWYPhbdIGJbdCOhK3b9IMY8fkatnkFkupO+J6mGKLoauWrFXY3Ua+2g+s80G99Wk2v6CRKms"
        ),
    ),
    Recorded(
        "RSA PKCS #1 v1.5",
        (
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAz4B4c4j9/5M7nl1HPEbFUDKbiMi2zATk4FKcXjJblff8VhX45zhB"
            "xpYS3e29B81+0l8cmXf1jPMIzPINztAAma6McsRnsfPP+J7dWSVAelXBj0JDHCMVrOg9XXJfAo+bDWCFlaZXCEQbGw3BAKx1"
            "UGCs9X5l+wOQzcK5ZvUyPvMLHy4TzkPU9hILD0TXWPzpAwtSeoz1/Fxb7N/R1g+IHbLM7/hZfVRh3dybNxMB6nj8zNfKcqlK"
            "sc70+ETeX9IlslK8EdQ3CWp6LzOTDI7FbEV2zn6iJ789YUoElvNS7hzjF0Hzgh1dsB4Vpl1dgjEVyDfIt2+l7bSd0FCIqJdO"
            "zQIDAQAB"
        ),
        (
            "CuJOU5eQ6jJQXGMyZangNERnN++9yLe+aA+U6NeCm+BrQ4reGjFhLs3Y/za0H93Sm83yBzi652ggMw8OPS46cNwJBKX0unoT"
            "QozHxnzbTujh0B7GpXXAO82EuWFyiWQF8iWXCN8I3KmDpex9d4RzOxla02n6wm9s4Fok1e0Ucv7mMrD8+vWjZbnzzOYZOu8V"
            "BAjuF3fvDsT4HGAXx5jAEUAtr0vG3DygCafyGNq32fuQZLCdZ73PJ0N806KZkoOKjQ1Qb4uJUY7Vmc6aXvgDYI+q3k8pyO6d"
            "Q7/KNrvItqdczU0jO2XUg20fH6+C0wAYEU5Pu9vTZ+fT6a5Irqpd4g=="
        ),
    ),
    Recorded(
        "RSA PSS",
        (
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAz4B4c4j9/5M7nl1HPEbFUDKbiMi2zATk4FKcXjJblff8VhX45zhB"
            "xpYS3e29B81+0l8cmXf1jPMIzPINztAAma6McsRnsfPP+J7dWSVAelXBj0JDHCMVrOg9XXJfAo+bDWCFlaZXCEQbGw3BAKx1"
            "UGCs9X5l+wOQzcK5ZvUyPvMLHy4TzkPU9hILD0TXWPzpAwtSeoz1/Fxb7N/R1g+IHbLM7/hZfVRh3dybNxMB6nj8zNfKcqlK"
            "sc70+ETeX9IlslK8EdQ3CWp6LzOTDI7FbEV2zn6iJ789YUoElvNS7hzjF0Hzgh1dsB4Vpl1dgjEVyDfIt2+l7bSd0FCIqJdO"
            "zQIDAQAB"
        ),
        (
            "iK9MQmT40pu5a6faiJrYchbuUH2av7R1PBeW1/X2xxSswhH+0S8crVkG1AvTeCRWEGAUPcuRLWpYarJqZxx6WP5rpk+dP7G7"
            "+nGor/kEywB0ywSYdlsplUDBNv40UCD2H8QarrJsnoz6nUwGGR6WnhbIoECkk8zFYYfQnOS4Jt/lLcrEb/zdBmD8n1WPi91c"
            "WsVRDO31n9snaPXB1/z6LUSxfGUof+G6tvOlLVcC5YSZR6efo22WtW2L8x9kDVYz8NEeVGHJ0lGMrihRjUd7P7BkTF9ogUUH"
            "9b0CMQzciT96sXiQE1F0c6Z3bacRWMyAoVcYcJJ9RzgzQvccasrxMA=="
        ),
    ),
    Recorded(
        "Ed25519",
        "MCowBQYDK2VwAyEASvgQzxC+/F3jP5wTn7aBgSG0kiYX5VK9Ui4L5RT0puo=",
        "xAa2Mo+tZqSsjzQtJX3C3XxxmTIaHv0fcDItgytvA8ZabSpUwmTRJqgtjFPDR9HxzAs4cZ0H0jKBLK3bwDTkCg==",
    ),
    Recorded(
        "Ed25519ph",
        "MCowBQYDK2VwAyEASvgQzxC+/F3jP5wTn7aBgSG0kiYX5VK9Ui4L5RT0puo=",
        "kL6uKSUvQBtLLi015RSAKrokZ9ZyiXrrvxqfEuooqQGdBcYG+yDPp004O0N7POcu7O8ylFqMMj3CSSh4qEXjCQ==",
    ),
)
