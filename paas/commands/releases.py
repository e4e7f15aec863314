"""releases: the versions of an app, and going back to one."""

import json
from typing import Any

import click

from paas.commands.context import Context
from paas.commands.parameters import VERSION, app_argument, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import alias, command
from paas.deploy import materials, pipeline
from paas.deploy.release import manifest_of
from paas.model import moments
from paas.model.app import App
from paas.model.release import Release


@command("releases:list", Permission.READ)
@app_argument
@format_option
def list_releases(context: Context, app: App, format_: str) -> None:
    """List an app's releases, newest first; the current one is marked."""
    store = context.platform.store.releases
    current = store.current(app)
    number = current.version if current else 0
    found = store.list(app)
    if format_ == "json":
        context.console.json([described(one, number) for one in found])
        return
    context.console.heading(f"{app.name} releases")
    rows = [
        (
            one.name + (" *" if one.version == number else ""),
            one.status,
            moments.second(one.created_at),
            one.actor,
            one.description,
        )
        for one in found
    ]
    if rows:
        context.console.table(("VERSION", "STATUS", "CREATED (UTC)", "BY", "DESCRIPTION"), rows)


@command("releases:info", Permission.READ)
@app_argument
@click.argument("version", type=VERSION, required=False)
@format_option
def info(context: Context, app: App, version: int | None, format_: str) -> None:
    """Show one release, the current one by default: what is in it, without any value of config."""
    store = context.platform.store.releases
    current = store.current(app)
    release = wanted(context, app, version)
    values = {
        **described(release, current.version if current else 0),
        **contents(release),
        **history(context, app, release),
    }
    if format_ == "json":
        context.console.json(values)
        return
    context.console.heading(f"{app.name} {release.name}")
    width = max(len(key) for key in values) + 2
    for key, value in values.items():
        text = ", ".join(value) if isinstance(value, list) else str("" if value is None else value)
        context.console.line(f"       {(key.replace('_', ' ') + ':').ljust(width)} {text}".rstrip())


@command("releases:rollback", Permission.WRITE)
@app_argument
@click.argument("version", type=VERSION, required=False)
def rollback(context: Context, app: App, version: int | None) -> None:
    """Go back to an earlier release's image and config; to the one before by default."""
    new = pipeline.rollback(
        context.platform, app.name, version, context.console, context.caller.name
    )
    context.console.heading(f"{app.name} {new.name}: {new.description}")


@command("releases:sbom", Permission.READ)
@app_argument
@click.argument("version", type=VERSION, required=False)
def sbom(context: Context, app: App, version: int | None) -> None:
    """Print a release's bill of materials, the current one's by default: CycloneDX 1.6, JSON.

    Packages of Debian, Python, npm, Go, Cargo, Maven, RubyGems and Composer that are in its
    image, with their licences where they say them.
    """
    release = wanted(context, app, version)
    context.console.line(materials.bill(context.platform, app, release, context.console))


@command("releases:provenance", Permission.READ)
@app_argument
@click.argument("version", type=VERSION, required=False)
def provenance(context: Context, app: App, version: int | None) -> None:
    """Print how a release's image came to be: an in-toto statement with SLSA provenance, JSON.

    Commit, buildpacks and stack with their revisions, keys of the layers, who built it and
    when; variables of the build by name only.
    """
    release = wanted(context, app, version)
    found = materials.statement(context.platform, app, release)
    context.console.line(json.dumps(found, indent=2))


def wanted(context: Context, app: App, version: int | None) -> Release:
    """The release of that number, or the one that serves."""
    if version:
        return context.platform.store.releases.get(app, version)
    return pipeline.deployed(context.platform, app)


alias("rollback", of="releases:rollback")


def described(release: Release, current: int) -> dict[str, Any]:
    """A release for programs."""
    return {
        "version": release.name,
        "status": release.status,
        "current": release.version == current,
        "created_at": moments.iso(release.created_at),
        "actor": release.actor,
        "description": release.description,
        "commit": release.image.commit,
    }


def history(context: Context, app: App, release: Release) -> dict[str, Any]:
    """How a release came to be and how it fared; what it ran, as app.json says."""
    build = context.platform.store.builds.of_release(app, release.version)
    says = manifest_of(release)
    scripts = {
        "predeploy": says.predeploy,
        "first deploy postdeploy": says.first_deploy,
        "postdeploy": says.postdeploy,
    }
    return {
        "build": build.id if build else None,
        "phases": [f"{one.name}: {one.seconds:.1f}s" for one in build.phases] if build else [],
        "served_at": moments.iso(release.served_at) if release.served_at else None,
        "crashes": release.crashes,
        "reverts": f"v{release.reverts}" if release.reverts else None,
        "formation": [f"{kind}: {count}" for kind, count in says.formation.items()],
        "scripts": [name for name, script in scripts.items() if script],
    }


def contents(release: Release) -> dict[str, Any]:
    """What is in a release: config by name only."""
    return {
        "image": release.image.id,
        "buildpacks": list(release.image.buildpacks),
        "processes": [f"{kind}: {line}" for kind, line in release.image.processes.items()],
        "layers": [layer.id for layer in release.image.layers],
        "config": sorted(release.config),
    }
