"""The build container's first process: `python3 -I -S /buildpacks/lifecycle build|layer ...`.

Runs as the app's user, without privileges, on the stack's own Python and nothing
but its standard library. Kept tiny: this file alone is compiled anew every time,
the others once into the app's cache, since /buildpacks is read-only here.
"""

import os.path
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.pycache_prefix = "/cache/lifecycle"

from lifecycle.command import main  # noqa: E402 - only after the two lines above

sys.exit(main(sys.argv[1:]))
