"""The questions that the gate ``cluster`` answers."""

from arcops.finding import Rule

READER = "Give who looks the role in deployments/kubernetes/cluster-reader.yaml, and look again."
"""What mends a list that could not be had."""

RECENT = Rule(
    id="cluster/recent",
    asks="Is what was seen of the cluster recent, by the API server's own clock?",
    fix="Take a new snapshot; where that does not help, set the clock of this machine or of the API server.",
)
NODES = Rule(
    id="cluster/nodes",
    asks="Are as many nodes as the policy expects ready, open to pods, and none of them down?",
    fix="Look at 'kubectl describe node'; repair, uncordon or remove the node.",
)
PRESSURE = Rule(
    id="cluster/pressure",
    asks="Does every node have memory, disk, process numbers and network to spare?",
    fix="Free what is short on the node, or move pods away; the kubelet evicts them otherwise.",
)
KERNEL = Rule(
    id="cluster/kernel",
    asks="Does every node run a kernel of at least the version that the policy names?",
    fix="Upgrade the node's system, or lower 'leastKernel' of gate 'cluster'.",
)
KUBELET = Rule(
    id="cluster/kubelet",
    asks="Is every kubelet within the versions that the policy and the API server allow?",
    fix="Upgrade the API server first, then the kubelets: at most three minor versions behind, never ahead.",
)
CLOCKS = Rule(
    id="cluster/clocks",
    asks="Do all nodes agree with the API server about the time, and renew their heartbeats?",
    fix="Let the node synchronise its clock (chrony, NTP), and see that its kubelet runs.",
)
GPUS = Rule(
    id="cluster/gpus",
    asks="May pods be given as many GPUs as the policy expects?",
    fix="Look at the device plugin's log on the node that has fewer; 'arcops gpu check' looks at the GPUs themselves.",
)
DEVICE_PLUGIN = Rule(
    id="cluster/device-plugin",
    asks="Does the device plugin or GPU operator run on all of its nodes?",
    fix="Install NVIDIA's device plugin or GPU operator, and repair the pods that are not available.",
)
MIG = Rule(
    id="cluster/mig",
    asks="Are GPUs cut into MIG devices in the way that the policy wants, and is no change under way?",
    fix="Set 'mig.strategy' of the GPU operator or device plugin, and wait for nvidia.com/mig.config.state=success.",
)
RUNTIME = Rule(
    id="cluster/runtime-class",
    asks="Is there the runtime class that the policy names?",
    fix="Install the GPU operator's container toolkit, or make the RuntimeClass.",
)
STORAGE = Rule(
    id="cluster/storage-class",
    asks="Is there one default storage class, or the one that the policy names?",
    fix="Set the annotation storageclass.kubernetes.io/is-default-class=true on exactly one StorageClass.",
)
FREE = Rule(
    id="cluster/free-storage",
    asks="Is there room for a volume as large as the policy needs?",
    fix="Add storage, or let the CSI driver publish its capacity (CSIDriver.spec.storageCapacity).",
)
GATEWAY = Rule(
    id="cluster/gateway-class",
    asks="Is there the gateway class that the policy names, accepted by its controller?",
    fix="Install the controller that the GatewayClass names, and look at the condition Accepted.",
)
MESH = Rule(
    id="cluster/mesh",
    asks="Is the control plane of the mesh that the policy names available?",
    fix="Repair the Deployment; without its control plane a mesh hands out no certificate and no route.",
)
DNS = Rule(
    id="cluster/dns",
    asks="Does the cluster's DNS Service have a ready endpoint?",
    fix="Look at the pods of CoreDNS in kube-system.",
)
CERTIFICATES = Rule(
    id="cluster/cert-manager",
    asks="Are cert-manager's controller, webhook and injector available?",
    fix="Repair the Deployments in the namespace that 'certManager' of gate 'cluster' names.",
)
QUOTAS = Rule(
    id="cluster/quotas",
    asks="Does no quota refuse the workload?",
    fix="Raise the ResourceQuota, free what is used, or ask for less.",
)
LIMITS = Rule(
    id="cluster/limit-ranges",
    asks="Does no limit range refuse the workload?",
    fix="Change the LimitRange, or ask for an amount between its least and its most.",
)
PULL_SECRET = Rule(
    id="cluster/pull-secret",
    asks="Does the workload's service account name the image-pull secret that the policy wants?",
    fix="Add the secret under 'imagePullSecrets' of the ServiceAccount.",
)
PULLS = Rule(
    id="cluster/pulls",
    asks="Do all pods get their images?",
    fix="See that the image is in the mirror and that the pull secret is right; 'kubectl describe pod' says what failed.",
)
MIRROR = Rule(
    id="cluster/mirror",
    asks="Does every image come from a registry that the site has?",
    fix="Copy the image into the site's registry and name it from there, or add a mirror for its registry.",
)
WEBHOOKS = Rule(
    id="cluster/webhooks",
    asks="Does every admission webhook that refuses when it is silent have a ready endpoint?",
    fix="Repair the webhook's pods, or remove its configuration; until then the API server refuses what it guards.",
)
DEPRECATED = Rule(
    id="cluster/deprecated",
    asks="Does nobody ask for an API that a later release will not have?",
    fix="Move the manifests or the controller to the newer version before the upgrade.",
)

ALL = (
    RECENT,
    NODES,
    PRESSURE,
    KERNEL,
    KUBELET,
    CLOCKS,
    GPUS,
    DEVICE_PLUGIN,
    MIG,
    RUNTIME,
    STORAGE,
    FREE,
    GATEWAY,
    MESH,
    DNS,
    CERTIFICATES,
    QUOTAS,
    LIMITS,
    PULL_SECRET,
    PULLS,
    MIRROR,
    WEBHOOKS,
    DEPRECATED,
)
