"""Build: the commit's files become an image of layers, inside a build container.

The buildpacks' lifecycle (buildpacks/lifecycle) unpacks the source, detects,
asks for keyed layers and compiles. A re-push with the layers the last plan
named takes one container; new layers take one each, and then one more.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paas.console import Console, plain
from paas.deploy import build_config, dependencies, own_packages, packs
from paas.deploy.alike import stored_once
from paas.deploy.dependencies import LayerPlan
from paas.deploy.packs import Pack
from paas.deploy.source import Source, inspect, nothing
from paas.deploy.workshop import Workshop, failure, make_owned, run, workshop
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.image.durable import remove_tree
from paas.model import names as names_rules
from paas.model import procfile
from paas.model.app import App
from paas.model.buildpack import LONGEST, Reference
from paas.model.image import Origin, Step
from paas.model.push import Push
from paas.model.release import Image, Layer
from paas.platform import Platform

LAYERS_NEEDED = 10
REPORT_LENGTH = 4000
APART = "build"  # where an app is built that is put in /app at the end


def build(
    platform: Platform, app: App, source: Source, config: dict[str, str], console: Console
) -> Image:
    """The image of a commit; raises PaasError with the cause when it cannot be built."""
    with (
        platform.builds.hold("", console, f"the build of {app.name}"),
        workshop(platform, app, source, config, console) as shop,
    ):
        chosen = packs.ready(shop, packs.asked_for(shop))
        have = predicted(shop)
        failpoint("build.workshop")
        done = attempt(shop, chosen, have)
        if done.upper is None:
            have = dependencies.make(shop, done.plan)
            with stored_once(platform, [layer for _, layer in have]):
                done = attempt(shop, chosen, have, again=True)
        if done.upper is None:
            raise PaasError("the buildpacks changed their plan while building", "push again")
        try:
            failpoint("build.compiled")
            dependencies.keep_plan(platform, app, done.plan)
        except BaseException:
            platform.layers.discard(done.upper)
            raise
        kept = [(plan, layer) for plan, layer in have if not plan.document.get("build_only")]
        note_reports(shop, done.results["build"].get("reports"))
        return commit(shop, chosen, kept, done.upper, done.results["build"])


def detect(platform: Platform, app: App, branch: str, commit: str, console: Console) -> list[str]:
    """Names of the buildpacks that would build a commit, in order."""
    source = inspect(platform, app, Push(app.name, branch, commit, commit))
    config = build_config.of_build(platform, app, platform.store.config.merged(app))
    with (
        platform.layers.leased(),
        platform.builds.hold("", console, f"a look at {app.name}"),
        workshop(platform, app, source, config, console) as shop,
    ):
        chosen = packs.ready(shop, packs.asked_for(shop))
        arguments = ("build", "--detect", *packs.arguments(chosen))
        upper = platform.layers.new_upper(platform.settings.uids(app.slot))
        try:
            status, results = run(shop, arguments, [], upper, None, shown=packs.layers(chosen))
        finally:
            platform.layers.discard(upper)
        if status.code != 0:
            raise failure(shop, status, results)
        return list(names(results["plan"].get("buildpacks")))


def update(platform: Platform, app: App, references: Sequence[Reference], console: Console) -> None:
    """Fetch the newest revisions of buildpacks; PaasError for one that cannot be had."""
    with (
        platform.layers.leased(),
        platform.builds.hold("", console, f"a fetch for {app.name}"),
        workshop(platform, app, nothing(app), {}, console) as shop,
    ):
        packs.ready(shop, references, insist=True)


# -- the build container -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the lifecycle; upper is None when other layers are needed first."""

    upper: Path | None
    plan: list[LayerPlan]
    results: dict[str, Any]


def predicted(shop: Workshop) -> list[tuple[LayerPlan, Layer]]:
    """The last build's plan with this commit's files, when every layer of it exists."""
    plans = dependencies.last_plan(shop.platform, shop.app)
    found = [(plan, dependencies.find(shop, plan)) for plan in plans]
    if any(layer is None for _, layer in found):
        return []
    return [(plan, layer) for plan, layer in found if layer is not None]


def attempt(
    shop: Workshop,
    chosen: Sequence[Pack],
    have: list[tuple[LayerPlan, Layer]],
    *,
    again: bool = False,
) -> Attempt:
    """One run of the lifecycle over the layers at hand; PaasError when the build failed.

    again: the same push a second time, so that what has been said is not said twice.
    """
    upper = shop.platform.layers.new_upper(shop.platform.settings.uids(shop.app.slot))
    arguments = ["build", "--have", json.dumps([plan.document for plan, _ in have])]
    arguments += ["--procfile", shop.source.procfile]
    if again:
        arguments.append("--again")
    arguments += packs.arguments(chosen)
    layers, shown = [layer for _, layer in have], packs.layers(chosen)
    try:
        if packs.apart(shop, chosen):
            arguments.append("--apart")
            make_owned(upper / APART, shop.owner, 0o755)
        status, results = run(shop, tuple(arguments), layers, upper, None, shown=shown)
        if status.code not in (0, LAYERS_NEEDED):
            raise failure(shop, status, results)
        plan = dependencies.plans(results["plan"].get("layers", []))
        remove_tree(upper / APART)
    except BaseException:
        shop.platform.layers.discard(upper)
        raise
    if status.code == LAYERS_NEEDED:
        shop.platform.layers.discard(upper)
        return Attempt(None, plan, results)
    return Attempt(upper, plan, results)


def note_reports(shop: Workshop, reports: object) -> None:
    """Keep what other people's packs report of the build, for buildpacks:report."""
    found = reports if isinstance(reports, dict) else {}
    words = [
        f"{name}: " + " ".join(f"{key}={value}" for key, value in strings(values).items())
        for name, values in found.items()
    ]
    text = plain("; ".join(words))[:REPORT_LENGTH]
    shop.platform.store.properties.set(shop.app, "build", "reports", text or None)


def steps(
    shop: Workshop, chosen: Sequence[Pack], have: list[tuple[LayerPlan, Layer]], source: Layer
) -> tuple[Step, ...]:
    """How the image came to be: the stack, what the packs installed, the app itself."""
    packs_used = [
        f"{pack.reference.text}@{pack.revision}" if pack.revision else pack.reference.text
        for pack in chosen
    ]
    by = f" by {', '.join(packs_used)}" if packs_used else ""
    made = [(layer, f"{plan.pack}: {plan.name} {plan.runtime}".strip()) for plan, layer in have]
    stack = [(layer, f"the stack {shop.stack.name}") for layer in shop.stack.run]
    app = (source, f"commit {shop.source.push.new} built{by}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return tuple(Step(words, layer.id, now) for layer, words in (*stack, *made, app))


def commit(
    shop: Workshop,
    chosen: Sequence[Pack],
    have: list[tuple[LayerPlan, Layer]],
    upper: Path,
    results: dict[str, Any],
) -> Image:
    """The compiled upper becomes the source layer, by rename; with the others, an image."""
    platform = shop.platform
    base = platform.settings.uids(shop.app.slot)
    identity = secrets.token_hex(16)
    try:
        failpoint("build.commit")
        processes = process_types(shop.source, results)
        source = platform.layers.adopt(upper, f"source-{identity}", base, app=shop.app.id)
    except BaseException:
        platform.layers.discard(upper)
        platform.layers.remove(f"source-{identity}")
        raise
    failpoint("build.committed")
    return Image(
        id=identity,
        layers=(*shop.stack.run, *(layer for _, layer in have), source),
        processes=processes,
        environment={**shop.stack.environment, **strings(results.get("environment"))},
        buildpacks=names(results.get("buildpacks")),
        commit=shop.source.push.new,
        manifest=shop.source.manifest.document,
        steps=steps(shop, chosen, have, source),
        origin=origin(shop, chosen, names(results.get("buildpacks")), have),
    )


def origin(
    shop: Workshop,
    chosen: Sequence[Pack],
    used: Sequence[str],
    have: list[tuple[LayerPlan, Layer]],
) -> Origin:
    """The stack, Debian's packages, and the buildpacks at their revisions; ours by their code."""
    revisions = {pack.reference.text: pack.revision for pack in chosen}
    ours = set(packs.own())
    found = tuple(
        (name, revisions.get(name) or (dependencies.revision(name) if name in ours else ""))
        for name in (list(revisions) or used)
    )
    stack = shop.stack
    return Origin(
        stack=stack.name,
        stack_digest=stack.digest,
        packs=found,
        snapshot=stack.snapshot,
        packages=own_packages.told(have),
    )


def process_types(source: Source, results: dict[str, Any]) -> dict[str, str]:
    """The Procfile's processes over the buildpack's defaults; strict either way."""
    defaults = {
        names_rules.process_type(kind): command
        for kind, command in strings(results.get("processes")).items()
    }
    text = results.get("procfile")
    declared = procfile.parse(text) if isinstance(text, str) else (source.processes or {})
    processes = declared or defaults  # a Procfile replaces the defaults as a whole, as on Heroku
    if not any(name != "release" for name in processes):
        raise PaasError(
            "there is nothing to run: no Procfile and no process the buildpack knows",
            "what the buildpack misses is said above, where it says so; or add a Procfile with "
            "the line that starts it, such as: web: ./server --port $PORT",
        )
    return processes


def strings(value: object) -> dict[str, str]:
    """Only the string pairs of a JSON object, and of those only what a process can be given."""
    if not isinstance(value, dict):
        return {}
    return {
        key: text
        for key, text in value.items()
        if isinstance(text, str) and is_clean(key) and is_clean(text) and "=" not in key
    }


def names(value: object) -> tuple[str, ...]:
    """Only the short printable strings of a JSON list."""
    found = value if isinstance(value, list) else []
    return tuple(
        name
        for name in found
        if isinstance(name, str) and len(name) <= LONGEST and name.isprintable()
    )[:20]


def is_clean(text: str) -> bool:
    """Whether the text can be an argument or a variable: no NUL, nothing but Unicode."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)
