//go:build tools

// Package tools names the command that the local cluster builds, so that go.mod and go.sum pin it.
package tools

import _ "github.com/rancher/local-path-provisioner"
