"""The forms config:export writes variables in, as dokku names them. Pure."""

import io
import json
import shlex
import tarfile
from collections.abc import Callable, Mapping

Variables = Mapping[str, str]


def quoted(value: str) -> str:
    """In single quotes, always: what a shell reads back as it was."""
    return "'" + value.replace("'", "'\\''") + "'"


def exports(values: Variables) -> str:
    return "\n".join(f"export {key}={quoted(value)}" for key, value in values.items())


def shell(values: Variables) -> str:
    return " ".join(f"{key}={quoted(value)}" for key, value in values.items())


def envfile(values: Variables) -> str:
    """KEY="value", with backslash escapes for quotes and line ends."""
    marks = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
    return "\n".join(
        f'{key}="{"".join(marks.get(mark, mark) for mark in value)}"'
        for key, value in values.items()
    )


def docker_args(values: Variables) -> str:
    return " ".join(f"--env={shlex.quote(f'{key}={value}')}" for key, value in values.items())


def docker_args_keys(values: Variables) -> str:
    return " ".join(f"--env={key}" for key in values)


def pack_keys(values: Variables) -> str:
    return " ".join(f"--env {key}" for key in values)


def as_json(values: Variables) -> str:
    return json.dumps(dict(values))


def json_list(values: Variables) -> str:
    return json.dumps([{"name": key, "value": value} for key, value in values.items()])


def pretty(values: Variables) -> str:
    """Aligned, further lines of a value under its first."""
    width = max((len(key) for key in values), default=0) + 1
    return "\n".join(
        f"{(key + ':').ljust(width)}  " + value.replace("\n", "\n" + " " * (width + 2))
        for key, value in values.items()
    )


FORMATS: dict[str, Callable[[Variables], str]] = {
    "exports": exports,
    "envfile": envfile,
    "docker-args": docker_args,
    "docker-args-keys": docker_args_keys,
    "shell": shell,
    "pretty": pretty,
    "json": as_json,
    "json-list": json_list,
    "pack-keys": pack_keys,
}


def bundle(values: Variables) -> bytes:
    """A tar archive with a file for each variable: its value and nothing besides."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for key, value in values.items():
            data = value.encode()
            member = tarfile.TarInfo(key)
            member.size, member.mode = len(data), 0o600
            tar.addfile(member, io.BytesIO(data))
    return archive.getvalue()
