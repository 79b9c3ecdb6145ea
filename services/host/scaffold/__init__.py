"""New servers from templates: small projects that run alone and on a host."""
