#!/bin/sh
# From nothing to a first call of a hosted MCP server on AKS: Terraform, the chart, `arcops host add`, a call.
#   provision.sh SITE [--dry-run]        --dry-run shows what would run, takes no program and no token, and changes nothing
# SITE is a folder with site.tfvars (deployments/terraform/azure/aks) and values.yaml (deployments/helm/arcops). What is done is noted in
# SITE/.steps, so a run that was ended goes on where it was, and a step whose input changed is done again. Each step has its clock.
#   ARCOPS_SERVER    the front's address, as in values.yaml (publicUrl)          ARCOPS_TOKEN    a token that may add and call servers
#   SERVER, PACKAGE  the first server: by default echo, and folder:/srv/echo     TOOL            the tool that is called: echo
set -eu

usage() { sed -n '3,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
dry=
site=
for word; do
    case $word in
    --dry-run) dry=yes ;;
    -*) usage ;;
    *) [ -z "$site" ] || usage; site=$word ;;
    esac
done
[ -n "$site" ] || usage
here=$(cd "$(dirname "$0")/.." && pwd)
for one in site.tfvars values.yaml; do
    [ -f "$site/$one" ] || { echo "$site/$one does not exist; deployments/aks/README.md shows one" >&2; exit 2; }
done
site=$(cd "$site" && pwd)
if [ -z "$dry" ]; then
    : "${ARCOPS_SERVER:?set it to the address of the front, as publicUrl in values.yaml}"
    : "${ARCOPS_TOKEN:?set it to a token that may add and call servers}"
fi
: "${SERVER:=echo}" "${PACKAGE:=folder:/srv/echo}" "${TOOL:=echo}" "${NAMESPACE:=arcops}" "${RELEASE:=site}"
for one in terraform az helm kubectl arcops curl sha256sum; do
    command -v "$one" >/dev/null && continue
    echo "$one is not on the PATH; install it first" >&2
    [ -n "$dry" ] || exit 2
done

steps=$site/.steps
lock() {
    mkdir -p "$steps"
    chmod 700 "$steps"
    if ! mkdir "$steps/running" 2>/dev/null; then
        other=$(cat "$steps/running/pid" 2>/dev/null || echo 0)
        if [ "$other" != 0 ] && kill -0 "$other" 2>/dev/null; then
            echo "another run (process $other) works on $site; wait for it" >&2
            exit 1
        fi
    fi
    echo $$ > "$steps/running/pid"
    trap 'rm -rf "$steps/running"' EXIT
    trap 'exit 130' INT TERM
}
[ -n "$dry" ] || lock
export KUBECONFIG="$steps/kubeconfig"

sum=0
# step NAME INPUT COMMAND…: do it, unless it was done with the same input; note how long it took, after it was done.
step() {
    name=$1 input=$(printf '%s' "$2" | sha256sum | cut -d' ' -f1)
    shift 2
    if [ -f "$steps/$name" ] && [ "$(sed -n 1p "$steps/$name")" = "$input" ]; then
        took=$(sed -n 2p "$steps/$name")
        sum=$((sum + took))
        echo "$name: done before, in $took s"
        return
    fi
    if [ -n "$dry" ]; then
        echo "$name: would run"
        sed -n "/^$1() {\$/,/^}\$/{/^$1\|^}/!p}" "$0"
        return
    fi
    begun=$(date +%s)
    # Not `"$@" || …`: there a failed command in the middle of the step would not end it.
    set +e
    (set -e; "$@")
    code=$?
    set -e
    [ "$code" = 0 ] || { echo "$name failed after $(($(date +%s) - begun)) s; repair it and run the same command again" >&2; exit 1; }
    took=$(($(date +%s) - begun))
    printf '%s\n%s\n' "$input" "$took" > "$steps/$name.new"
    mv "$steps/$name.new" "$steps/$name"
    sum=$((sum + took))
    echo "$name: $took s, $sum s in all"
}

cloud() {
    set -- "-chdir=$here/terraform/azure/aks"
    terraform "$@" init -input=false -backend-config="path=$steps/terraform.tfstate"
    terraform "$@" plan -input=false -var-file="$site/site.tfvars" -out="$steps/plan"
    terraform "$@" apply -input=false "$steps/plan"
    terraform "$@" output -json > "$steps/outputs.json"
}

output() { sed -n "/\"$1\"/,/}/s/.*\"value\": \"\(.*\)\".*/\1/p" "$steps/outputs.json"; }

credentials() {
    rm -f "$KUBECONFIG"
    az aks get-credentials --resource-group "$(output resource_group)" --name "$(output cluster)" --file "$KUBECONFIG"
    kubectl get --raw /readyz >/dev/null
}

chart() {
    helm upgrade --install "$RELEASE" "$here/helm/arcops" --namespace "$NAMESPACE" --create-namespace --values "$site/values.yaml" \
        --set "postgresql.host=$(output database_host)" --set "postgresql.to[0].ipBlock.cidr=$(output database_cidr)" \
        --set "identityOfPods.annotations.azure\.workload\.identity/client-id=$(output pod_identity)" \
        --set-string "identityOfPods.labels.azure\.workload\.identity/use=true" \
        --rollback-on-failure --wait --timeout 15m
}

ready() {
    curl --silent --show-error --fail --retry 30 --retry-all-errors --retry-delay 2 --max-time 10 "$ARCOPS_SERVER/readyz" >/dev/null
}

server() {
    arcops --server "$ARCOPS_SERVER" host add "$SERVER" --package "$PACKAGE"
    code=0
    arcops --server "$ARCOPS_SERVER" host gate "$SERVER" || code=$?
    case $code in 0 | 4) ;; *) return "$code" ;; esac # GREEN or AMBER
}

call() {
    meta='"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}'
    # The token goes by standard input, not by the command line, which every user of this machine can read.
    printf 'header = "Authorization: Bearer %s"\n' "$ARCOPS_TOKEN" | curl --silent --show-error --fail --max-time 60 --config - \
        --header 'Content-Type: application/json' --header 'Accept: application/json, text/event-stream' \
        --header 'MCP-Protocol-Version: 2026-07-28' --header 'Mcp-Method: tools/call' --header "Mcp-Name: $TOOL" \
        --data "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"$TOOL\",\"arguments\":{\"text\":\"hello\"},\"_meta\":{$meta}}}" \
        "$ARCOPS_SERVER/$SERVER/mcp" > "$steps/answer"
    grep -q '"result"' "$steps/answer" || { echo "the call was not answered with a result: $(head -c 300 "$steps/answer")" >&2; return 1; }
}

step terraform "$(cat "$here"/terraform/azure/aks/*.tf "$site/site.tfvars")" cloud
step cluster "$(cat "$steps/terraform" 2>/dev/null)" credentials
step chart "$(cat "$here"/helm/arcops/*.yaml "$here"/helm/arcops/templates/* "$site/values.yaml" "$steps/cluster" 2>/dev/null)" chart
plane=$sum
step ready "$(cat "$steps/chart" 2>/dev/null)" ready
step server "$SERVER $PACKAGE $(cat "$steps/chart" 2>/dev/null)" server
step call "$SERVER $TOOL $(cat "$steps/server" 2>/dev/null)" call

[ -z "$dry" ] || exit 0
echo "control plane after $plane s (wanted: 1200), first call after $sum s (wanted: 2700)"
if [ "$plane" -gt 1200 ] || [ "$sum" -gt 2700 ]; then
    echo "that is longer than wanted; the steps above say where" >&2
    exit 4
fi
