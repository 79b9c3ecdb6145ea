"""The questions that the gate ``provenance`` answers."""

from arcops.finding import Rule

VERIFIED = Rule(
    id="provenance/verified",
    asks="Does every attestation verify against the operator's trust, and is there at least one?",
    fix="Enrol the signer's key or root in the trust directory, or remove an attestation that nobody can verify.",
)
SIGNER = Rule(
    id="provenance/signer",
    asks="Is every SLSA statement signed by someone whom the policy allows?",
    fix="Add the signer to 'signers' of gate 'provenance' if you know who that is; else do not use the model.",
)
UNREVOKED = Rule(
    id="provenance/unrevoked",
    asks="Has nothing been revoked that a statement rests on: its signer, its key, its own bytes or what it is about?",
    fix="Do not use what was revoked; ask the publisher for a new release with new attestations.",
)
SOUND = Rule(
    id="provenance/sound",
    asks="Does every signed SLSA predicate have the shape that its specification demands?",
    fix="Ask the builder or verifier for a statement that follows slsa.dev; what cannot be read proves nothing.",
)
PRESENT = Rule(
    id="provenance/present",
    asks="Is there the proof that the policy asks for: SLSA provenance, a verification summary, or both?",
    fix="Ask the publisher for it, or change 'proof' of gate 'provenance' to what you can get and trust.",
)
SUBJECT = Rule(
    id="provenance/subject",
    asks="Is every statement about this model, with the digests of the files on disk?",
    fix="Fetch the model and its attestations again, of one release; a file whose digest differs is not what was built.",
)
COVERED = Rule(
    id="provenance/covered",
    asks="Does an accepted statement cover every file that the policy wants covered?",
    fix="Ask for attestations of the missing files, or remove files that nobody attests.",
)
BUILDER = Rule(
    id="provenance/builder",
    asks="Was the model built by a builder that the policy trusts, signed for it, at the level that the policy demands?",
    fix="Add the builder with its level and signers to 'builders', or use a model from a trusted builder.",
)
BUILD_TYPE = Rule(
    id="provenance/build-type",
    asks="Is the build type one that the policy knows how to read?",
    fix="Add the build type's URI to 'buildTypes' after reading its specification.",
)
SOURCE = Rule(
    id="provenance/source",
    asks="Was the model built from sources that the policy expects?",
    fix="Add the repository to 'sources' if it is the real one; else the model comes from somewhere else.",
)
PARAMETERS = Rule(
    id="provenance/parameters",
    asks="Did whoever asked for the build pass only parameters that the policy expects?",
    fix="Look at the parameter in the provenance, and add its name to 'parameters' if it does no harm.",
)
TIME = Rule(
    id="provenance/time",
    asks="Are the times that statements give possible, and are summaries young enough?",
    fix="Check the clocks of builder and verifier, or ask the verifier for a new summary.",
)
VERIFIER = Rule(
    id="provenance/verifier",
    asks="Does every verification summary come from a verifier that the policy trusts, by an expected policy?",
    fix="Add the verifier, its signers and its policy's digest to 'verifiers' if you rely on it.",
)
RESULT = Rule(
    id="provenance/result",
    asks="Does every verification summary say PASSED, for this resource, at the levels that the policy demands?",
    fix="Find out from the verifier why, and do not use the model until it passes.",
)
RULES = (
    VERIFIED,
    SIGNER,
    UNREVOKED,
    SOUND,
    PRESENT,
    SUBJECT,
    COVERED,
    BUILDER,
    BUILD_TYPE,
    SOURCE,
    PARAMETERS,
    TIME,
    VERIFIER,
    RESULT,
)
