"""The conformance kit: AC-1 to AC-5 of the specification as black-box checks, for any service with a discovery document."""
