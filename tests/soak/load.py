"""Operations on an app under mixed load: nothing lost, nothing wrong, and how the tail fares."""

from tests.load.__main__ import arguments, soak

run = soak
__all__ = ["arguments", "run"]
