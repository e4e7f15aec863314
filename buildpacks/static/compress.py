"""Compressed copies beside the text files of a site, for nginx's gzip_static."""

import os

SUFFIXES = (
    ".html", ".htm", ".css", ".js", ".mjs", ".json", ".svg", ".xml", ".txt", ".map", ".wasm",
    ".webmanifest", ".ttf", ".ico", ".md", ".csv",
)  # fmt: skip
LEAST_BYTES = 1024
MOST_BYTES = 8 << 20  # larger ones nginx compresses as it sends them
BUDGET_BYTES = 64 << 20  # about two seconds of work


def tree(root: str) -> int:
    """Compress every text file below root that gains by it; how many those were."""
    done = spent = 0
    for folder, folders, names in os.walk(root):
        folders[:] = [n for n in folders if not n.startswith(".") and n != "node_modules"]
        for name in names:
            path = os.path.join(folder, name)
            if not name.endswith(SUFFIXES) or os.path.islink(path):
                continue
            size = os.path.getsize(path)
            if LEAST_BYTES <= size <= MOST_BYTES and spent + size <= BUDGET_BYTES:
                spent += size
                done += compress(path)
    return done


def compress(path: str) -> bool:
    """Write path.gz, of the same time, when it is at least a tenth smaller."""
    import zlib  # noqa: PLC0415 - sites of tiny files do without

    with open(path, "rb") as file:
        data = file.read()
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    packed = packer.compress(data) + packer.flush()
    if len(packed) > len(data) * 9 // 10 or os.path.exists(f"{path}.gz"):
        return False
    with open(f"{path}.gz", "wb") as file:
        file.write(packed)
    status = os.stat(path)
    os.utime(f"{path}.gz", ns=(status.st_mtime_ns, status.st_mtime_ns))
    return True
