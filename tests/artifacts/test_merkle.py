"""The Merkle tree against the definition of RFC 6962, and its proofs against everything but the truth."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Broken
from artifacts.log.merkle import (
    EMPTY,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

pytestmark = pytest.mark.requirement("ARC-1/kept-without-loss")
LEAVES = [leaf_hash(b"%d" % number) for number in range(40)]


def by_definition(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


def test_known_answers() -> None:
    # RFC 6962's reference tests: the empty tree, and the leaf of the empty string.
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_every_small_tree_and_every_proof_of_it() -> None:
    for size in range(len(LEAVES)):
        leaves, whole = LEAVES[:size], by_definition(LEAVES[:size])
        assert root(leaves) == whole
        for index in range(size):
            proof = inclusion_proof(leaves, index)
            assert verify_inclusion(leaf=leaves[index], index=index, size=size, proof=proof, root=whole)
        for first in range(size + 1):
            old, proof = by_definition(leaves[:first]), consistency_proof(leaves, first)
            assert verify_consistency(first=first, second=size, proof=proof, first_root=old, second_root=whole)


@given(st.data())
def test_no_inclusion_proof_shows_another_leaf_place_or_tree(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 40))
    index = data.draw(st.integers(0, size - 1))
    proof = list(inclusion_proof(LEAVES[:size], index))
    leaf, at, whole = LEAVES[index], index, root(LEAVES[:size])
    match data.draw(st.sampled_from(["leaf", "index", "root", "node", "longer", "shorter"])):
        case "leaf":
            leaf = leaf_hash(b"another")
        case "index":
            at = data.draw(st.integers(-1, size + 1).filter(lambda other: other != index))
        case "root":
            whole = root(LEAVES[: size - 1])
        case "node" if proof:
            proof[data.draw(st.integers(0, len(proof) - 1))] = leaf_hash(b"another")
        case "shorter" if proof:
            proof.pop(data.draw(st.integers(0, len(proof) - 1)))
        case _:
            proof.append(leaf_hash(b"another"))

    assert not verify_inclusion(leaf=leaf, index=at, size=size, proof=proof, root=whole)


@given(st.data())
def test_no_consistency_proof_hides_a_change_in_the_past(data: st.DataObject) -> None:
    second = data.draw(st.integers(2, 40))
    first = data.draw(st.integers(1, second - 1))
    proof = list(consistency_proof(LEAVES[:second], first))
    forged = list(LEAVES[:second])
    forged[data.draw(st.integers(0, first - 1))] = leaf_hash(b"another")
    old, new = root(LEAVES[:first]), root(LEAVES[:second])

    assert not verify_consistency(first=first, second=second, proof=proof, first_root=root(forged[:first]), second_root=new)
    for other in (proof, list(consistency_proof(forged, first))):
        assert not verify_consistency(first=first, second=second, proof=other, first_root=old, second_root=root(forged))
    assert not verify_consistency(first=first, second=second, proof=[*proof, EMPTY], first_root=old, second_root=new)


def test_asking_for_what_is_not_there_is_our_bug() -> None:
    with pytest.raises(Broken):
        inclusion_proof(LEAVES[:3], 3)
    with pytest.raises(Broken):
        consistency_proof(LEAVES[:3], 4)


def test_the_frontier_is_the_tree() -> None:
    tree = Frontier()
    for size, leaf in enumerate(LEAVES):
        assert (tree.size, tree.root) == (size, by_definition(LEAVES[:size]))
        tree = tree.append(leaf)
