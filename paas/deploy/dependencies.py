"""Dependency layers: keyed by everything that goes into them, made once, reused after.

A key is a hash of the stack, the buildpack's own files, the runtime version, the
listed source files' content and the config that changes what installers do. A
layer that only our own buildpack's code fills (`shared`) serves every app; one
that runs packages' install scripts belongs to its app, so that no app can slip
something into another's.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from paas.deploy.workshop import BUILDPACKS, Workshop, failure, run
from paas.errors import PaasError
from paas.model.release import Layer

# config vars that installers read: a change of one makes another layer
BUILD_CONFIG = re.compile(
    r"(PIP|UV|NPM|npm|NODE|YARN|PNPM|POETRY|PIPENV|PYTHON|GIT|BUILD|CC|CXX|CFLAGS|LDFLAGS|EXTRA)(_.*)?"
)
WHOLE_TREE = "."
# a plan is handed to the build as one argument (MAX_ARG_STRLEN, execve(2))
LAYERS_AT_MOST, PLAN_BYTES = 16, 96 << 10
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer a buildpack asks for; document is its JSON as the lifecycle wrote it."""

    pack: str
    name: str
    runtime: str
    files: tuple[str, ...]
    shared: bool
    document: dict[str, Any]

    @classmethod
    def parse(cls, document: Any) -> "LayerPlan":
        """From the lifecycle's JSON, written inside the sandbox and so checked here."""
        try:
            plan = cls(
                str(document["pack"]),
                str(document["name"]),
                str(document.get("runtime", "")),
                tuple(str(path) for path in document.get("files", ())),
                bool(document.get("shared", False)),
                dict(document),
            )
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise PaasError("the build asked for a layer in a form we do not know") from error
        if not NAME.fullmatch(plan.pack) or not NAME.fullmatch(plan.name):
            raise PaasError(
                f"the build asked for a layer of a strange name: {plan.pack}/{plan.name}"[:200]
            )
        return plan


def plans(documents: Any) -> list[LayerPlan]:
    """The layers a build asks for: a short list of small documents, or PaasError."""
    if not isinstance(documents, list) or len(documents) > LAYERS_AT_MOST:
        raise PaasError("the build asked for its layers in a form we do not know")
    if len(json.dumps(documents)) > PLAN_BYTES:
        raise PaasError("the build asked for layers made from too many files")
    return [LayerPlan.parse(document) for document in documents]


def find(shop: Workshop, plan: LayerPlan) -> Layer | None:
    """The layer of this plan for this commit, when it has been made before."""
    return shop.platform.layers.find(key(shop, plan))


def make(shop: Workshop, plans: list[LayerPlan]) -> list[tuple[LayerPlan, Layer]]:
    """Every planned layer in order, making those that do not exist yet.

    A layer for every app is never made on top of one that an app's own code filled.
    """
    have: list[tuple[LayerPlan, Layer]] = []
    for plan in plans:
        below = [layer for earlier, layer in have if earlier.shared or not plan.shared]
        layer = find(shop, plan) or make_one(shop, plan, below)
        have.append((plan, layer))
    return have


def make_one(shop: Workshop, plan: LayerPlan, below: list[Layer]) -> Layer:
    """Install one layer in a build container that sees only the files in its key."""
    layers = shop.platform.layers
    base = shop.platform.settings.uids(shop.app.slot)
    upper = layers.new_upper(base)
    arguments = ("layer", "--layer", json.dumps(plan.document))
    try:
        status, results = run(shop, arguments, below, upper, files(shop, plan), shared=plan.shared)
        if status.code != 0:
            raise failure(shop, status, results)
        return layers.adopt(upper, key(shop, plan), base)
    except BaseException:
        layers.discard(upper)
        raise


def files(shop: Workshop, plan: LayerPlan) -> tuple[str, ...] | None:
    """The planned files that the commit has; None, all of them, for a plan of the whole tree."""
    if WHOLE_TREE in plan.files:
        return None
    return tuple(path for path in plan.files if path in shop.source.files)


def key(shop: Workshop, plan: LayerPlan) -> str:
    """The layer's id: a hash of everything its content depends on."""
    parts: dict[str, Any] = {
        "stack": shop.platform.stack.digest,
        "buildpack": revision(plan.pack),
        "plan": plan.document,
        "files": file_ids(shop, plan),
    }
    if not plan.shared:
        parts["app"] = shop.app.id
        parts["config"] = {k: v for k, v in shop.config.items() if BUILD_CONFIG.fullmatch(k)}
    text = json.dumps(parts, sort_keys=True)
    return f"{plan.pack}-{plan.name}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def file_ids(shop: Workshop, plan: LayerPlan) -> list[tuple[str, str, str]]:
    """Path, mode and git's content hash of each file the layer is made from."""
    tree = shop.source.files
    chosen = files(shop, plan)
    paths = sorted(tree) if chosen is None else chosen
    return [(path, tree[path].mode, tree[path].oid) for path in paths]


@cache
def revision(pack: str) -> str:
    """A hash of a buildpack's own files and the lifecycle's."""
    digest = hashlib.sha256()
    for folder in ("lifecycle", pack):
        for path in sorted((BUILDPACKS / folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(
                    str(path.relative_to(BUILDPACKS)).encode() + b"\0" + path.read_bytes()
                )
    return digest.hexdigest()
