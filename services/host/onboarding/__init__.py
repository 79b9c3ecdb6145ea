"""The way from an invitation to a first server: the domain of an e-mail address is verified, and who someone is is kept."""
