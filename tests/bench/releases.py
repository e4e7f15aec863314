"""Releases: an app on another snapshot of its stack, and what its image is made of."""

from tests.bench.deploys import APP, FILES, own_start
from tests.bench.measuring import Outcome, median, repeated, timed
from tests.e2e.instance import Instance


def flask(instance: Instance, app: str) -> None:
    instance.repository(app).deploy({**FILES, "app.py": APP.format(text="hello")})


def rebase(instance: Instance, runs: int) -> Outcome:
    """From the command to the new processes serving, there and back."""
    instance.ok("stack:build", "extra", stdin=b"")
    instance.ok("apps:create", "moved")
    instance.ok("buildpacks:set-property", "moved", "stack", "extra")
    flask(instance, "moved")
    instance.ok("stack:build", "extra", stdin=b'run = ["tree"]')
    there, back = [], []
    for _ in range(runs):
        there.append(timed(lambda: instance.ok("stack:rebase", "moved")))
        back.append(timed(lambda: instance.ok("releases:rollback", "moved")))
    own = median(repeated(runs, lambda _: own_start(instance, "moved")))
    taken = median(there)
    return Outcome(
        "an app on a newer stack, without building it",
        "<= 1.0 s above the app's own start",
        f"{taken:.2f} s, back {median(back):.2f} s ({own:.2f} s its own start)",
        f"{taken - own:.2f} of 1.0 s",
        taken - own <= 1.0,
        {"there": there, "back": back},
    )


def sbom(instance: Instance, runs: int) -> Outcome:
    """A bill of materials: with layers that nobody has looked into, and from then on."""
    flask(instance, "billed")
    first = timed(lambda: instance.ok("releases:sbom", "billed"))
    again = repeated(runs, lambda _: timed(lambda: instance.ok("releases:sbom", "billed")))
    return Outcome(
        "bill of materials of a Flask app",
        "<= 3 s the first time, <= 1 s again",
        f"{first:.2f} s, again {median(again):.2f} s",
        f"{first:.2f} of 3 s",
        first <= 3.0 and median(again) <= 1.0,
        {"first": [first], "again": again},
    )


def update(instance: Instance) -> Outcome:
    """A stack made again from Debian's archive, with one package more."""
    taken = timed(lambda: instance.ok("stack:build", "extra", stdin=b'run = ["tree"]'))
    return Outcome(
        "a stack with Debian's updates and a package more",
        "<= 60 s",
        f"{taken:.1f} s",
        f"{taken:.1f} of 60 s",
        taken <= 60.0,
        {"update": [taken]},
    )
