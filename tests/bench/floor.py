"""Writes the files of a tree, plainly: what no generator of the same bytes can undercut. usage: floor.py TREE FOLDER

TREE is a marshalled {path: bytes}. It syncs nothing and looks at nothing first: no journal, no lock.
"""

import marshal
import os
import sys

with open(sys.argv[1], "rb") as packed:
    tree = marshal.load(packed)
for folder in {os.path.dirname(path) for path in tree}:
    os.makedirs(os.path.join(sys.argv[2], folder), exist_ok=True)
for path, content in tree.items():
    with open(os.path.join(sys.argv[2], path), "wb") as file:
        file.write(content)
