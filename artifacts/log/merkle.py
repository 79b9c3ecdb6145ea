"""Merkle trees of RFC 6962, section 2.1 (the same as RFC 9162, section 2.1): roots, and two kinds of proofs.

A leaf is hashed as ``SHA-256(0x00 || data)`` and a node as ``SHA-256(0x01 || left || right)``, so no leaf can be a node.
An inclusion proof shows that a leaf is in a tree; a consistency proof shows that a larger tree only added to a smaller one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence

from arcops.errors import Broken
from arcops.late_dataclass import dataclass

EMPTY = hashlib.sha256(b"").digest()

Node = Callable[[int, int], bytes]
"""Gives the root over the leaves from the first number on, up to the second, which is not among them."""


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """A tree as its complete subtrees, largest first: enough to append and to know the root, in ``O(log size)``."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> Frontier:
        """This tree and one more *leaf* hash."""
        peaks, carry = list(self.peaks), leaf
        for _ in range((~self.size & self.size + 1).bit_length() - 1):
            carry = node_hash(peaks.pop(), carry)
        return Frontier(size=self.size + 1, peaks=(*peaks, carry))

    @property
    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY
        *rest, root = self.peaks
        for peak in reversed(rest):
            root = node_hash(peak, root)
        return root


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over *leaves*, which are leaf hashes."""
    tree = Frontier()
    for leaf in leaves:
        tree = tree.append(leaf)
    return tree.root


def trees(lines: Iterable[bytes], sizes: Collection[int]) -> dict[int, Frontier]:
    """For each of *sizes*, the tree over that many first *lines*, if there are enough; and the tree over all of them.

    The same as `Frontier.append` of each line's leaf hash, but it does not make a value for each.
    """
    digest, found, peaks, size = hashlib.sha256, {}, list[bytes](), 0
    if 0 in sizes:
        found[0] = Frontier()
    for line in lines:
        carry, rest = digest(b"\x00" + line).digest(), size
        while rest & 1:
            carry, rest = digest(b"\x01" + peaks.pop() + carry).digest(), rest >> 1
        peaks.append(carry)
        size += 1
        if size in sizes:
            found[size] = Frontier(size=size, peaks=tuple(peaks))
    found[size] = Frontier(size=size, peaks=tuple(peaks))
    return found


def grown(tree: Frontier, leaves: Iterable[bytes]) -> Frontier:
    """*tree* and more *leaves*, which are leaf hashes: the same as `Frontier.append` of each, without a value for each."""
    digest, peaks, size = hashlib.sha256, list(tree.peaks), tree.size
    for carry in leaves:
        rest = size
        while rest & 1:
            carry, rest = digest(b"\x01" + peaks.pop() + carry).digest(), rest >> 1
        peaks.append(carry)
        size += 1
    return Frontier(size=size, peaks=tuple(peaks))


def split(size: int) -> int:
    """The largest power of two below *size*."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_path(node: Node, index: int, size: int) -> tuple[bytes, ...]:
    """The audit path of the leaf at *index* in the tree of *size* leaves whose nodes *node* gives, from the leaf upwards."""
    if not 0 <= index < size:
        raise Broken(f"there is no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + split(high - low)
        path.append(node(middle, high) if index < middle else node(low, middle))
        low, high = (low, middle) if index < middle else (middle, high)
    return tuple(reversed(path))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """As `inclusion_path`, in the tree over *leaves* (leaf hashes)."""
    return inclusion_path(lambda low, high: root(leaves[low:high]), index, len(leaves))


class Proofs:
    """Many inclusion proofs in the tree over *leaves* (leaf hashes): each node is hashed once for all of them."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._leaves = leaves
        self._nodes: dict[tuple[int, int], bytes] = {}

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """As `inclusion_proof`."""
        return inclusion_path(self._node, index, len(self._leaves))

    def _node(self, low: int, high: int) -> bytes:
        if high - low == 1:
            return self._leaves[low]
        if (low, high) not in self._nodes:
            middle = low + split(high - low)
            self._nodes[low, high] = node_hash(self._node(low, middle), self._node(middle, high))
        return self._nodes[low, high]


def consistency_path(node: Node, first: int, size: int) -> tuple[bytes, ...]:
    """The proof that the tree of *size* leaves, whose nodes *node* gives, begins with the tree over its *first* leaves."""
    if not 0 <= first <= size:
        raise Broken(f"a tree of {size} leaves does not hold one of {first}")
    if first in (0, size):
        return ()
    path: list[bytes] = []
    low, high, whole = 0, size, True
    while first != high:
        middle = low + split(high - low)
        if first <= middle:
            path.append(node(middle, high))
            high = middle
        else:
            path.append(node(low, middle))
            low, whole = middle, False
    if not whole:
        path.append(node(low, high))
    return tuple(reversed(path))


def consistency_proof(leaves: Sequence[bytes], first: int) -> tuple[bytes, ...]:
    """As `consistency_path`, in the tree over *leaves* (leaf hashes)."""
    return consistency_path(lambda low, high: root(leaves[low:high]), first, len(leaves))


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Does *proof* show that *leaf* is at *index* of the tree of *size* leaves with this *root*? (RFC 9162, 2.1.3.2)"""
    if not 0 <= index < size:
        return False
    node, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            value = node_hash(sibling, value)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and value == root


def verify_consistency(*, first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> bool:
    """Does *proof* show that the tree of *second* leaves only added to the one of *first*? (RFC 9162, 2.1.4.2)"""
    if not 0 <= first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    if not path:
        return False
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root
