"""What archives and others' repositories are read with: `python3 -I -S /buildpacks/sources VERB`.

Runs in a container of its own, in the app's range of ids and on the app's network, on the
stack's Python and nothing but its standard library. What comes in is a stranger's: it is
judged here and leaves as one git pack, which git judges once more on the host.
"""

import os.path
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from sources.command import main  # noqa: E402 - only after the two lines above

sys.exit(main(sys.argv[1:]))
