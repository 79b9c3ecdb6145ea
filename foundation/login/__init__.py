"""People log in to the pages: OpenID Connect's authorization code flow with PKCE, and sessions kept by the server.

`settings` says who may be logged in by which provider, `provider` reads the provider's own document, `started` is a login that
has begun, `exchange` asks for its ID token, `id_token` judges that, and `sessions` keeps who is logged in.
"""
