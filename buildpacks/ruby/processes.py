"""The web process of an app without a Procfile."""

import os

from lifecycle import say

from ruby import manifest, rails

SCRIPTS = ("app.rb", "server.rb", "main.rb", "web.rb")


def default(root: str) -> dict[str, str]:
    """Heroku's, or nothing with a line that says what is missing."""
    if manifest.exists(root, "Procfile"):
        return {}
    gems = manifest.gems(root)
    if rails.is_rails(root):
        return {"web": "bundle exec rails server -b 0.0.0.0 -p $PORT"}
    if manifest.exists(root, "config.ru"):
        return rack(gems)
    for name in SCRIPTS:
        if os.path.isfile(os.path.join(root, name)):
            options = " -o 0.0.0.0 -p $PORT" if "sinatra" in gems else ""
            return {"web": f"bundle exec ruby {name}{options}"}
    say.warning("no web process: there is no config.ru and no app.rb,")
    say.warning("so write a Procfile, such as: web: bundle exec puma -p $PORT")
    return {}


def rack(gems: set[str]) -> dict[str, str]:
    if "puma" in gems:
        return {"web": "bundle exec puma --port $PORT"}
    if {"rackup", "rack"} & gems:
        return {"web": "bundle exec rackup config.ru -o 0.0.0.0 -p $PORT"}
    say.warning(
        "no web process: there is a config.ru, but neither puma nor rackup in Gemfile.lock,"
    )
    say.warning("so add puma to the Gemfile")
    return {}
