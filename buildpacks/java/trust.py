"""The machine's certificate authorities, as the JVMs of a build want them."""

import hashlib
import os

from lifecycle import child, packs, say

PROGRAM = os.path.join(packs.ROOT, "java", "Trust.java")


def options(cache: str, base: dict[str, str]) -> list[str]:
    """Flags by which a JVM trusts whom the build trusts; made anew when the bundle changes."""
    bundle = base.get("SSL_CERT_FILE", "")
    if not os.path.isfile(bundle):
        return []
    with open(bundle, "rb") as file:
        name = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    store = f"{cache}/java/trust-{name}.p12"
    if not os.path.isfile(store):
        os.makedirs(os.path.dirname(store), exist_ok=True)
        done = child.run(["java", PROGRAM, bundle, f"{store}.new"], base, "/tmp", quiet=True)
        if done.status:
            say.warning("the machine's certificates could not be made known to Java")
            return []
        os.replace(f"{store}.new", store)
    return [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]
