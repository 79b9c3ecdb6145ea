"""Who a caller is: read from the claims of a token that was accepted, or from an API key that this place gave out.

`reading` makes an `arcops.identity.Identity` of claims, `api_keys` of a key, and `accepting` of whatever a caller shows, with a
cache of what was accepted.
"""
