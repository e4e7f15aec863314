"""An OCI image's own description, read with suspicion, and ours written for others.

Pure. Source: OCI image spec 1.1, config.md, and Docker's Healthcheck beside it. Whatever
is not of the form the spec gives it is refused by name; what we have no use for is left.
"""

import json
import re
import shlex
import signal
from collections.abc import Sequence
from typing import Any

from paas.errors import PaasError
from paas.model.image import Health, ImageConfig, Step
from paas.model.names import ENV_KEY, PROCESS

# labels in which an app that was exported keeps what an image has no place for
PROCESSES_LABEL = "paas.processes"
REVISION_LABEL = "org.opencontainers.image.revision"
# where programs lie that are entrypoints themselves (buildpacks' platform spec, "Launch")
BUILDPACK_PROCESSES = "/cnb/process/"
WORDS_AT_MOST, TEXT_BYTES = 1000, 128 << 10
PORTS_AT_MOST = 100
# how Docker and buildah write steps that ran nothing, and those that did
SHELL, NO_RUN = "/bin/sh -c ", "/bin/sh -c #(nop) "
STEPS_AT_MOST, STEP_CHARACTERS = 500, 2000
PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", re.ASCII)
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}(?::[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63})?")


def wrong(key: str, reason: str) -> PaasError:
    return PaasError(f"the image's description is not usable: {key} {reason}")


def config(document: dict[str, Any], source: str) -> ImageConfig:
    """How the image is run; user ids are looked up elsewhere."""
    section = document.get("config") or {}
    if not isinstance(section, dict):
        raise wrong("config", "is not an object")
    refuse_foreign(document)
    return ImageConfig(
        entrypoint=words(section, "Entrypoint"),
        command=words(section, "Cmd"),
        user_name=user_name(section),
        directory=directory(section),
        ports=ports(section),
        volumes=tuple(sorted(paths(section, "Volumes"))),
        labels=texts(section, "Labels"),
        stop_signal=stop_signal(section),
        health=health(section),
        run_by=words(section, "Shell"),
        on_build=words(section, "OnBuild"),
        source=source,
    )


def refuse_foreign(document: dict[str, Any]) -> None:
    """An image of another system cannot run here."""
    system = document.get("os", "linux")
    if system != "linux":
        raise wrong("os", f"is {str(system)[:40]!r}: only Linux images run here")


def environment(document: dict[str, Any]) -> dict[str, str]:
    """The variables that the image sets."""
    found = {}
    for entry in words(document.get("config") or {}, "Env"):
        key, equals, value = entry.partition("=")
        if equals and ENV_KEY.fullmatch(key):
            found[key] = value
    return found


# -- parts -------------------------------------------------------------------------------


def words(section: dict[str, Any], key: str) -> tuple[str, ...]:
    """A list of strings, each something a process can be given."""
    value = section.get(key) or []
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or len(value) > WORDS_AT_MOST:
        raise wrong(key, "is not a list of words")
    return tuple(text(key, word) for word in value)


def text(key: str, value: Any) -> str:
    """A string without NUL that is all Unicode and not overlong."""
    if not isinstance(value, str) or "\0" in value or len(value) > TEXT_BYTES:
        raise wrong(key, "has something in it that is no text")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise wrong(key, "has something in it that is no text")
    return value


def texts(section: dict[str, Any], key: str) -> dict[str, str]:
    value = section.get(key) or {}
    if not isinstance(value, dict) or len(value) > WORDS_AT_MOST:
        raise wrong(key, "is not an object")
    return {text(key, name): text(key, content) for name, content in value.items()}


def paths(section: dict[str, Any], key: str) -> list[str]:
    """The keys of an object that are absolute paths."""
    value = section.get(key) or {}
    if not isinstance(value, dict) or len(value) > WORDS_AT_MOST:
        raise wrong(key, "is not an object")
    return [path(key, name) for name in value]


def path(key: str, value: Any) -> str:
    found = text(key, value)
    if not found.startswith("/") or ".." in found.split("/") or not found.isprintable():
        raise wrong(key, f"has a path that is not absolute: {found[:80]!r}")
    return found


def directory(section: dict[str, Any]) -> str:
    return path("WorkingDir", section.get("WorkingDir") or "/")


def user_name(section: dict[str, Any]) -> str:
    found = text("User", section.get("User") or "")
    if found and not USER.fullmatch(found):
        raise wrong("User", f"is {found[:80]!r}, which is no user of an image")
    return found


def ports(section: dict[str, Any]) -> tuple[int, ...]:
    """The TCP ports that are exposed, in ascending order; a range counts as its ports."""
    value = section.get("ExposedPorts") or {}
    if not isinstance(value, dict):
        raise wrong("ExposedPorts", "is not an object")
    found: set[int] = set()
    for entry in value:
        match = PORT.fullmatch(str(entry))
        if match is None:
            raise wrong("ExposedPorts", f"has {str(entry)[:40]!r} in it, which is no port")
        first, last = int(match[1]), int(match[2] or match[1])
        if match[3] in (None, "tcp") and 1 <= first <= last <= 65535:
            found.update(range(first, min(last, first + PORTS_AT_MOST) + 1))
    return tuple(sorted(found)[:PORTS_AT_MOST])


def stop_signal(section: dict[str, Any]) -> int:
    """SIGTERM, or what the image wants: SIGQUIT, QUIT or 3."""
    wanted = text("StopSignal", section.get("StopSignal") or "SIGTERM").strip().upper()
    if wanted.isdecimal() and wanted.isascii() and len(wanted) <= 2 and 1 <= int(wanted) <= 64:
        return int(wanted)
    name = wanted if wanted.startswith("SIG") else f"SIG{wanted}"
    if name in signal.Signals.__members__:
        return int(signal.Signals[name])
    raise wrong("StopSignal", f"is {wanted[:40]!r}, which is no signal")


def health(section: dict[str, Any]) -> Health | None:
    """HEALTHCHECK, None when there is none or it was switched off; times are nanoseconds there."""
    value = section.get("Healthcheck")
    if not isinstance(value, dict):
        return None
    test = words(value, "Test")
    if not test or test[0] == "NONE":
        return None
    line = test[1:] if test[0] == "CMD" else ("/bin/sh", "-c", *test[1:2])
    usual = Health(line)
    return Health(
        line,
        seconds(value, "Interval") or usual.interval_s,
        seconds(value, "Timeout") or usual.timeout_s,
        seconds(value, "StartPeriod"),
        int(number(value, "Retries")) or usual.retries,
    )


def seconds(section: dict[str, Any], key: str) -> float:
    return min(number(section, key) / 10**9, 3600.0)


def number(section: dict[str, Any], key: str) -> float:
    value = section.get(key) or 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 62:
        raise wrong(f"Healthcheck.{key}", "is not a number")
    return value


# -- history -------------------------------------------------------------------------------


def steps(document: dict[str, Any], layers: Sequence[str]) -> tuple[Step, ...]:
    """What was done for each layer and between them; layers nobody speaks of come last."""
    history = document.get("history") or []
    if not isinstance(history, list):
        raise wrong("history", "is not a list")
    # of a layer that comes twice, only the upper one shows anything
    left = ["" if layer in layers[place:] else layer for place, layer in enumerate(layers, 1)]
    found = []
    for entry in history[:STEPS_AT_MOST]:
        if not isinstance(entry, dict):
            raise wrong("history", "has something in it that is no object")
        adds = not entry.get("empty_layer") and left
        found.append(Step(said(entry), left.pop(0) if adds else "", moment(entry)))
    return (*found, *(Step("", layer) for layer in left if layer))


def said(entry: dict[str, Any]) -> str:
    """The step as somebody wrote it."""
    words_ = entry.get("created_by") or entry.get("comment") or ""
    line = " ".join(str(words_).split())[:STEP_CHARACTERS]
    if line.startswith(NO_RUN):
        line = line.removeprefix(NO_RUN)
    elif line.startswith(SHELL):
        line = f"RUN {line.removeprefix(SHELL)}"
    return "".join(one if one.isprintable() else "?" for one in line)


def moment(entry: dict[str, Any]) -> str:
    created = entry.get("created")
    return created[:40] if isinstance(created, str) and created.isprintable() else ""


# -- processes -----------------------------------------------------------------------------


def processes(found: ImageConfig) -> dict[str, str]:
    """Process types and their command lines, which are given to the entrypoint.

    A line splits into the same words again. An image that was an app here says what else
    the app had.
    """
    lines = {"web": shlex.join(found.command)}
    try:
        kept = json.loads(found.labels.get(PROCESSES_LABEL, "{}"))
    except (ValueError, RecursionError):
        return lines
    if not isinstance(kept, dict):
        return lines
    for kind, line in kept.items():
        if PROCESS.fullmatch(kind) and isinstance(line, str) and line.isprintable():
            lines[kind] = shlex.quote(line)
    return lines
