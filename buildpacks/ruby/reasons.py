"""Why bundler failed, in one line, from what it said."""

import re

from lifecycle import explain, natives
from lifecycle.say import Failure

LOCK = "run bundle install, and commit Gemfile.lock"
REASONS: tuple[explain.Reason, ...] = (
    (
        r"apt(?:-get)? install (?:-y )?((?:lib|default-lib)[\w.+-]+)",
        "a gem's native extension misses a library of the system",
        "add a file named Aptfile with the line: {0}",
    ),
    (
        r"mysql client is missing",
        "a gem's native extension misses a library of the system",
        "add a file named Aptfile with the line: default-libmysqlclient-dev",
    ),
    (
        r"only supports platforms \[([^\]]*)\] but your local platform\s+is (\S+)",
        "Gemfile.lock is for {0}, and this is {1}",
        "run bundle lock --add-platform {1}, and commit Gemfile.lock",
    ),
    (
        r"The (?:dependencies in your gemfile|gemspecs for path gems) changed|frozen mode is set",
        "Gemfile.lock does not fit the Gemfile",
        LOCK,
    ),
    (
        r"There was an error parsing `Gemfile`: ([^\n]+)",
        "the Gemfile cannot be read: {0}",
        "correct it and push again",
    ),
    (
        r"Your Ruby version is (\S+), but your Gemfile specified (.+)",
        "the Gemfile asks for Ruby {1}, and this is Ruby {0}",
        "ask for a Ruby that is here in the Gemfile, or set RUBY_MIRROR_URL to a mirror with yours",
    ),
    (
        r"requires ruby version ([^,\n]+?), which is incompatible with the current version, (.+)",
        "a gem wants Ruby {0}, and this is {1}",
        "ask for an older release of the gem, or another Ruby in the Gemfile",
    ),
    (
        r"Could not find (?:gem ')?([\w-]+?)(?:-\d[\w.]*)?[' ].*(?:cached gems|locally|sources)",
        "the gem {0} is not to be had",
        "commit it with bundle cache, correct its name, or name its source in the Gemfile",
    ),
    (
        r"Could not (?:reach host|fetch specs from|download gem from)",
        "the gem server could not be reached",
        "commit the gems with bundle cache --all-platforms, or set RUBYGEMS_MIRROR_URL to a mirror",
    ),
    (
        r"An error occurred while installing (\S+) \(([^)]+)\)",
        "the gem {0} {1} could not be installed",
        "see its lines above",
    ),
)


# what a gem's extconf.rb (mkmf) looked for in vain before it gave up
HEADER = re.compile(
    r"checking for ([\w/.-]+\.h)\.\.\. no[\s\S]*?An error occurred while installing (\S+)"
)


def bundler(output: str) -> Failure:
    """The Failure for what bundler printed."""
    if match := HEADER.search(output):
        message = f"the native extension of the gem {match[2]} misses the header {match[1]}"
        return Failure(message, natives.remedy(match[1]))
    return explain.tool("bundle install", output, REASONS)
