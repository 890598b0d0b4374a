// Package api holds the contract of the HTTP service. The server's types and
// the client are generated from it, and a request that does not match it never
// reaches a handler.
package api

import _ "embed"

//go:generate go tool oapi-codegen -config server.oapi-codegen.yaml openapi.yaml
//go:generate go tool oapi-codegen -config client.oapi-codegen.yaml openapi.yaml

// OpenAPI is openapi.yaml, OpenAPI 3.0.3.
//
//go:embed openapi.yaml
var OpenAPI []byte
