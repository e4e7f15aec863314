"""Running Composer: the layer of packages, then what needs the app's own code."""

import json
import os
from typing import Any

from lifecycle import child, config, say
from lifecycle.say import Failure

from php import manifest, reasons

MIRROR = "PACKAGIST_MIRROR_URL"
# Composer's own order after an install; `compile` is Heroku's
SCRIPTS = ("post-install-cmd", "compile")


def install(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """vendor/ as composer.lock says, without the app's scripts, which need the app."""
    say.step("Installing packages with Composer (composer.lock)")
    base = environment(cache, {**os.environ, **config.exported(variables)})
    base["COMPOSER_VENDOR_DIR"] = f"/app/{manifest.VENDOR}"
    argv = ["composer", "install", "--no-dev", "--no-scripts", "--no-autoloader", "--prefer-dist"]
    done = child.run([*argv, "--no-interaction", "--no-progress"], base, source)
    if done.status:
        raise reasons.composer(done.output)
    with open(os.path.join("/app", manifest.LAYER), "w"):
        pass
    # without the app's own code; such as it is, it is the same for every push
    argv = ["composer", "dump-autoload", "--no-dev", "--no-scripts", "--quiet"]
    if not names_own_files(source):
        child.run([*argv, "--optimize"], base, source)


def environment(cache: str, base: dict[str, str]) -> dict[str, str]:
    """Composer's folders: downloads on the app's cache mount, and the mirror that config names."""
    home = "/tmp/composer"
    os.makedirs(home, exist_ok=True)
    if mirror := base.get(MIRROR):
        with open(f"{home}/config.json", "w") as file:
            repositories = {"mirror": {"type": "composer", "url": mirror}, "packagist.org": False}
            json.dump({"repositories": repositories}, file)
    return {
        **base,
        "COMPOSER_HOME": home,
        "COMPOSER_CACHE_DIR": f"{cache}/composer",
        "COMPOSER_ALLOW_SUPERUSER": "1",
        "COMPOSER_NO_AUDIT": "1",
        "COMPOSER_MEMORY_LIMIT": "-1",
    }


def names_own_files(root: str) -> bool:
    """Whether the autoloader lists files of the app one by one."""
    autoload = manifest.table(manifest.read(root, "composer.json"), "autoload")
    return bool(autoload.get("classmap") or autoload.get("files"))


def finish(root: str, cache: str, variables: dict[str, str], base: dict[str, str]) -> None:
    """The autoloader where it lists the app's own files, then the app's scripts."""
    if not manifest.uses_composer(root):
        return
    document = manifest.read(root, "composer.json")
    base = environment(cache, {**base, **config.exported(variables)})
    committed = manifest.committed(root)
    if not committed and (
        names_own_files(root) or not manifest.exists(root, "vendor/autoload.php")
    ):
        command(root, base, "dump-autoload", "--no-dev", "--no-scripts", "--optimize", "--quiet")
    scripts = manifest.table(document, "scripts")
    names = (*(("post-autoload-dump",) if not committed else ()), *SCRIPTS)
    for name in (name for name in names if name in scripts):
        say.step(f"Running the {name} script")
        command(root, base, "run-script", "--no-dev", "--no-interaction", name)


def command(root: str, base: dict[str, str], *words: str) -> None:
    done = child.run(["composer", *words], base, root)
    if done.status and words[0] == "run-script":
        raise Failure(
            f"the {words[-1]} script of composer.json failed with status {done.status}",
            "see its lines above",
        )
    if done.status:
        raise reasons.composer(done.output)
