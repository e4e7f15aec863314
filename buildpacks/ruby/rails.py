"""What Rails makes ahead: its assets, with secrets that only make it start."""

import os
import re
import shutil

from lifecycle import child, config, say
from lifecycle.say import Failure

from ruby import manifest

PIPELINES = {
    "sprockets-rails",
    "propshaft",
    "sprockets",
    "vite_rails",
    "jsbundling-rails",
    "webpacker",
}
KEPT = "tmp/cache"  # where the pipelines keep what they have compiled
SWITCH = "DISABLE_ASSETS_PRECOMPILE"


def is_rails(root: str) -> bool:
    return bool({"rails", "railties"} & manifest.gems(root)) and manifest.exists(root, "config.ru")


def precompile(root: str, cache: str, variables: dict[str, str], base: dict[str, str]) -> None:
    """rails assets:precompile where Rails has a pipeline; Failure when it fails."""
    if not is_rails(root):
        return
    warn_of_secrets(root, variables)
    if not PIPELINES & manifest.gems(root) or variables.get(SWITCH, "0") not in ("", "0"):
        return
    say.step("Preparing assets: rails assets:precompile")
    kept = keep(root, cache)
    environment = {**dummies(), **base, **config.exported(variables), "RAILS_ENV": "production"}
    done = child.run(["bundle", "exec", "rake", "assets:precompile"], environment, root)
    os.unlink(kept)
    if done.status:
        lines = [line.strip() for line in done.output.splitlines() if line.strip()]
        telling = [line for line in lines if re.search(r"Error|error:|abort", line)]
        raise Failure(
            f"assets:precompile failed: {(telling or lines or ['it said nothing'])[0][:300]}",
            f"set what it needs with config:set, or switch it off: config:set <app> {SWITCH}=1",
        )


def dummies() -> dict[str, str]:
    """Values without which Rails would not start, where the app's config has no better ones."""
    return {
        "SECRET_KEY_BASE_DUMMY": "1",
        "SECRET_KEY_BASE": "0" * 128,
        "DATABASE_URL": "postgresql://nobody@127.0.0.1/assets_need_no_database",
        "RACK_ENV": "production",
    }


def keep(root: str, cache: str) -> str:
    """The pipeline's cache where the app's cache mount is, by a link that goes afterwards."""
    target, link = f"{cache}/ruby/assets", os.path.join(root, KEPT)
    os.makedirs(target, exist_ok=True)
    os.makedirs(os.path.dirname(link), exist_ok=True)
    shutil.rmtree(link, ignore_errors=True)
    os.symlink(target, link)
    return link


def warn_of_secrets(root: str, variables: dict[str, str]) -> None:
    if "SECRET_KEY_BASE" not in variables and "RAILS_MASTER_KEY" not in variables:
        say.warning("neither SECRET_KEY_BASE nor RAILS_MASTER_KEY is set: Rails will not start")
        say.warning("config:set <app> SECRET_KEY_BASE=$(openssl rand -hex 64), or the master key")
