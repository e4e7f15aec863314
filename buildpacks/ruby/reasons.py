"""Why bundler failed, in one line, from what it said."""

from lifecycle import explain
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
        r"checking for ([\w/.-]+\.h)\.\.\. no[\s\S]*?An error occurred while installing (\S+)",
        "the native extension of {1} misses the header {0}",
        "name the Debian package that has it in a file called Aptfile, one a line",
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


def bundler(output: str) -> Failure:
    """The Failure for what bundler printed."""
    return explain.tool("bundle install", output, REASONS)
