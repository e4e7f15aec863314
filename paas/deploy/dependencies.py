"""Dependency layers: keyed by everything that goes into them, made once, reused after.

A key is a hash of the stack, the buildpack's own files, the runtime version, the
listed source files' content and the config that changes what installers do. A
layer that only our own buildpack's code fills (`shared`) serves every app; one
that runs packages' install scripts belongs to its app, so that no app can slip
something into another's. Such a layer may grow: it is installed on top of the last
one of its kind, and takes over by hard links what that left as it was.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from paas.deploy.workshop import BUILDPACKS, Workshop, failure, run
from paas.errors import PaasError
from paas.image import growth, opaque
from paas.model.app import App
from paas.model.container import ExitStatus
from paas.model.release import Layer
from paas.platform import Platform

log = logging.getLogger(__name__)

# config vars that installers read: a change of one makes another layer
BUILD_CONFIG = re.compile(
    r"(PIP|UV|PDM|POETRY|PIPENV|PYTHON|NPM|npm|NODE|YARN|PNPM|BUN|DENO|JSR"
    r"|GO(PROXY|PRIVATE|NOPROXY|SUMDB|NOSUMDB|INSECURE|FLAGS|TOOLCHAIN|VERSION|EXPERIMENT)?|CGO"
    r"|CARGO|RUST(UP|FLAGS|C)?|MAVEN|MVN|GRADLE|JAVA|BUNDLE|GEM|RUBY|COMPOSER|PHP"
    r"|GIT|BUILD|CC|CXX|(C|CXX|CPP|LD)FLAGS|EXTRA)(_.*)?"
)
WHOLE_TREE = "."
# property: the last layer of each kind that grows, and what it was made of
BASES = "layer-bases"
LAST_PLAN = ("build", "plan")  # the property that keeps what the last build planned
SYSTEM_INSTALLER = "lifecycle/debian.py"
# a plan is handed to the build as one argument (MAX_ARG_STRLEN, execve(2))
LAYERS_AT_MOST, PLAN_BYTES = 16, 96 << 10
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


class GrowthFailed(PaasError):
    """A layer could not be made on top of another; without it, it may be."""


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer a buildpack asks for; document is its JSON as the lifecycle wrote it.

    system: "run" or "build" for one that is installed by root over that variant of the stack
    alone, by the lifecycle itself; "" for all others.
    """

    pack: str
    name: str
    runtime: str
    files: tuple[str, ...]
    shared: bool
    provides: tuple[str, ...]
    system: str
    document: dict[str, Any]

    @property
    def grows(self) -> bool:
        """Whether it may be installed on top of an earlier one; never across apps."""
        return bool(self.document.get("grows")) and not self.shared

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
                tuple(f"app/{path}" for path in document.get("provides", ())),
                str(document.get("system", "")),
                dict(document),
            )
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise PaasError("the build asked for a layer in a form we do not know") from error
        if not NAME.fullmatch(plan.pack) or not NAME.fullmatch(plan.name):
            raise PaasError(
                f"the build asked for a layer of a strange name: {plan.pack}/{plan.name}"[:200]
            )
        if plan.system not in ("", "run", "build") or (plan.system and not plan.shared):
            raise PaasError(f"the build asked for a system layer {plan.system}"[:200])
        return plan


def plans(documents: Any) -> list[LayerPlan]:
    """The layers a build asks for: a short list of small documents, or PaasError."""
    if not isinstance(documents, list) or len(documents) > LAYERS_AT_MOST:
        raise PaasError("the build asked for its layers in a form we do not know")
    if len(json.dumps(documents)) > PLAN_BYTES:
        raise PaasError("the build asked for layers made from too many files")
    return [LayerPlan.parse(document) for document in documents]


def last_plan(platform: Platform, app: App) -> list[LayerPlan]:
    """What the app's last build planned."""
    return plans(json.loads(platform.store.properties.get(app, *LAST_PLAN) or "[]"))


def keep_plan(platform: Platform, app: App, plan: Sequence[LayerPlan]) -> None:
    """The next build is likely to have the same."""
    text = json.dumps([layer.document for layer in plan])
    if text != platform.store.properties.get(app, *LAST_PLAN):
        platform.store.properties.set(app, *LAST_PLAN, text)


def find(shop: Workshop, plan: LayerPlan) -> Layer | None:
    """The layer of this plan for this commit, when it has been made before."""
    return shop.platform.layers.find(key(shop, plan))


def make(shop: Workshop, plans: list[LayerPlan]) -> list[tuple[LayerPlan, Layer]]:
    """Every planned layer in order, making those that do not exist yet.

    A layer for every app is never made on top of one that an app's own code filled, and a
    system layer on top of none.
    """
    have: list[tuple[LayerPlan, Layer]] = []
    for plan in plans:
        under = [layer for earlier, layer in have if earlier.shared or not plan.shared]
        layer = find(shop, plan) or make_one(shop, plan, [] if plan.system else under)
        have.append((plan, layer))
    return have


def make_one(shop: Workshop, plan: LayerPlan, under: list[Layer]) -> Layer:
    """Install one layer: on top of the app's last one of this kind, or else from nothing."""
    if not plan.grows:
        return installed(shop, plan, under, None)
    extended = extends(plan, under)
    apart = [layer for layer in under if layer != extended]
    if (base := last(shop, plan) or extended) is not None:
        try:
            return kept(shop, plan, installed(shop, plan, apart, base))
        except (GrowthFailed, OSError) as error:
            log.info("%s of %s is made from nothing: %s", plan.name, shop.app.name, error)
            shop.console.step("Once more, from nothing")
    return kept(shop, plan, installed(shop, plan, apart, None))


def installed(shop: Workshop, plan: LayerPlan, under: list[Layer], base: Layer | None) -> Layer:
    """Install in a build container that sees only the files in the key, and what base has."""
    layers = shop.platform.layers
    uids = shop.platform.settings.uids(shop.app.slot)
    upper = layers.new_upper(uids)
    arguments = ["layer", "--layer", json.dumps(plan.document), *(("--grown",) if base else ())]
    stack = [*under, base] if base else under
    try:
        status, results = run(
            shop,
            tuple(arguments),
            stack,
            upper,
            files(shop, plan),
            shared=plan.shared,
            system=plan.system,
        )
        if status.code != 0:
            raise broken(shop, status, results, base)
        if plan.grows:
            growth.complete(upper, layers.path(base) if base else None, plan.provides)
        if plan.system == "run":  # builds have it over more than the stack that apps run in
            opaque.reveal(upper, [layers.path(layer) for layer in shop.stack.run])
        owner = 0 if plan.shared else shop.app.id
        return layers.adopt(upper, key(shop, plan), uids, app=owner, common=True)
    except BaseException:
        layers.discard(upper)
        raise


def extends(plan: LayerPlan, under: list[Layer]) -> Layer | None:
    """The layer of the same pack that this one holds everything of, and more."""
    start = f"{plan.pack}-{plan.document.get('extends')}-"
    return next((layer for layer in under if layer.id.startswith(start)), None)


def last(shop: Workshop, plan: LayerPlan) -> Layer | None:
    """The app's last layer of this kind, when only its files' content was another."""
    text = shop.platform.store.properties.get(shop.app, BASES, f"{plan.pack}/{plan.name}") or ""
    made_of, _, layer_id = text.partition(" ")
    layers = shop.platform.layers
    found = layers.find(layer_id) if made_of == basis(shop, plan) else None
    return found if found and layers.is_common(found) else None


def kept(shop: Workshop, plan: LayerPlan, layer: Layer) -> Layer:
    """The layer, remembered as the last of its kind."""
    text = f"{basis(shop, plan)} {layer.id}"
    shop.platform.store.properties.set(shop.app, BASES, f"{plan.pack}/{plan.name}", text)
    return layer


def broken(
    shop: Workshop, status: ExitStatus, results: dict[str, Any], base: Layer | None
) -> PaasError:
    """Why installing failed; GrowthFailed when it might work without the base."""
    error = failure(shop, status, results)
    limit = status.out_of_memory or status.out_of_disk
    if base is None or limit or results.get("error", {}).get("certain") is True:
        return error
    return GrowthFailed(error.message, error.hint)


def files(shop: Workshop, plan: LayerPlan) -> tuple[str, ...] | None:
    """The planned files and folders that the commit has; None, all of it, for the whole tree."""
    if WHOLE_TREE in plan.files:
        return None
    tree = shop.source.files
    return tuple(path for path in plan.files if path in tree or any(below(tree, path)))


def below(tree: Iterable[str], path: str) -> Iterator[str]:
    """The files in a planned folder, which is named with a slash at its end."""
    return (name for name in tree if path.endswith("/") and name.startswith(path))


def key(shop: Workshop, plan: LayerPlan) -> str:
    """The layer's id: a hash of everything its content depends on."""
    parts = {**surroundings(shop, plan), "plan": plan.document, "files": file_ids(shop, plan)}
    return f"{plan.pack}-{plan.name}-{digest(parts)}"


def basis(shop: Workshop, plan: LayerPlan) -> str:
    """A hash of what a layer must have in common with one that it grows out of."""
    over = {key: plan.document[key] for key in ("over",) if key in plan.document}
    return digest({**surroundings(shop, plan), "runtime": plan.runtime, **over})


def surroundings(shop: Workshop, plan: LayerPlan) -> dict[str, Any]:
    """What goes into a layer beside the plan and the files."""
    parts: dict[str, Any] = {
        "stack": shop.stack.digest,
        "buildpack": revision(*code(plan)),
    }
    if plan.system == "run":
        parts["revealed"] = True
    if plan.system and shop.stack.snapshot:  # it has records of all that the stack has
        parts["snapshot"] = shop.stack.snapshot
    if not plan.shared:
        parts["app"] = shop.app.id
        parts["config"] = {k: v for k, v in shop.config.items() if BUILD_CONFIG.fullmatch(k)}
    return parts


def digest(parts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def code(plan: LayerPlan) -> tuple[str, ...]:
    """Whose code fills the layer; a system layer outlives changes of all but its installer."""
    return (SYSTEM_INSTALLER,) if plan.system else ("lifecycle", plan.pack)


def file_ids(shop: Workshop, plan: LayerPlan) -> list[tuple[str, str, str]]:
    """Path, mode and git's content hash of each file the layer is made from."""
    tree = shop.source.files
    chosen = files(shop, plan)
    if chosen is None:
        paths = set(tree)
    else:
        paths = {name for path in chosen for name in (path, *below(tree, path)) if name in tree}
    return [(path, tree[path].mode, tree[path].oid) for path in sorted(paths)]


@cache
def revision(*names: str) -> str:
    """A hash of the files of our buildpacks with these names or in folders of these names."""
    digest = hashlib.sha256()
    for name in names:
        for path in sorted([BUILDPACKS / name, *(BUILDPACKS / name).rglob("*")]):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(
                    str(path.relative_to(BUILDPACKS)).encode() + b"\0" + path.read_bytes()
                )
    return digest.hexdigest()
