"""What can be asked about bundles for an air gap."""
