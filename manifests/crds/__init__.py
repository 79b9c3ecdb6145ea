"""The resources that users write: ``MCPServer`` and ``ClusterMCPServer``, as CustomResourceDefinitions."""
