"""How a package of each source is resolved, installed and started: a module for each, named as `services.host.spec.Source`."""
