"""Agents: what one is made of here, exported so that it can be reproduced elsewhere, and compared with what is there."""
