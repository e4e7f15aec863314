"""`python -m paas` is the daemon; `python -m paas halt` ends all that a dead one left running."""

import sys

from paas.doors.daemon import halt, main

if __name__ == "__main__":
    sys.exit(halt() if sys.argv[1:] == ["halt"] else main())
