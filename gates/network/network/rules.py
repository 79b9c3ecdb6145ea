"""The questions that the gate ``network`` answers."""

from arcops.finding import Rule

READ = Rule(
    id="network/read",
    asks="Could every manifest be read?",
    fix="Mend the file at that line, or put what it stands for here as plain manifests; what was not read may open anything.",
)
UNDERSTOOD = Rule(
    id="network/understood",
    asks="Is the meaning of every object that may move packets known?",
    fix="Add what is not told (such as a Namespace with its labels), or say it with NetworkPolicy; where a kind moves nothing "
    "add 'Kind.group' to 'harmless' of gate 'network'.",
)
ACCEPTED = Rule(
    id="network/accepted",
    asks="Would an API server accept every object?",
    fix="Change the named field; an object that is refused protects nobody.",
)
SCHEMA = Rule(
    id="network/schema",
    asks="Was every object of the mesh, the Gateway API and the network plugin held against the site's own definition of it?",
    fix="Put the site's CustomResourceDefinitions beside the manifests ('arcops network snapshot' saves them, or 'kubectl get "
    "crd -o yaml'); where they are checked elsewhere, set 'schemas: false' under gate 'network'.",
)
ENFORCED = Rule(
    id="network/enforced",
    asks="Does something at the site enforce these policies, whole?",
    fix="Name the network plugin under 'enforcer' of gate 'network'; a policy that nothing enforces is only text.",
)
ISOLATED = Rule(
    id="network/isolated",
    asks="Is every pod closed by default, both ways, and the next one in its namespace, too?",
    fix="Add a NetworkPolicy with 'podSelector: {}' and 'policyTypes: [Ingress, Egress]' and no rules to the namespace.",
)
INGRESS = Rule(
    id="network/ingress",
    asks="Does every ingress rule name who may come in?",
    fix="Name the callers by namespaceSelector and podSelector, or the addresses by a narrow ipBlock.",
)
EGRESS = Rule(
    id="network/egress",
    asks="Does every egress rule name where pods may go?",
    fix="Name the peers by namespaceSelector and podSelector, or the addresses by a narrow ipBlock.",
)
HOSTS = Rule(
    id="network/hosts",
    asks="Is every host that a rule names by its name an exact one?",
    fix="List the exact host names: 'matchName' of Cilium's 'toFQDNs', 'domainNames' without '*'.",
)
PORTS = Rule(
    id="network/ports",
    asks="Does every rule name its ports?",
    fix="List the ports that the peer really uses.",
)
DNS = Rule(
    id="network/dns",
    asks="Do rules for DNS open only the DNS pods?",
    fix="Under the namespaceSelector for kube-system add 'podSelector: {matchLabels: {k8s-app: kube-dns}}'.",
)
EFFECTIVE = Rule(
    id="network/effective",
    asks="Is every rule that is written also enforced?",
    fix="Add the direction to 'policyTypes', or remove the rules.",
)
USED = Rule(
    id="network/used",
    asks="Does every policy select pods, and does every rule add something?",
    fix="Correct the selector, or remove what has no effect: who reads it believes that it has.",
)
METADATA = Rule(
    id="network/metadata",
    asks="Is the cloud's metadata service out of every pod's reach?",
    fix="Put the address under 'except' of the ipBlock, or name narrower addresses.",
)
API_SERVER = Rule(
    id="network/api-server",
    asks="Is the API server out of reach of every pod that was not granted it?",
    fix="Name narrower addresses, say where it is under 'apiServer' of gate 'network', or waive the rule for who needs it.",
)
HOST = Rule(
    id="network/host",
    asks="Do all pods live in a network of their own, where policies hold?",
    fix="Remove hostNetwork; policies do not reliably hold for pods in the network of their node.",
)
ENTRIES = Rule(
    id="network/entries",
    asks="Is every way in from outside of the cluster one that the policy knows?",
    fix="Make the Service a ClusterIP, remove the hostPort, or add the object to 'entries' of gate 'network'.",
)
BACKENDS = Rule(
    id="network/backends",
    asks="Does every Ingress and route lead to a Service and port that exist, in a namespace that permits it?",
    fix="Correct the backend, add the Service to the manifests, or add a ReferenceGrant to its namespace.",
)

ALL = (
    READ,
    UNDERSTOOD,
    ACCEPTED,
    SCHEMA,
    ENFORCED,
    ISOLATED,
    INGRESS,
    EGRESS,
    HOSTS,
    PORTS,
    DNS,
    EFFECTIVE,
    USED,
    METADATA,
    API_SERVER,
    HOST,
    ENTRIES,
    BACKENDS,
)
