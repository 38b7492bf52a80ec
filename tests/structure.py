#!/usr/bin/env python3
"""What the compiler does not say of the sources: circles of includes, and functions with more than
six parameters. `tests/structure.py FILE...`: all sources of the folders of the house."""
import re
import sys

PARAMETERS_MAX = 6
# Signatures that a library prescribes: libmilter's xxfi_negotiate, libunbound's callback.
PRESCRIBED = {"on_negotiate", "receive"}

texts = {path: open(path, encoding="utf-8").read() for path in sys.argv[1:]}
bad = []


def parameters():
    code = {p: re.sub(r"/\*.*?\*/|\"(\\.|[^\"\\])*\"", "", t, flags=re.S) for p, t in texts.items()}
    # A declaration or definition begins at the margin and ends in `;` or `{`.
    function = re.compile(r"^(?!typedef|return|#)[a-z][\w *]*?\**(\w+)\(([^;{}]*)\)\s*[;{]", re.M)
    for path, text in code.items():
        for found in function.finditer(text):
            flat = re.sub(r"\([^()]*\)", "", found[2])
            count = flat.count(",") + 1
            if count > PARAMETERS_MAX and found[1] not in PRESCRIBED:
                bad.append(f"{path}: {found[1]} has {count} parameters, {PARAMETERS_MAX} at most: "
                           "pass a struct of options")


def circles():
    """A module is x.h and x.c; what includes x_private.h is part of x."""
    module = {path: path[:-2].removesuffix("_private") for path in texts}
    includes = {path: re.findall(r'^#include "([^"]+)"', text, re.M) for path, text in texts.items()}

    def find(path, header):
        here = path.rpartition("/")[0] + "/" + header
        return here if here in texts else next(
            (other for other in texts if other.endswith("/" + header)), None)

    of_private = {}
    for path in texts:
        for header in includes[path]:
            if header.endswith("_private.h") and find(path, header):
                of_private[module[path]] = module[find(path, header)]
    module = {path: of_private.get(name, name) for path, name in module.items()}
    edges = {name: set() for name in module.values()}
    for path in texts:
        for header in includes[path]:
            target = find(path, header)
            if target and module[target] != module[path]:
                edges[module[path]].add(module[target])

    def reach(name):
        """All that a module includes, directly or by others."""
        found, rest = set(), [name]
        while rest:
            new = edges[rest.pop()] - found
            found |= new
            rest += new
        return found

    for name in sorted(edges):
        bad.extend(f"{name} includes {other}, which includes it, perhaps by others"
                   for other in sorted(edges[name]) if name in reach(other))


parameters()
circles()
print("\n".join(bad))
sys.exit(bool(bad))
