"""Moments as they are shown, always in UTC. Pure."""

from datetime import UTC, datetime


def iso(at: datetime) -> str:
    """`2026-01-31T12:00:00Z`: for programs, and in sentences."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def exact(at: datetime) -> str:
    """`2026-01-31T12:00:00.000001Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def second(at: datetime) -> str:
    """`2026-01-31 12:00:00`: for tables that say that it is UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def minute(at: datetime) -> str:
    """`2026-01-31 12:00`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def day(at: datetime) -> str:
    """`2026-01-31`."""
    return f"{at.astimezone(UTC):%Y-%m-%d}"
