"""app.json: what an app says about itself, typed.

Pure. Follows dokku's schema (docs: appendices/file-formats/app-json), which is
Heroku's with healthchecks and cron. Unknown keys are ignored, a wrong type is an
error naming the key.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from paas.errors import PaasError, UsageError
from paas.model.job import CONCURRENCY, Job, time_zone, times
from paas.model.names import ENV_KEY, PROCESS

T = TypeVar("T")
NO_DEFAULT: Any = object()
CHECK_TYPES = ("startup", "readiness", "liveness")
SCHEMES = ("http", "https")
URL = re.compile(r"https?://[!-~]{1,2000}")
WORDS = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True, slots=True)
class Variable:
    """One entry of `env`. secret: make a random value once. sync: set on every deploy."""

    value: str | None = None
    required: bool = True
    secret: bool = False
    sync: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One entry of `healthchecks`. Times are in seconds; None: the platform's default.

    Exactly one kind counts, in this order: command, listening, uptime, path.
    """

    type: str = "startup"
    name: str = ""
    path: str | None = None
    port: int | None = None
    scheme: str = "http"
    content: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    listening: bool = False
    uptime_s: int | None = None
    attempts: int | None = None
    timeout_s: int | None = None
    wait_s: int | None = None
    initial_delay_s: int | None = None
    warn: bool = False
    on_failure: dict[str, Any] = field(default_factory=dict)
    on_failure_url: str = ""


@dataclass(frozen=True, slots=True)
class AppManifest:
    """A parsed app.json. document is the JSON object as it was written."""

    env: dict[str, Variable] = field(default_factory=dict)
    formation: dict[str, int] = field(default_factory=dict)
    max_parallel: dict[str, int] = field(default_factory=dict)
    predeploy: str = ""
    postdeploy: str = ""
    first_deploy: str = ""  # scripts.postdeploy: once, after the app's first deploy
    healthchecks: dict[str, tuple[HealthCheck, ...]] = field(default_factory=dict)
    buildpacks: tuple[str, ...] = ()
    cron: tuple[Job, ...] = ()
    document: dict[str, Any] = field(default_factory=dict)


def parse(text: str) -> AppManifest:
    """The manifest; raises PaasError naming the place in the JSON or the key that is wrong."""
    top = Section("", load(text))
    scripts = top.section("scripts")
    dokku = scripts.section("dokku")
    return AppManifest(
        env={key: variable(top, key) for key in top.object("env")},
        formation=formation(top, "quantity"),
        max_parallel=formation(top, "max_parallel"),
        predeploy=dokku.text("predeploy"),
        postdeploy=dokku.text("postdeploy"),
        first_deploy=scripts.text("postdeploy"),
        healthchecks={name: checks(top, name) for name in top.object("healthchecks")},
        buildpacks=tuple(buildpack(entry) for entry in top.sections("buildpacks", words=True)),
        cron=jobs(top.values),
        document=top.values,
    )


def load(text: str) -> dict[str, Any]:
    """The JSON object of the file."""
    try:
        document = json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise PaasError(
            f"app.json is not valid JSON: line {error.lineno} column {error.colno}: {error.msg}",
            "correct the file and commit again",
        ) from error
    except RecursionError as error:
        raise PaasError("app.json is nested too deeply", "make it flatter") from error
    if not isinstance(document, dict):
        raise PaasError("app.json is not a JSON object", "its first character must be {")
    return document


@dataclass(frozen=True, slots=True)
class Section:
    """One object of the document and where it stands, for messages."""

    path: str
    values: dict[str, Any]

    def where(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def get(self, key: str, kind: type[T], default: T) -> T:
        """The value of a key in the wanted type; default when the key is missing or null."""
        value = self.values.get(key)
        return default if value is None else expect(self.where(key), value, kind)

    def text(self, key: str) -> str:
        value = self.get(key, str, "")
        if "\0" in value:
            raise wrong(self.where(key), "must not contain a NUL character")
        return value

    def number(self, key: str, minimum: int = 0, maximum: int = 86_400) -> int | None:
        """A whole number within bounds, None when missing."""
        if self.values.get(key) is None:
            return None
        value = self.get(key, int, 0)
        if not minimum <= value <= maximum:
            raise wrong(self.where(key), f"must be from {minimum} to {maximum}, not {value}")
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """One of the allowed words; the first when missing."""
        value = self.get(key, str, allowed[0])
        if value not in allowed:
            raise wrong(self.where(key), f"must be one of {', '.join(allowed)}, not {value[:80]!r}")
        return value

    def object(self, key: str) -> dict[str, Any]:
        return self.get(key, dict, {})

    def section(self, key: str) -> "Section":
        return Section(self.where(key), self.object(key))

    def sections(self, key: str, *, words: bool = False) -> list["Section"]:
        """A list of objects; words: bare strings are taken as {"url": string}."""
        found = []
        entries: list[Any] = self.get(key, list, [])
        for index, entry in enumerate(entries):
            value = {"url": entry} if words and isinstance(entry, str) else entry
            where = f"{self.where(key)}[{index}]"
            found.append(Section(where, expect(where, value, dict)))
        return found

    def strings(self, key: str) -> tuple[str, ...]:
        entries: list[Any] = self.get(key, list, [])
        where = self.where(key)
        return tuple(expect(f"{where}[{index}]", entry, str) for index, entry in enumerate(entries))


def expect(where: str, value: Any, kind: type[T]) -> T:
    """The value when it is of the kind; true and false are not numbers."""
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise wrong(where, f"must be {WORDS[kind]}, not {json.dumps(value)[:80]}")


def wrong(where: str, reason: str) -> PaasError:
    return PaasError(f"app.json: {where[:200]} {reason}", "correct app.json and commit again")


# -- the parts -----------------------------------------------------------------------


def variable(top: Section, key: str) -> Variable:
    """One environment variable: a bare string is its value."""
    env = top.section("env")
    if not ENV_KEY.fullmatch(key):
        raise wrong(env.where(key), "is not a name for an environment variable")
    if isinstance(env.values[key], str):
        return Variable(value=env.text(key))
    entry = env.section(key)
    generator = entry.get("generator", str, "")
    if generator not in ("", "secret"):
        raise wrong(entry.where("generator"), f"must be secret, not {generator[:80]!r}")
    return Variable(
        value=entry.text("value") if entry.values.get("value") is not None else None,
        required=entry.get("required", bool, True),
        secret=generator == "secret",
        sync=entry.get("sync", bool, False),
        description=entry.get("description", str, ""),
    )


def formation(top: Section, key: str) -> dict[str, int]:
    """One number of each process type that has it."""
    section = top.section("formation")
    found = {}
    for name in section.values:
        check_process(section, name)
        value = section.section(name).number(key, 0, 1000)
        if value is not None:
            found[name] = value
    return found


def check_process(section: Section, name: str) -> None:
    if not PROCESS.fullmatch(name):
        raise wrong(section.where(name), "is not the name of a process type")


def checks(top: Section, name: str) -> tuple[HealthCheck, ...]:
    """The health checks of one process type."""
    section = top.section("healthchecks")
    check_process(section, name)
    return tuple(health_check(entry) for entry in section.sections(name))


def health_check(entry: Section) -> HealthCheck:
    path = entry.text("path") or None
    if path is not None and not (path.startswith("/") and path.isprintable() and " " not in path):
        raise wrong(entry.where("path"), "must begin with / and have no spaces")
    return HealthCheck(
        type=entry.choice("type", CHECK_TYPES),
        name=entry.get("name", str, ""),
        path=path,
        port=entry.number("port", 1, 65535),
        scheme=entry.choice("scheme", SCHEMES),
        content=entry.text("content"),
        headers=tuple(header(item) for item in entry.sections("httpHeaders")),
        command=entry.strings("command"),
        listening=entry.get("listening", bool, False),
        uptime_s=entry.number("uptime"),
        attempts=entry.number("attempts", 1, 1000),
        timeout_s=entry.number("timeout", 1),
        wait_s=entry.number("wait"),
        initial_delay_s=entry.number("initialDelay"),
        warn=entry.get("warn", bool, False),
        on_failure=entry.object("onFailure"),
        on_failure_url=url(entry.section("onFailure")),
    )


def url(entry: Section) -> str:
    """An http or https URL, or "" where there is none."""
    text = entry.text("url")
    if text and not URL.fullmatch(text):
        raise wrong(entry.where("url"), "must be an http:// or https:// URL without spaces")
    return text


def header(item: Section) -> tuple[str, str]:
    """Name and value of one HTTP header, without characters that would forge another."""
    name, value = item.text("name"), item.text("value")
    if not name or not (name + value).isprintable() or any(c in name for c in " :"):
        raise wrong(item.path, "must have a name and a value without line ends")
    return name, value


def buildpack(entry: Section) -> str:
    url = entry.text("url")
    if not url:
        raise wrong(entry.where("url"), "must name a buildpack")
    return url


def jobs(document: dict[str, Any]) -> tuple[Job, ...]:
    """The jobs of a whole document; none may be there twice, since nobody could tell them apart."""
    found: dict[str, Job] = {}
    for entry in Section("", document).sections("cron"):
        made = job(entry)
        if made.id in found:
            raise wrong(entry.path, "is there twice: the same command at the same times")
        found[made.id] = made
    return tuple(found.values())


def job(entry: Section) -> Job:
    """One entry of `cron`."""
    return Job(
        command=line(entry, "command"),
        schedule=fitting(entry, "schedule", times),
        zone=fitting(entry, "timezone", time_zone) if entry.values.get("timezone") else "",
        maintenance=entry.get("maintenance", bool, False),
        concurrency=entry.choice("concurrency_policy", CONCURRENCY),
    )


def line(entry: Section, key: str) -> str:
    """Text that is there and that a terminal shows on one line."""
    value = entry.text(key).strip()
    if not value:
        raise wrong(entry.where(key), "must not be empty")
    if not value.isprintable():
        raise wrong(entry.where(key), "must be one line of printable text")
    return value


def fitting(entry: Section, key: str, rule: Callable[[str], str]) -> str:
    """Text in the form a rule gives it."""
    try:
        return rule(line(entry, key))
    except UsageError as error:
        raise PaasError(
            f"app.json: {entry.where(key)} is wrong: {error.message}", error.hint
        ) from error
