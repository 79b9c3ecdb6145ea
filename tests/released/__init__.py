"""One sealed artifact of every released format, with its public key. They verify for ever; never make one again."""
