"""Vetting: what rows of an archive say is what the commands would have let somebody say.

Names become names of files, settings become parts of configurations: nothing that comes
in an archive may be what nobody could have set here. Pure. A table without a rule is
taken only when everything comes, and a test asks for one.
"""

import base64
import json
import re
import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from paas.backup.members import refused
from paas.errors import PaasError
from paas.image.layers import ID
from paas.model import (
    access,
    build,
    certificate,
    docker_options,
    job,
    key,
    limits,
    maintenance,
    names,
    plugin,
    ports,
    reference,
    route,
    standin,
    volume,
)
from paas.model.caller import Role
from paas.model.release import Image

Row = Mapping[str, Any]
TEXT_LENGTH = 4 << 20
COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})?")
REVISION = re.compile(r"[0-9a-f]{40,64}")
STATUSES = ("pending", "succeeded", "failed")
COUNTS = 10_000
OPTIONS = 100
PAIR = 2


def vet(table: str, row: Row) -> None:
    """Raise PaasError for a row that nobody could have made here; unknown tables pass."""
    try:
        for value in row.values():
            if isinstance(value, str):
                text(value)
        RULES.get(table, anything)(row)
    except (PaasError, ValueError, TypeError, LookupError, AttributeError) as error:
        why = error.message if isinstance(error, PaasError) else str(error)
        raise refused(f"database/{table}", f"has a row that cannot be: {why[:300]}") from error


def text(value: str) -> str:
    if "\0" in value or len(value) > TEXT_LENGTH:
        raise ValueError("a text has a NUL character in it, or is too long")
    return value


def known(condition: object, what: str) -> None:
    if not condition:
        raise ValueError(what)


def anything(_row: Row) -> None:
    """Nothing in it is used as a name, or in a place where it could do harm."""


# -- by table ------------------------------------------------------------------------------


def app(row: Row) -> None:
    names.app_name(row["name"])
    known(row["last_version"] >= 0, "a number of a release")


def variable(row: Row) -> None:
    names.env_key(row["key"])


def domain(row: Row) -> None:
    known(names.domain_name(row["name"]) == row["name"], f"domain {row['name'][:80]!r}")


def formation(row: Row) -> None:
    names.process_type(row["process_type"])
    known(0 <= row["count"] < COUNTS, f"{row['count']} processes")


def limit(row: Row) -> None:
    known(not row["process_type"] or names.process_type(row["process_type"]), "")
    limits.check(row["key"], row["value"])


def buildpack(row: Row) -> None:
    known(row["name"].isprintable() and len(row["name"]) < 4096, "a buildpack's name")


def option(row: Row) -> None:
    known(not row["process"] or names.process_type(row["process"]), "")
    known(0 <= row["position"] < OPTIONS, "the place of an option")
    known(docker_options.parse(row["phase"], [row["option"]]) == [row["option"]], "an option")


def port_mapping(row: Row) -> None:
    ports.mapping(f"{row['scheme']}:{row['host_port']}:{row['container_port']}")


def release(row: Row) -> None:
    image(row["image"])
    known(conforms(row["config"], dict[str, str]), "a release's config")
    for name, value in row["config"].items():
        names.env_key(name)
        text(value)
    known(row["version"] >= 1 and row["status"] in STATUSES, "a release's state")


def named_image(row: Row) -> None:
    image(row["image"])
    known(str(reference.parse(row["name"])) and row["name"].isprintable(), "an image's name")


def image(value: Any) -> None:
    """Of the types it says, and nothing in it is a name that leads astray."""
    known(conforms(value, Image), "an image is not in the form of one")
    for kind in value.processes:
        names.process_type(kind)
    for name in value.environment:
        known(name and "=" not in name, "a variable of an image")
    for line in (*value.processes.values(), *value.environment.items()):
        text("".join(line))
    for layer in value.layers:
        known(ID.fullmatch(layer.id) and layer.uid_base >= 0, "a layer's id")
    known(COMMIT.fullmatch(value.commit), "a commit")


def release_layer(row: Row) -> None:
    known(ID.fullmatch(row["layer_id"]), "a layer's id")


def public_key(row: Row) -> None:
    known(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}", row["name"]), "a key's name")
    known(key.parse(f"{row['type']} {row['blob']}").fingerprint == row["fingerprint"], "a key")
    for role in filter(None, row["roles"].split(",")):
        known(Role(role) is not Role.HOOK, "the roles of a key")


def stand_in(row: Row) -> None:
    found = standin.parse(f"https://{row['host']}{row['path']}", row["target"])
    known((found.host, found.path, found.target) == (row["host"], row["path"], row["target"]),
          "a stand-in")  # fmt: skip


def fetched(row: Row) -> None:
    known(ID.fullmatch(row["layer"]), "a layer's id")


def shown(row: Row) -> None:
    """A certificate that nginx would not take would have to be left out at each start."""
    found = certificate.read(row["chain"].encode(), row["key"].encode())
    known((found.chain, found.key) == (row["chain"], row["key"]), "a certificate")
    known(found.digest == row["digest"], "what a certificate is called")


def account(row: Row) -> None:
    known(row["server"].isprintable() and row["uri"].isprintable(), "an account")
    certificate.private_key(row["key"].encode())


def sent_on(row: Row) -> None:
    for name in (row["source"], row["destination"]):
        known(names.domain_name(name) == name and not name.startswith("*"), f"{name[:80]!r}")
    known(row["code"] in route.CODES, "the status of a redirect")


def visitor(row: Row) -> None:
    access.user_name(row["name"])
    access.password_hash(row["hash"])


def let_in(row: Row) -> None:
    known(access.address(row["address"]) == row["address"], "an address")


def page(row: Row) -> None:
    known(conforms(row["files"], dict[str, str]), "the files of a page")
    files = {name: base64.b64decode(text, validate=True) for name, text in row["files"].items()}
    known(maintenance.digest_of(maintenance.checked(files)) == row["digest"], "a page")


def volume_entry(row: Row) -> None:
    """A path of the host is asked for again whenever it is mounted."""
    volume.volume_name(row["name"], made=True)
    known(not row["host_path"] or volume.host_path(row["host_path"]), "")
    known(row["size_bytes"] is None or row["size_bytes"] >= volume.SMALLEST_BYTES, "a size")
    known(not row["owner"] or volume.owner_word(row["owner"]), "")
    known(not row["mode"] or volume.folder_mode(row["mode"]), "")
    for pairs in (row["labels"], row["annotations"]):
        found = json.loads(pairs)
        known(conforms(found, dict[str, str]) and volume.labels(found) == found, "labels")


def volume_mount(row: Row) -> None:
    parts = {key: row[key] for key in ("volume", "path", "process_type", "subpath", "options")}
    one = volume.Attachment(
        **parts, phases=tuple(row["phases"].split(",")), read_only=row["read_only"],
        owner=row["owner"],
    )  # fmt: skip
    known(volume.checked(one) == one, "a mount")


def shared_network(row: Row) -> None:
    names.network_name(row["name"])
    known(row["slot"] >= 1, "a network's slot")


def deploy(row: Row) -> None:
    """A build's name is that of its log's file."""
    known(build.ID.fullmatch(row["name"]), "what a build is called")
    known(row["kind"] in list(build.BuildKind), "what kind of a build it was")
    known(row["status"] in list(build.BuildStatus), "how a build ended")
    known(COMMIT.fullmatch(row["revision"]), "a commit")
    parts = row["phases"]
    known(isinstance(parts, list) and all(map(part, parts)), "the parts of a build")


def part(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == PAIR
        and isinstance(value[0], str)
        and conforms(value[1], float)
    )


def timed(row: Row) -> None:
    known(job.ID.fullmatch(row["job_id"]), "what a job is called")


def installed(row: Row) -> None:
    """Its files are found by its revision, its user by its id."""
    known(row["id"] >= 1, "a plugin's id")
    known(REVISION.fullmatch(row["revision"]), "a plugin's revision")
    found = json.loads(row["commands"])
    known(isinstance(found, list), "a plugin's commands")
    for one in found:
        known(conforms(one, dict[str, str]), "a plugin's command")
        plugin.own_command(plugin.OwnCommand(**one))
    known(plugin.NAME.fullmatch(row["name"]), "what a plugin is called")
    known(row["kind"] in list(plugin.SourceKind), "how a plugin is fetched")
    known(not row["address"].startswith("-"), "where a plugin comes from")
    known(not row["committish"] or plugin.COMMITTISH.fullmatch(row["committish"]), "a commit")


def setting(row: Row) -> None:
    """Whether it makes sense is asked of those who set it, when it is taken in."""
    for part in (row["namespace"], row["key"]):
        known(part.isprintable() and len(part) < 300, "the name of a property")


RULES: Mapping[str, Callable[[Row], None]] = {
    "acme_accounts": account,
    "apps": app,
    "build_config": variable,
    "buildpacks": buildpack,
    "builds": deploy,
    "certificates": shown,
    "config": variable,
    "docker_options": option,
    "domain_settings": anything,
    "domains": domain,
    "events": anything,
    "fetched_buildpacks": fetched,
    "formation": formation,
    "global_domains": domain,
    "http_auth_addresses": let_in,
    "http_auth_users": visitor,
    "job_runs": anything,  # never taken
    "jobs": timed,
    "keys": public_key,
    "limits": limit,
    "maintenance_pages": page,
    "named_images": named_image,
    "networks": shared_network,
    "plugins": installed,
    "port_mappings": port_mapping,
    "process_states": anything,  # never taken
    "properties": setting,
    "redirects": sent_on,
    "registry_logins": anything,  # sealed, and taken only with the key they were sealed with
    "release_layers": release_layer,
    "releases": release,
    "secrets": anything,  # as logins
    "stacks": anything,  # never taken
    "standins": stand_in,
    "volume_mounts": volume_mount,
    "volumes": volume_entry,
}


# -- types ---------------------------------------------------------------------------------


def conforms(value: Any, kind: Any) -> bool:
    """Whether a value, and all that is in it, is of a type as annotations write it."""
    origin = get_origin(kind)
    if origin is not None:
        return made_of(value, origin, get_args(kind))
    if kind is Any or kind is object:
        return True
    if is_dataclass(kind):
        parts = hints(cast("Hashable", kind))
        return type(value) is kind and all(
            conforms(getattr(value, one.name), parts[one.name]) for one in fields(kind)
        )
    if kind is float:
        return type(value) in (int, float)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def made_of(value: Any, origin: Any, inner: tuple[Any, ...]) -> bool:
    """The same for unions, tuples of one type, and dictionaries."""
    if origin in (Union, types.UnionType):
        return any(conforms(value, one) for one in inner)
    if origin is tuple:
        return isinstance(value, tuple) and all(conforms(one, inner[0]) for one in value)
    return isinstance(value, dict) and all(
        conforms(key, inner[0]) and conforms(one, inner[1]) for key, one in value.items()
    )


@cache
def hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(kind)
