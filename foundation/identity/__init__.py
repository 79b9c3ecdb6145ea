"""Who a caller is: read from the claims of a token that was accepted, from what its issuer says of it, or from an API key.

`issuers` says who is trusted, `reading` makes an `arcops.identity.Identity` of claims, `introspecting` and `reviewing` ask
about tokens (by `asking`), `api_keys` knows the keys of this place, `revoked` what does not count any more. `accepting` is the
one door: whatever a caller shows, with a cache of what was accepted.
"""
