"""What nginx is started with: its configuration, the lua beside it, and our own pages.

Touches: jinja2 and the files of nginx_templates. Pure otherwise: the same inputs
give the same site, named by a digest of its content.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from paas.model import nginx, webhook
from paas.model.ports import ENCRYPTED, GRPC
from paas.model.route import RouteState
from paas.model.standin import StandIn
from paas.proxy import listening
from paas.proxy.shape import Block, Shape

EMPTY = Shape()
TEMPLATES = Path(__file__).resolve().parents[2] / "nginx_templates"
DOORS = "doors"
LUA = ("router.lua", "control.lua", "passwords.lua")
IDLE_CONNECTIONS = 128  # to apps, kept by each worker


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the machine and the settings decide: paths, addresses to listen on, and sizes."""

    sites: Path
    run: Path
    logs: Path
    table: Path
    held: Path  # there while some app is held
    certificates: Path
    pages: Path  # of apps, for the time of their maintenance
    webhooks: Path  # the daemon's socket for what git servers tell
    modules: tuple[str, ...]
    addresses: tuple[str, ...]  # to listen at, such as 0.0.0.0 and [::]
    http_port: int
    https_port: int
    ssh_port: int
    workers: int
    open_files: int
    connections: int
    idle_connections: int = IDLE_CONNECTIONS


@dataclass(frozen=True, slots=True)
class Site:
    """Files by name, and the digest that names the directory they go to."""

    digest: str
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """One of our own pages; `@app@` and `@host@` are filled in when it is served."""

    title: str
    paragraphs: tuple[str, ...]
    mark: str
    command: str = ""
    refresh_s: int = 0


def site(inputs: Inputs, shape: Shape = EMPTY) -> Site:
    """Everything nginx reads, rendered."""
    files = {name: (TEMPLATES / name).read_text() for name in LUA}
    files[DOORS] = listening.encode(shape.ports)
    page = environment().get_template("page.html.j2")
    for state, content in pages(inputs.ssh_port).items():
        files[f"{state}.html"] = page.render(asdict(content))
    configuration = environment().get_template("nginx.conf.j2")
    values = variables(inputs, shape)
    digest = digest_of({**files, "nginx.conf": configuration.render(values, digest="", site="")})
    names = {"digest": digest, "site": inputs.sites / digest}
    files["nginx.conf"] = configuration.render(values, **names)
    return Site(digest, files)


def environment() -> Environment:
    """jinja2: pages are escaped; what goes into nginx's own language is checked before."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=select_autoescape(("html.j2",)),
    )


def variables(inputs: Inputs, shape: Shape) -> dict[str, object]:
    """The template's variables."""
    common = dict(shape.defaults)
    return {
        **asdict(inputs),
        "listens": [text for port in web_ports(inputs, shape) for text in listens(inputs, *port)],
        "grpc_listens": [
            text
            for scheme, port in shape.ports
            if scheme in GRPC
            for text in listens(inputs, scheme, port)
        ],
        "common": nginx.directives(common),
        "webhook_path": webhook.PATH,
        "webhook_bytes": webhook.BODY_BYTES,
        "names": shape.names,
        "blocks": [described(one, common) for one in shape.blocks],
    }


def web_ports(inputs: Inputs, shape: Shape) -> list[tuple[str, int]]:
    """Every port for HTTP, the instance's own first."""
    own = [("http", inputs.http_port), ("https", inputs.https_port)]
    return own + [one for one in shape.ports if one[0] not in GRPC]


def listens(inputs: Inputs, scheme: str, port: int) -> list[str]:
    """The `listen` parameters of a port, one for each address."""
    kind = (" ssl" if scheme in ENCRYPTED else "") + (" http2" if scheme != "http" else "")
    return [f"{address}:{port}{kind}" for address in inputs.addresses]


def described(block: Block, common: dict[str, str]) -> dict[str, object]:
    """What a server block of its own is made of."""
    return {
        "app": block.app,
        "names": block.names,
        "own": nginx.directives({**common, **dict(block.settings)}),
        "guarded": block.guarded,
        "addresses": block.addresses,
    }


def block(inputs: Inputs, shape: Shape, one: Block) -> str:
    """The server block that an app has, or would have."""
    alone = Shape(shape.ports, (one,), (), shape.defaults)
    template = environment().get_template("app.conf.j2")
    return template.render(variables(inputs, alone))


def standins(found: Sequence[StandIn], resolver: str) -> str:
    """The configuration of the nginx that stands in for fixed hosts while a build runs."""
    local = [one for one in found if one.local]
    numbers = {
        one: number for number, one in enumerate([*local, *(one for one in found if not one.local)])
    }
    hosts: dict[str, list[dict[str, object]]] = {}
    for one in found:
        entry = {"path": one.path, "whole": one.whole, "local": one.local, "target": one.target}
        entry |= {"expression": one.expression, "number": numbers[one]}
        hosts.setdefault(one.host, []).append(entry)
    covered = {host: any(one["path"] == "/" for one in entries) for host, entries in hosts.items()}
    template = environment().get_template("standins.conf.j2")
    return template.render(hosts=hosts, covered=covered, resolver=resolver)


def digest_of(files: dict[str, str]) -> str:
    """Sixteen hexadecimal digits that change when any file does."""
    content = hashlib.sha256()
    for name, text in sorted(files.items()):
        content.update(f"{name} {len(text)}\n{text}".encode())
    return content.hexdigest()[:16]


def pages(ssh_port: int) -> dict[RouteState, Page]:
    """What visitors read when no app answers: what is going on, and what to do next."""
    return {
        RouteState.UNDEPLOYED: Page(
            "Nothing is deployed here yet",
            (
                "This address belongs to an app that is waiting for its first deploy.",
                "If it is yours, push your code:",
            ),
            mark="#3b82f6",
            command=f"git push ssh://paas@@host@:{ssh_port}/@app@ main",
        ),
        RouteState.STARTING: Page(
            "Just a moment",
            ("The app is starting. This page tries again by itself.",),
            mark="#f59e0b",
            refresh_s=2,
        ),
        RouteState.STOPPED: Page(
            "Paused for now",
            (
                "This app has been stopped by its owner, perhaps for maintenance.",
                "Please come back later.",
            ),
            mark="#8b93a5",
        ),
        RouteState.HELD: Page(
            "Back in a moment",
            (
                "This app is paused for a moment, perhaps for maintenance.",
                "This page tries again by itself.",
            ),
            mark="#f59e0b",
            refresh_s=5,
        ),
        RouteState.MAINTENANCE: Page(
            "Down for maintenance",
            ("This app is being worked on.", "Please come back in a while."),
            mark="#f59e0b",
        ),
        RouteState.DOWN: Page(
            "The app did not answer",
            (
                "The platform is fine, but this app is down or took too long.",
                "Please try again in a moment. If the app is yours, its logs say more.",
            ),
            mark="#ef4444",
        ),
    }
