"""Builds with Cloud Native Buildpacks: `python3 -I -S /buildpacks/cnb VERB`.

Runs as root of the app's own range of ids, in a container of its own; buildpacks in it are
the app's user. What the daemon needs to know goes to /result as small JSON files.
"""

import os.path
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from cnb.command import main  # noqa: E402 - only after the two lines above

sys.exit(main(sys.argv[1:]))
