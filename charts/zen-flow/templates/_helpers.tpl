{{- define "zen-flow.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "zen-flow.fullname" -}}
{{- $name := include "zen-flow.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Cluster-wide names carry the namespace where two releases of one name would meet. */}}
{{- define "zen-flow.clusterName" -}}
{{- $fullname := include "zen-flow.fullname" . }}
{{- if hasPrefix $fullname .Release.Namespace }}{{ $fullname }}{{ else }}{{ printf "%s-%s" .Release.Namespace $fullname }}{{ end }}
{{- end }}

{{- define "zen-flow.selector" -}}
app.kubernetes.io/name: {{ include "zen-flow.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "zen-flow.labels" -}}
{{ include "zen-flow.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: controller
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "zen-flow.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "zen-flow.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "zen-flow.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* policies, webhook or none: what `auto` stands for on this cluster. */}}
{{- define "zen-flow.admission" -}}
{{- $policies := .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" }}
{{- if ne .Values.admission "auto" }}{{ .Values.admission }}{{ else if $policies }}policies{{ else }}webhook{{ end }}
{{- end }}

{{/* What the controller does in a namespace that it watches. tests/e2e/install compares this with its requests. */}}
{{- define "zen-flow.rules" -}}
- apiGroups: [workflow.zen.io]
  resources: [jobflows]
  verbs: [list, watch, delete]
- apiGroups: [workflow.zen.io]
  resources: [jobflows/status]
  verbs: [patch]
# Where the API server lets only those block an owner's deletion who may finalize it (OpenShift does).
- apiGroups: [workflow.zen.io]
  resources: [jobflows/finalizers]
  verbs: [update]
# Asked of whoever writes Jobs and Pods that bear the marks of a flow.
- apiGroups: [workflow.zen.io]
  resources: [jobflows/children]
  verbs: [create]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [persistentvolumeclaims, configmaps]
  verbs: [get, create]
- apiGroups: [""]
  resources: [events]
  verbs: [list, create, patch]
{{- end }}

{{- define "zen-flow.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "zen-flow.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
