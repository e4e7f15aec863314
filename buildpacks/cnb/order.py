"""Which Cloud Native Buildpacks build an app, in which order.

project.toml names them (github.com/buildpacks/spec, extensions/project-descriptor.md);
else the directory of buildpacks that the administrator gave does, by its order.toml or
builder.toml; else each of that directory is tried alone, by name.
"""

import json
import os
import re
import shutil
import tomllib
from typing import Any

from lifecycle.say import Failure

GIVEN = "/buildpacks-given"  # the administrator's directory
SHELF = "/cnb/buildpacks"
ORDER = "/cnb/order.toml"
WORKSPACE = "/workspace"
DOCUMENT_BYTES = 1 << 20
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,100}")

Group = list[dict[str, Any]]


class Project:
    """What project.toml says of a build: buildpacks, variables, and which files count."""

    def __init__(self, document: dict[str, Any]) -> None:
        modern = section(document, "io", "buildpacks")
        legacy = section(document, "build")
        self.group = tables(modern.get("group") or legacy.get("buildpacks"), "buildpacks")
        env = section(modern, "build").get("env") or legacy.get("env")
        self.variables = {
            one["name"]: one["value"]
            for one in tables(env, "variables")
            if isinstance(one.get("name"), str) and isinstance(one.get("value"), str)
        }
        self.exclude = texts(modern.get("exclude", legacy.get("exclude", [])), "exclude")
        self.include = texts(modern.get("include", legacy.get("include", [])), "include")
        if self.exclude and self.include:
            raise Failure("project.toml has both include and exclude", "keep one of them")


def project(name: str) -> Project:
    """The app's project.toml, or one that says nothing."""
    path = os.path.join(WORKSPACE, name)
    return Project(document(path, name) if os.path.isfile(path) else {})


def document(path: str, name: str) -> dict[str, Any]:
    """A small TOML file; Failure says where it is none."""
    with open(path, "rb") as file:
        data = file.read(DOCUMENT_BYTES + 1)
    if len(data) > DOCUMENT_BYTES:
        raise Failure(f"{name} is larger than 1 MiB")
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise Failure(f"{name} is not TOML: {str(error)[:300]}", "correct it") from None


def section(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    for key in keys:
        value = document.get(key)
        document = value if isinstance(value, dict) else {}
    return document


def tables(value: Any, what: str) -> Group:
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return value
    raise Failure(f"project.toml: {what} is not an array of tables", "write it as [[...]]")


def texts(value: Any, what: str) -> list[str]:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    raise Failure(f"project.toml: {what} is not a list of patterns")


# -- the shelf ------------------------------------------------------------------------------


def prepare(found: Project) -> None:
    """Put the buildpacks where the lifecycle looks for them, and say their order."""
    os.makedirs(SHELF)
    given = [shelve(path) for path in directories(GIVEN)]
    if found.group:
        groups = [[entry(one, given) for one in found.group]]
    else:
        groups = given_order() or [[{"id": name, "version": at}] for name, at in sorted(given)]
    if not groups:
        raise Failure(
            "there are no Cloud Native Buildpacks to build with",
            "name directories of the repository in project.toml, or give the server some: "
            "paas builder-pack:set --global buildpacks-dir /path",
        )
    with open(ORDER, "w") as file:
        file.write(written(groups))


def directories(root: str) -> list[str]:
    """The buildpacks below a directory, by name."""
    names = sorted(os.listdir(root)) if os.path.isdir(root) else []
    paths = [os.path.join(root, name) for name in names]
    return [path for path in paths if os.path.isfile(os.path.join(path, "buildpack.toml"))]


def shelve(path: str) -> tuple[str, str]:
    """Put a buildpack on the shelf, as a copy with its modes; its id and version."""
    name = os.path.relpath(path, WORKSPACE if path.startswith(f"{WORKSPACE}/") else GIVEN)
    said = section(document(os.path.join(path, "buildpack.toml"), f"{name}/buildpack.toml"),
                   "buildpack")  # fmt: skip
    identity, version = said.get("id"), said.get("version")
    if not isinstance(identity, str) or not ID.fullmatch(identity) or ".." in identity:
        raise Failure(f"{name}/buildpack.toml has no usable id", 'such as id = "example/hello"')
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        raise Failure(f"{name}/buildpack.toml has no usable version", 'such as version = "0.1.0"')
    target = os.path.join(SHELF, identity.replace("/", "_"), version)
    if not os.path.isdir(target):
        shutil.copytree(path, target, symlinks=True)
        os.chmod(target, 0o755)
    return identity, version


def entry(one: dict[str, Any], given: list[tuple[str, str]]) -> dict[str, Any]:
    """One buildpack of project.toml's, as the order names it."""
    uri, identity, version = one.get("uri"), one.get("id"), one.get("version")
    if isinstance(uri, str):
        identity, version = shelve(own(uri))
    elif isinstance(identity, str):
        versions = [at for name, at in given if name == identity and version in (None, at)]
        if not versions:
            raise Failure(
                f"the buildpack {identity[:100]}{f'@{version}' if version else ''} is not here",
                "name a directory of the repository by its uri, or see paas builder-pack:report",
            )
        version = versions[-1]
    else:
        raise Failure("a buildpack in project.toml has neither uri nor id", "give it one")
    optional = {"optional": True} if one.get("optional") is True else {}
    return {"id": identity, "version": version, **optional}


def own(uri: str) -> str:
    """A buildpack in the repository; Failure for anything that lies elsewhere."""
    path = os.path.realpath(os.path.join(WORKSPACE, uri.removeprefix("file://")))
    if "://" in uri.removeprefix("file://") or not path.startswith(f"{WORKSPACE}/"):
        raise Failure(
            f"{uri[:200]} is no directory of the repository",
            "put the buildpack into the repository, or have the administrator give it by id",
        )
    if not os.path.isfile(os.path.join(path, "buildpack.toml")):
        raise Failure(f"{uri[:200]} has no buildpack.toml", "correct the uri in project.toml")
    return path


def given_order() -> list[Group]:
    """The order that comes with the administrator's directory."""
    for name in ("order.toml", "builder.toml"):
        path = os.path.join(GIVEN, name)
        if os.path.isfile(path):
            orders = tables(document(path, name).get("order"), "order")
            return [tables(one.get("group"), "group") for one in orders]
    return []


def written(groups: list[Group]) -> str:
    """order.toml; strings of JSON are strings of TOML."""
    lines = []
    for group in groups:
        lines.append("[[order]]")
        for one in group:
            lines.append("[[order.group]]")
            known = {key: one[key] for key in ("id", "version", "optional") if key in one}
            lines += [f"{key} = {json.dumps(value)}" for key, value in known.items()]
    return "\n".join(lines) + "\n"
