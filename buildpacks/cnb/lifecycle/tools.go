//go:build tools

// Package lifecycle names the programs of the Cloud Native Buildpacks lifecycle that are built here.
package lifecycle

import (
	_ "github.com/buildpacks/lifecycle/cmd/launcher"
	_ "github.com/buildpacks/lifecycle/cmd/lifecycle"
)
