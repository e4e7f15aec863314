"""The Ruby buildpack: Debian's Ruby or another, gems as a layer of their own, Rails' assets.

Gems live in /app/vendor/bundle and grow out of the app's last ones. Only the assets and
what else Rails makes need the app's own code.
"""

from typing import Any

from ruby import gems, manifest, processes, rails, runtime

LANGUAGE = "Ruby"
LOOKS_FOR = "Gemfile"
LAYERS = {"runtime": runtime.install, "gems": gems.install}


def detect(root: str) -> list[str]:
    """Gemfile, and what is beside it."""
    if not manifest.exists(root, "Gemfile"):
        return []
    names = ("Gemfile", "Gemfile.lock", "config.ru")
    return [name for name in names if manifest.exists(root, name)]


def plan(root: str, config: dict[str, str]) -> list[dict[str, Any]]:
    """Ruby for the app, its headers for the build, and the gems of the lock file."""
    manifest.require_lock(root)
    wanted = manifest.ruby(root)
    return [
        *runtime.planned(wanted, config),
        {
            "name": "gems",
            "pack": "ruby",
            "runtime": wanted.text,
            "files": manifest.key_files(root),
            "provides": [gems.FOLDER],
            "shared": False,
            "grows": True,
            "variables": [name for name in (gems.MIRROR,) if name in config],
        },
    ]


def compile(root: str, cache: str, config: dict[str, str], environment: dict[str, str]) -> None:  # noqa: A001 - the contract's word
    """What needs the app's own code: Rails' assets."""
    runtime.say_which(root)
    gems.relax_version(root)
    rails.precompile(root, cache, config, {**environment, **gems.settings(root, config)})


def release(root: str, config: dict[str, str]) -> dict[str, Any]:
    """Rails' own server, puma, rackup, or the one script there is."""
    return {"default_process_types": processes.default(root)}


def environment(root: str, config: dict[str, str]) -> dict[str, str]:
    """As on Heroku: production, logs to standard output, and the gems that were installed."""
    return {
        "PATH": f"/app/bin:{runtime.path(root)}$PATH",
        "RACK_ENV": "production",
        "RAILS_ENV": "production",
        "RAILS_SERVE_STATIC_FILES": "enabled",
        "RAILS_LOG_TO_STDOUT": "enabled",
        "MALLOC_ARENA_MAX": "2",
        **gems.settings(root, config),
    }
