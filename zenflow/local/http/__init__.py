"""The API server as kubectl sees it: a socket with TLS, discovery, OpenAPI, protobuf, tables."""
