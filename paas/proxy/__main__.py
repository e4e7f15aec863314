"""The life of a process that speaks to a certificate authority: `python -m paas.proxy ROLE`.

What it is to do comes on standard input, secrets included; what came of it goes to
standard output.
"""

import sys

from paas.errors import PaasError
from paas.model.issuance import answer_text, order_of
from paas.proxy import authorities

ROLES = {"issue": authorities.issue, "revoke": authorities.revoke}


def main(role: str) -> int:
    """Ask; the exit code."""
    order = order_of(sys.stdin.buffer.read())
    try:
        answer = answer_text(ROLES[role](order))
    except PaasError as error:
        answer = answer_text(error)
    sys.stdout.buffer.write(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
