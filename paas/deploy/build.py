"""Build: the commit's files become an image of layers, inside a build container.

The buildpacks' lifecycle (buildpacks/lifecycle) unpacks the source, detects,
asks for keyed layers and compiles. A re-push with the layers the last plan
named takes one container; new layers take one each, and then one more.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paas.console import Console
from paas.deploy import dependencies
from paas.deploy.dependencies import LayerPlan
from paas.deploy.source import Source
from paas.deploy.workshop import Workshop, failure, run, workshop
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.model import names as names_rules
from paas.model import procfile
from paas.model.app import App
from paas.model.release import Image, Layer
from paas.platform import Platform

LAYERS_NEEDED = 10


def build(
    platform: Platform, app: App, source: Source, config: dict[str, str], console: Console
) -> Image:
    """The image of a commit; raises PaasError with the cause when it cannot be built."""
    with (
        platform.builds.hold("", console, f"the build of {app.name}"),
        workshop(platform, app, source, config, console) as shop,
    ):
        have = predicted(shop)
        failpoint("build.workshop")
        done = attempt(shop, have)
        if done.upper is None:
            have = dependencies.make(shop, done.plan)
            done = attempt(shop, have, again=True)
        if done.upper is None:
            raise PaasError("the buildpacks changed their plan while building", "push again")
        try:
            failpoint("build.compiled")
            remember(shop, done.plan)
        except BaseException:
            platform.layers.discard(done.upper)
            raise
        kept = [layer for plan, layer in have if not plan.document.get("build_only")]
        return commit(shop, kept, done.upper, done.results["build"])


# -- the build container -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the lifecycle; upper is None when other layers are needed first."""

    upper: Path | None
    plan: list[LayerPlan]
    results: dict[str, Any]


def remember(shop: Workshop, plan: list[LayerPlan]) -> None:
    """Keep the plan: the next push is likely to have the same."""
    text = json.dumps([layer.document for layer in plan])
    if text != shop.platform.store.properties.get(shop.app, "build", "plan"):
        shop.platform.store.properties.set(shop.app, "build", "plan", text)


def predicted(shop: Workshop) -> list[tuple[LayerPlan, Layer]]:
    """The last build's plan with this commit's files, when every layer of it exists."""
    text = shop.platform.store.properties.get(shop.app, "build", "plan") or "[]"
    plans = dependencies.plans(json.loads(text))
    found = [(plan, dependencies.find(shop, plan)) for plan in plans]
    if any(layer is None for _, layer in found):
        return []
    return [(plan, layer) for plan, layer in found if layer is not None]


def attempt(shop: Workshop, have: list[tuple[LayerPlan, Layer]], *, again: bool = False) -> Attempt:
    """One run of the lifecycle over the layers at hand; PaasError when the build failed.

    again: the same push a second time, so that what has been said is not said twice.
    """
    upper = shop.platform.layers.new_upper(shop.platform.settings.uids(shop.app.slot))
    arguments = ["build", "--have", json.dumps([plan.document for plan, _ in have])]
    arguments += ["--procfile", shop.source.procfile]
    if again:
        arguments.append("--again")
    chosen = shop.platform.store.buildpacks.list(shop.app)
    if chosen:
        arguments += ["--buildpacks", ",".join(chosen)]
    try:
        status, results = run(shop, tuple(arguments), [layer for _, layer in have], upper, None)
        if status.code not in (0, LAYERS_NEEDED):
            raise failure(shop, status, results)
        plan = dependencies.plans(results["plan"].get("layers", []))
    except BaseException:
        shop.platform.layers.discard(upper)
        raise
    if status.code == LAYERS_NEEDED:
        shop.platform.layers.discard(upper)
        return Attempt(None, plan, results)
    return Attempt(upper, plan, results)


def commit(shop: Workshop, layers: list[Layer], upper: Path, results: dict[str, Any]) -> Image:
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
        layers=(*platform.stack.run_layers, *layers, source),
        processes=processes,
        environment=strings(results.get("environment")),
        buildpacks=names(results.get("buildpacks")),
        commit=shop.source.push.new,
        manifest=shop.source.manifest.document,
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
            "add a Procfile with a line such as: web: gunicorn app:app --bind 0.0.0.0:$PORT",
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
        name for name in found if isinstance(name, str) and len(name) <= 80 and name.isprintable()
    )[:20]


def is_clean(text: str) -> bool:
    """Whether the text can be an argument or a variable: no NUL, nothing but Unicode."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)
