"""`python -m paas` is the daemon; `halt` ends all that a dead one left running.

`restore-database` puts the last good copy of a damaged database back.
"""

import sys

from paas.doors.daemon import halt, main, restore_database

ROLES = {"halt": halt, "restore-database": restore_database}

if __name__ == "__main__":
    role = main if len(sys.argv) == 1 else ROLES.get(" ".join(sys.argv[1:]))
    if role is None:
        sys.exit(f"paasd takes nothing, or one of: {', '.join(ROLES)}")
    sys.exit(role())
