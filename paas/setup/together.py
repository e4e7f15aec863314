"""Several errands at the same time.

Touches: threads.
"""

import threading
from collections.abc import Callable


def together(*errands: Callable[[], None]) -> None:
    """Run them at the same time; the first failure is raised once all have ended."""
    failed: list[Exception] = []

    def run(errand: Callable[[], None]) -> None:
        try:
            errand()
        except Exception as error:  # noqa: BLE001 - raised below, in the caller's thread
            failed.append(error)

    threads = [threading.Thread(target=run, args=(errand,)) for errand in errands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
