{{- define "arcops.name" -}}
{{- printf "%s" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "arcops.selector" -}}
app.kubernetes.io/name: arcops
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "arcops.labels" -}}
{{ include "arcops.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: arcops
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- /* What every pod is: no root, nothing more than it asks for, and spread over nodes. */ -}}
{{- define "arcops.pod" -}}
enableServiceLinks: false
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user | default 65532 }}
  runAsGroup: {{ .user | default 65532 }}
  fsGroup: {{ .user | default 65532 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "arcops.selector" . | nindent 8 }}
{{- end -}}

{{- define "arcops.closed" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "arcops.database" -}}
{{- $host := .Values.postgresql.bundled | ternary (printf "%s-postgresql" (include "arcops.name" .)) .Values.postgresql.host -}}
{{- printf "postgresql+psycopg://%s@%s:%v/%s?sslmode=verify-full&sslrootcert=/etc/arcops/database/ca.crt" .Values.postgresql.user $host .Values.postgresql.port .Values.postgresql.database -}}
{{- end -}}

{{- define "arcops.environment" -}}
- {name: ARCOPS_TIER, value: {{ .Values.tier | quote }}}
- {name: ARCOPS_SITE, value: {{ .Values.site | quote }}}
- {name: ARCOPS_PUBLIC_URL, value: {{ .Values.publicUrl | quote }}}
- {name: ARCOPS_HOME, value: /var/lib/arcops/home}
- {name: ARCOPS_TRUST, value: /etc/arcops/trust}
- {name: ARCOPS_STORE, value: /var/lib/arcops/store/artifacts}
- {name: ARCOPS_REMEMBERED, value: /var/lib/arcops/store/remembered}
- {name: ARCOPS_KEY, value: /etc/arcops/key/arcops.key}
- {name: ARCOPS_PASSPHRASE_FILE, value: /etc/arcops/key/passphrase}
{{- if or .Values.postgresql.bundled .Values.postgresql.host }}
- name: ARCOPS_DATABASE
  value: {{ include "arcops.database" . | quote }}
- {name: ARCOPS_DATABASE_PASSWORD_FILE, value: /etc/arcops/database/password}
{{- end }}
{{- if .Values.redis.enabled }}
- {name: ARCOPS_REDIS, value: {{ printf "rediss://%s:%v/0" .Values.redis.host .Values.redis.port | quote }}}
{{- with .Values.secrets.redis }}
- {name: ARCOPS_REDIS_PASSWORD_FILE, value: /etc/arcops/redis/password}
{{- end }}
{{- end }}
{{- with .Values.identity.issuer }}
- {name: ARCOPS_OIDC_ISSUER, value: {{ . | quote }}}
{{- end }}
{{- with .Values.identity.audience }}
- {name: ARCOPS_OIDC_AUDIENCE, value: {{ . | quote }}}
{{- end }}
{{- with .Values.identity.keysConfigMap }}
- {name: ARCOPS_OIDC_JWKS, value: /etc/arcops/issuer/keys.json}
{{- end }}
{{- end -}}

{{- define "arcops.mounts" -}}
- {name: home, mountPath: /var/lib/arcops/home}
- {name: store, mountPath: /var/lib/arcops/store}
- {name: tmp, mountPath: /tmp}
- {name: key, mountPath: /etc/arcops/key, readOnly: true}
- {name: trust, mountPath: /etc/arcops/trust/keys, readOnly: true}
{{- if or .Values.postgresql.bundled .Values.postgresql.host }}
- {name: database, mountPath: /etc/arcops/database, readOnly: true}
{{- end }}
{{- if and .Values.redis.enabled .Values.secrets.redis }}
- {name: redis, mountPath: /etc/arcops/redis, readOnly: true}
{{- end }}
{{- if .Values.identity.keysConfigMap }}
- {name: issuer, mountPath: /etc/arcops/issuer, readOnly: true}
{{- end }}
{{- end -}}

{{- define "arcops.volumes" -}}
- {name: home, emptyDir: {sizeLimit: 2Gi}}
- {name: tmp, emptyDir: {sizeLimit: 1Gi}}
- name: store
  persistentVolumeClaim: {claimName: {{ .Values.store.existingClaim | default (printf "%s-store" (include "arcops.name" .)) }}}
- name: key
  secret: {secretName: {{ .Values.secrets.signingKey }}, defaultMode: 0440}
- name: trust
  configMap: {name: {{ .Values.trust }}}
{{- if or .Values.postgresql.bundled .Values.postgresql.host }}
- name: database
  secret: {secretName: {{ .Values.secrets.database }}, defaultMode: 0440}
{{- end }}
{{- if and .Values.redis.enabled .Values.secrets.redis }}
- name: redis
  secret: {secretName: {{ .Values.secrets.redis }}, defaultMode: 0440}
{{- end }}
{{- with .Values.identity.keysConfigMap }}
- name: issuer
  configMap: {name: {{ . }}}
{{- end }}
{{- end -}}

{{- define "arcops.to-dns" -}}
- to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .Values.network.dns.namespace }}}}
      podSelector: {matchLabels: {{ toJson .Values.network.dns.labels }}}
  ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
{{- end -}}

{{- define "arcops.to-part" -}}
- to:
    - podSelector:
        matchLabels: {{- include "arcops.selector" . | nindent 10 }}
  ports: [{protocol: TCP, port: {{ .port }}}]
{{- end -}}

{{- define "arcops.to-others" -}}
{{- if .Values.postgresql.bundled }}
{{ include "arcops.to-part" (dict "root" . "part" "postgresql" "port" .Values.postgresql.port) }}
{{- else if .Values.postgresql.host }}
- to: {{- toYaml .Values.postgresql.to | nindent 4 }}
  ports: [{protocol: TCP, port: {{ .Values.postgresql.port }}}]
{{- end }}
{{- if .Values.redis.enabled }}
- to: {{- toYaml .Values.redis.to | nindent 4 }}
  ports: [{protocol: TCP, port: {{ .Values.redis.port }}}]
{{- end }}
{{- range .Values.network.egress }}
- to: {{- toYaml .to | nindent 4 }}
  ports: [{{ range $i, $port := .ports }}{{ if $i }}, {{ end }}{protocol: TCP, port: {{ $port }}}{{ end }}]
{{- end }}
{{- end -}}
