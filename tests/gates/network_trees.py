"""What two charts print (``helm template``), in the form in which such charts have it: comments with the source, hooks, objects
without a namespace, and many that do not concern the network.
"""

from __future__ import annotations

_LABELS = "{app.kubernetes.io/managed-by: Helm, app.kubernetes.io/instance: llm, helm.sh/chart: serving-0.1.0}"

SERVING = f"""\
---
# Source: serving/templates/pdb.yaml
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: llm-engine, labels: {_LABELS}}}
spec: {{maxUnavailable: 1, selector: {{matchLabels: {{model: chat}}}}}}
---
# Source: serving/templates/serviceaccount.yaml
apiVersion: v1
kind: ServiceAccount
metadata: {{name: llm-router, labels: {_LABELS}}}
---
# Source: serving/templates/secret.yaml
apiVersion: v1
kind: Secret
metadata: {{name: llm-token}}
type: Opaque
data: {{token: "eA=="}}
---
# Source: serving/templates/pvc.yaml
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: llm-weights}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 100Gi}}}}}}
---
# Source: serving/templates/role.yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: llm-router}}
rules: [{{apiGroups: [""], resources: [pods], verbs: [get, watch, list]}}]
---
# Source: serving/templates/service-engine.yaml
apiVersion: v1
kind: Service
metadata: {{name: llm-engine, labels: {_LABELS}}}
spec: {{type: ClusterIP, ports: [{{name: http, port: 80, targetPort: http}}], selector: {{model: chat}}}}
---
# Source: serving/templates/service-router.yaml
apiVersion: v1
kind: Service
metadata: {{name: llm-router, labels: {_LABELS}}}
spec: {{ports: [{{name: http, port: 80, targetPort: 8000}}], selector: {{app.kubernetes.io/component: router}}}}
---
# Source: serving/templates/deployment-engine.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {{name: llm-engine, labels: {_LABELS}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{model: chat}}}}
  template:
    metadata:
      labels: {{model: chat, app.kubernetes.io/managed-by: Helm}}
      annotations: {{checksum/config: "0123456789"}}
    spec:
      runtimeClassName: nvidia
      containers:
        - name: engine
          image: registry.site.example/engine:1
          command: [serve, /models/chat, --port, "8000"]
          ports: [{{name: http, containerPort: 8000}}]
          resources: {{limits: {{nvidia.com/gpu: "1"}}, requests: {{nvidia.com/gpu: "1", cpu: "4"}}}}
---
# Source: serving/templates/deployment-router.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {{name: llm-router, labels: {_LABELS}}}
spec:
  selector: {{matchLabels: {{app.kubernetes.io/component: router}}}}
  template:
    metadata: {{labels: {{app.kubernetes.io/component: router}}}}
    spec:
      serviceAccountName: llm-router
      containers: [{{name: router, image: registry.site.example/router:1, ports: [{{name: http, containerPort: 8000}}]}}]
---
# Source: serving/templates/hpa.yaml
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: llm-engine}}
spec: {{scaleTargetRef: {{name: llm-engine}}}}
---
# Source: serving/templates/servicemonitor.yaml
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {{name: llm-engine}}
spec: {{selector: {{matchLabels: {_LABELS}}}, endpoints: [{{port: http}}]}}
---
# Source: serving/templates/ingress.yaml
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: llm-router, annotations: {{cert-manager.io/cluster-issuer: site}}}}
spec:
  ingressClassName: nginx
  tls: [{{hosts: [llm.site.example], secretName: llm-tls}}]
  rules:
    - host: llm.site.example
      http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: llm-router, port: {{name: http}}}}}}}}]}}
---
# Source: serving/templates/tests/connection.yaml
apiVersion: v1
kind: Pod
metadata: {{name: llm-test, annotations: {{helm.sh/hook: test}}}}
spec: {{restartPolicy: Never, containers: [{{name: curl, image: site.example/curl:1, args: ["llm-router/health"]}}]}}
"""

_POD = "containers: [{name: ray, image: registry.site.example/ray:1, ports: [{containerPort: 6379, name: gcs}]}]"
RAY = f"""\
---
# Source: ray/charts/operator/templates/crds.yaml
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: rayclusters.ray.io}}
spec:
  group: ray.io
  scope: Namespaced
  names: {{kind: RayCluster, plural: rayclusters, singular: raycluster}}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
---
# Source: ray/charts/operator/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {{name: kuberay-operator, namespace: ray}}
spec:
  selector: {{matchLabels: {{app.kubernetes.io/component: kuberay-operator}}}}
  template:
    metadata: {{labels: {{app.kubernetes.io/component: kuberay-operator}}}}
    spec:
      serviceAccountName: kuberay-operator
      containers: [{{name: operator, image: registry.site.example/operator:1, ports: [{{name: http, containerPort: 8080}}]}}]
---
# Source: ray/charts/operator/templates/service.yaml
apiVersion: v1
kind: Service
metadata: {{name: kuberay-operator, namespace: ray}}
spec: {{ports: [{{port: 8080, name: http}}], selector: {{app.kubernetes.io/component: kuberay-operator}}}}
---
# Source: ray/templates/raycluster.yaml
apiVersion: ray.io/v1
kind: RayCluster
metadata: {{name: train, namespace: ray}}
spec:
  headGroupSpec: {{rayStartParams: {{}}, template: {{spec: {{{_POD}}}}}}}
  workerGroupSpecs: [{{groupName: gpu, replicas: 2, rayStartParams: {{}}, template: {{spec: {{{_POD}}}}}}}]
---
# Source: ray/templates/networkpolicy.yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: ray-head, namespace: ray}}
spec:
  podSelector: {{matchLabels: {{ray.io/cluster: train, ray.io/node-type: head}}}}
  policyTypes: [Ingress]
  ingress:
    - from: [{{podSelector: {{matchLabels: {{ray.io/cluster: train}}}}}}]
    - from: [{{podSelector: {{matchLabels: {{app.kubernetes.io/component: kuberay-operator}}}}}}]
      ports: [{{port: 8265}}]
"""
