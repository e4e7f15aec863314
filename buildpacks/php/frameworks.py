"""What Laravel and Symfony want to be told."""

from lifecycle import say

from php import manifest


def is_laravel(root: str) -> bool:
    return manifest.exists(root, "artisan") and manifest.exists(root, "bootstrap/app.php")


def is_symfony(root: str) -> bool:
    return manifest.exists(root, "bin/console") and manifest.exists(root, "config/bundles.php")


def environment(root: str) -> dict[str, str]:
    """Production, and logs to standard error, which the platform keeps."""
    if is_laravel(root):
        return {"APP_ENV": "production", "APP_DEBUG": "false", "LOG_CHANNEL": "stderr"}
    if is_symfony(root):
        return {"APP_ENV": "prod", "APP_DEBUG": "0"}
    return {}


def advise(root: str, variables: dict[str, str]) -> None:
    """What an app of theirs will not start without."""
    if is_laravel(root) and "APP_KEY" not in variables and not manifest.exists(root, ".env"):
        say.warning("APP_KEY is not set: Laravel will answer every page with an error")
        say.warning("config:set <app> APP_KEY=$(php artisan key:generate --show)")
    if is_symfony(root) and "APP_SECRET" not in variables and not manifest.exists(root, ".env"):
        say.warning("APP_SECRET is not set: config:set <app> APP_SECRET=$(openssl rand -hex 16)")
