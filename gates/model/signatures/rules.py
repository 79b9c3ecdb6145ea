"""The questions that the signatures gate answers every time."""

from __future__ import annotations

from arcops.finding import Rule

PROVEN = Rule(
    id="signatures/proven",
    asks="Does the cryptography of every signature that was found hold?",
    fix="Get the signature again from whoever made it, or enrol the key or root that it needs; remove it if it is not yours.",
)
SIGNER = Rule(
    id="signatures/signer",
    asks="Are enough of the signers ones whom the policy allows to sign this subject?",
    fix="Have an allowed signer sign it, or name the signer under 'signers' in the policy once you know whose key it is.",
)
TIME = Rule(
    id="signatures/trusted-time",
    asks="Was every certificate that counts valid at a time that somebody trusted vouches for?",
    fix="Sign with a transparency log or a timestamp authority, or with an enrolled key.",
)
LIST = Rule(
    id="signatures/revocation-list",
    asks="Is there a recent revocation list, signed by somebody whom the policy allows?",
    fix="Put a freshly signed revocation list into revocations/ of the trust directory, even one that revokes nothing.",
)
REVOKED = Rule(
    id="signatures/revoked",
    asks="Are the signers, and the files that they signed, free of revocations?",
    fix="Find out why it was revoked; have the subject signed again by a signer in good standing.",
)
MATCHES = Rule(
    id="signatures/matches",
    asks="Is every file that was signed here, and unchanged?",
    fix="Fetch the model again from where it was released; a changed or missing file is not what was signed.",
)
COMPLETE = Rule(
    id="signatures/complete",
    asks="Is every file here covered by enough distinct signers?",
    fix="Remove the file if nobody can say where it is from; otherwise have the whole model signed again.",
)
IGNORED = Rule(
    id="signatures/ignored-paths",
    asks="Did the signers leave out nothing that is here, but for what the policy names?",
    fix="Sign again without ignoring the path, remove the file, or name the path under 'unsignedPaths' in the policy.",
)
EXPECTED = Rule(
    id="signatures/expected-digest",
    asks="Is it the very model that the policy pins, where it pins one?",
    fix="Fetch the pinned model, or pin the new digest after having reviewed the new model.",
)
