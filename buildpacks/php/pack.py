"""The PHP buildpack: Debian's php-fpm behind nginx or Apache, Composer's packages as a layer."""

from typing import Any

from lifecycle import debian

from php import composer, extensions, frameworks, manifest, serving

LANGUAGE = "PHP"
LOOKS_FOR = "composer.json, or index.php (also in public/ or web/)"
LAYERS = {"vendor": composer.install}


def detect(root: str) -> list[str]:
    """composer.json and its lock file, or the page that is asked for first."""
    return manifest.seen(root)


def plan(root: str, config: dict[str, str]) -> list[dict[str, Any]]:
    """PHP with the extensions that are asked for, Composer for the build, and the packages."""
    server = serving.server(config)
    layers = debian.layer([*extensions.packages(root), *serving.PACKAGES[server]])
    if not manifest.uses_composer(root):
        return layers
    layers += debian.layer(["composer", *extensions.packages(root)], build_only=True)
    files = manifest.key_files(root)
    if files:
        layers.append(
            {
                "name": "vendor",
                "pack": "php",
                "runtime": extensions.VERSION,
                "files": files,
                "provides": [manifest.VENDOR],
                "shared": False,
                "grows": True,
                "variables": [name for name in (composer.MIRROR,) if name in config],
            }
        )
    return layers


def compile(root: str, cache: str, config: dict[str, str], environment: dict[str, str]) -> None:  # noqa: A001 - the contract's word
    """What needs the app's own code: its autoloader, its scripts; and how it is served."""
    composer.finish(root, cache, config, environment)
    frameworks.advise(root, config)
    serving.write(root)


def release(root: str, config: dict[str, str]) -> dict[str, Any]:
    """The web server of choice over the document root."""
    return {"default_process_types": serving.default_processes(root, config)}


def environment(root: str, config: dict[str, str]) -> dict[str, str]:
    return {"PATH": f"/app/{serving.FOLDER}:/app/vendor/bin:$PATH", **frameworks.environment(root)}
