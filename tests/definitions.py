"""A CustomResourceDefinition of our own making for HTTPRoute, with one of each thing that a definition can ask."""

from __future__ import annotations

DEFINITION = '''\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: httproutes.gateway.networking.k8s.io}
spec:
  group: gateway.networking.k8s.io
  scope: Namespaced
  names: {kind: HTTPRoute, plural: httproutes}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            spec:
              type: object
              x-kubernetes-validations:
                - rule: "!has(self.hostnames) || self.hostnames.all(h, h.endsWith('.example'))"
                  message: host names end in .example
                - rule: "self.weight >= oldSelf.weight"
              properties:
                hostnames:
                  type: array
                  maxItems: 2
                  x-kubernetes-list-type: set
                  items: {type: string, minLength: 1, pattern: '^[a-z.]+$'}
                port: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
                parentRefs:
                  type: array
                  items:
                    type: object
                    properties:
                      name: {type: string}
                      namespace: {type: string}
                      group: {type: string, default: gateway.networking.k8s.io}
                    x-kubernetes-validations:
                      - {rule: "self.group == 'gateway.networking.k8s.io'", message: the group is another}
                      - {rule: "!has(self.__namespace__) || self.__namespace__ != 'none'", message: no such namespace}
                weight: {type: integer, minimum: 0, exclusiveMinimum: true}
                rules: {type: array, items: {type: object, x-kubernetes-preserve-unknown-fields: true}}
                address:
                  type: object
                  oneOf:
                    - properties: {type: {enum: [IP]}, value: {anyOf: [{format: ipv4}, {format: ipv6}]}}
                    - properties: {type: {not: {enum: [IP]}}}
                  properties: {type: {type: string, default: IP}, value: {type: string}}
                  x-kubernetes-validations:
                    - message: no host name
                      rule: >-
                        self.type == "Host" ? self.value.matches(r"""^(\\*\\.)?[a-z0-9.]*$""") : true
                block: {type: string, format: cidr}
                small: {type: integer, format: int32}
                free: {type: object, x-kubernetes-preserve-unknown-fields: true}
'''
