"""What images are taken apart, made and moved with: `python3 -I -S /buildpacks/images VERB`.

Runs as root of the app's own range of ids, in a container of its own, on the stack's
Python and nothing but its standard library. What comes in is a stranger's: it is
judged here, and what the daemon needs to know goes to /result as small JSON files.
"""

import os.path
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from images.command import main  # noqa: E402 - only after the two lines above

sys.exit(main(sys.argv[1:]))
