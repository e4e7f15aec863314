"""paasd: `python -m paas`."""

import sys

from paas.doors.daemon import main

if __name__ == "__main__":
    sys.exit(main())
