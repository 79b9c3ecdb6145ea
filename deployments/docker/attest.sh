#!/bin/sh
# An image becomes a layout with its SBOM, its provenance and its signature, all made by ArcOps; then ArcOps judges it.
#   attest.sh LAYOUT SITE_PACKAGES VERSION BUILDER SOURCE [POLICY]
# LAYOUT is an OCI image layout (buildah push IMAGE oci:LAYOUT); SITE_PACKAGES is that folder of the image, as `buildah mount` shows it.
# BUILDER and SOURCE are the URIs of who built it and from what. It exits as `arcops check` does: 0 GREEN, 4 AMBER, 3 RED.
set -eu

[ $# -ge 5 ] || { sed -n '3,5s/^# *//p' "$0" >&2; exit 2; }
layout=$1 packages=$2 version=$3 builder=$4 source=$5
policy=${6:-$(dirname "$0")/image-policy.yaml}
: "${ARCOPS:=arcops}"
$ARCOPS sbom "$layout" --version "$version" --supplier 'The ArcOps founders' --licence Apache-2.0 --python "$packages"
$ARCOPS sign "$layout" --builder "$builder" --source "$source"
exec $ARCOPS check "$layout" --policy "$policy"
