"""Kinds of objects that do not affect traffic, so that they need not be read."""

from __future__ import annotations

HARMLESS = frozenset(
    {
        ("", kind)
        for kind in [
            "ConfigMap",
            "Secret",
            "ServiceAccount",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "LimitRange",
            "ResourceQuota",
            "Event",
            "ComponentStatus",
            "Binding",
            "PodTemplate",
            "Node",
            "Endpoints",
        ]
    }
    | {("rbac.authorization.k8s.io", kind) for kind in ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")}
    | {
        ("policy", "PodDisruptionBudget"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
        ("apiregistration.k8s.io", "APIService"),
        ("certificates.k8s.io", "CertificateSigningRequest"),
        ("events.k8s.io", "Event"),
        ("autoscaling", "HorizontalPodAutoscaler"),
        ("scheduling.k8s.io", "PriorityClass"),
        ("node.k8s.io", "RuntimeClass"),
        ("coordination.k8s.io", "Lease"),
        ("apps", "ControllerRevision"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ("networking.k8s.io", "IngressClass"),
        ("gateway.networking.k8s.io", "GatewayClass"),
    }
    | {
        ("autoscaling.k8s.io", "VerticalPodAutoscaler"),
        ("cert-manager.io", "Certificate"),
        ("cert-manager.io", "CertificateRequest"),
        ("keda.sh", "ScaledObject"),
        ("keda.sh", "TriggerAuthentication"),
        ("kueue.x-k8s.io", "AdmissionCheck"),
        ("kueue.x-k8s.io", "ClusterQueue"),
        ("kueue.x-k8s.io", "LocalQueue"),
        ("kueue.x-k8s.io", "ResourceFlavor"),
        ("kueue.x-k8s.io", "Topology"),
        ("kueue.x-k8s.io", "Workload"),
        ("kueue.x-k8s.io", "WorkloadPriorityClass"),
        ("monitoring.coreos.com", "PodMonitor"),
        ("monitoring.coreos.com", "Probe"),
        ("monitoring.coreos.com", "PrometheusRule"),
        ("monitoring.coreos.com", "ServiceMonitor"),
        ("external-secrets.io", "ClusterSecretStore"),
        ("external-secrets.io", "ExternalSecret"),
        ("external-secrets.io", "SecretStore"),
        ("bitnami.com", "SealedSecret"),
        ("secrets-store.csi.x-k8s.io", "SecretProviderClass"),
        ("security.openshift.io", "SecurityContextConstraints"),
        ("k8s.ovn.org", "AdminPolicyBasedExternalRoute"),
        ("inference.networking.k8s.io", "InferenceObjective"),
        ("inference.networking.x-k8s.io", "InferenceModel"),
        ("inference.networking.x-k8s.io", "InferenceObjective"),
        ("nfd.k8s-sigs.io", "NodeFeature"),
        ("nfd.k8s-sigs.io", "NodeFeatureGroup"),
        ("nfd.k8s-sigs.io", "NodeFeatureRule"),
        ("k8s.cni.cncf.io", "MultiNetworkPolicy"),
        ("k8s.cni.cncf.io", "NetworkAttachmentDefinition"),
        ("k8s.ovn.org", "EgressIP"),
        ("k8s.ovn.org", "EgressQoS"),
        ("k8s.ovn.org", "EgressService"),
        ("snapshot.storage.k8s.io", "VolumeSnapshot"),
        ("snapshot.storage.k8s.io", "VolumeSnapshotClass"),
        ("snapshot.storage.k8s.io", "VolumeSnapshotContent"),
    }
    | {("resource.k8s.io", kind) for kind in ("DeviceClass", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice")}
    | {
        ("cilium.io", kind)
        for kind in (
            "CiliumBGPAdvertisement",
            "CiliumBGPClusterConfig",
            "CiliumBGPNodeConfig",
            "CiliumBGPNodeConfigOverride",
            "CiliumBGPPeerConfig",
            "CiliumEgressGatewayPolicy",
            "CiliumEndpoint",
            "CiliumEndpointSlice",
            "CiliumIdentity",
            "CiliumL2AnnouncementPolicy",
            "CiliumLoadBalancerIPPool",
            "CiliumNode",
            "CiliumPodIPPool",
        )
    }
    | {
        ("metallb.io", kind)
        for kind in ("BFDProfile", "BGPAdvertisement", "BGPPeer", "Community", "IPAddressPool", "L2Advertisement")
    }
    | {
        (group, kind)
        for group in ("projectcalico.org", "crd.projectcalico.org")
        for kind in (
            "BGPConfiguration",
            "BGPFilter",
            "BGPPeer",
            "BlockAffinity",
            "CalicoNodeStatus",
            "ClusterInformation",
            "FelixConfiguration",
            "HostEndpoint",
            "IPAMBlock",
            "IPAMConfig",
            "IPAMConfiguration",
            "IPAMHandle",
            "IPPool",
            "IPReservation",
            "KubeControllersConfiguration",
            "StagedGlobalNetworkPolicy",
            "StagedKubernetesNetworkPolicy",
            "StagedNetworkPolicy",
        )
    }
    | {
        ("storage.k8s.io", kind)
        for kind in ("StorageClass", "CSIDriver", "CSINode", "VolumeAttachment", "CSIStorageCapacity", "VolumeAttributesClass")
    }
)
"""``(group, kind)`` of objects that neither make pods nor allow traffic. Every other kind that is not read is UNKNOWN.

Calico's: addresses, routes and settings of its agents, and policies that are only watched (staged). A HostEndpoint is a node's
own interface: what it closes for pods says a policy with ``applyOnForward``, ``preDNAT`` or ``doNotTrack``, which is named.
Those of Cilium and MetalLB: which addresses packets have, and who hears of them. A NetworkAttachmentDefinition does nothing by
itself: the pods that ask for its network are named.
"""

CLUSTER_WIDE = frozenset(
    {
        "Namespace",
        "Node",
        "FlowSchema",
        "PriorityLevelConfiguration",
        "APIService",
        "CertificateSigningRequest",
        "PersistentVolume",
        "ClusterRole",
        "ClusterRoleBinding",
        "PriorityClass",
        "RuntimeClass",
        "CustomResourceDefinition",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "IngressClass",
        "GatewayClass",
        "StorageClass",
        "CSIDriver",
        "CSINode",
        "VolumeAttachment",
        "AdminNetworkPolicy",
        "BaselineAdminNetworkPolicy",
        "ClusterNetworkPolicy",
        "CiliumClusterwideNetworkPolicy",
        "GlobalNetworkPolicy",
        "GlobalNetworkSet",
        "StagedGlobalNetworkPolicy",
        "Tier",
        "HostEndpoint",
        "IPPool",
        "BGPPeer",
        "BGPConfiguration",
        "FelixConfiguration",
        "ClusterInformation",
    }
)
"""Kinds without a namespace."""
