"""Bytes to values and back. Nothing here decides anything; every parser is strict and bounded."""
