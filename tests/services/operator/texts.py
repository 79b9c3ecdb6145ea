"""A resource and settings as people write them."""

IMAGE = f"registry.example/tools@sha256:{'1' * 64}"
OPERATOR_SETTINGS = f"""
network:
  cni: calico
  apiServer: [10.96.0.1, 192.0.2.10]
kubernetes: "1.36"
sidecarImage: registry.example/arcops@sha256:{"2" * 64}
policies:
  data: {{openNetwork: true, rotateSecrets: true}}
"""
SERVER = f"""
apiVersion: ome.io/v1beta1
kind: MCPServer
metadata: {{name: tools, namespace: shop}}
spec:
  image: {IMAGE}
  transport: streamable-http
  permissionProfile: {{type: configmap, name: p, key: p.json}}
  oidcConfig: {{type: kubernetes, kubernetes: {{audience: tools}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: p, namespace: shop}}
data:
  p.json: '{{"write": ["/tmp"], "network": {{"outbound": {{"allowHost": ["198.51.100.7"], "allowPort": [443]}}}}}}'
"""
