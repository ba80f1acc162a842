package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// version and revision are what .ci/version says of the sources, where the linker
// was told (make build, make dist). A plain `go build` leaves them empty, and has
// what the toolchain knows.
var version, revision string

// buildVersion is what the program knows of how it was built.
func buildVersion() (of, from, goVersion string) {
	of, from = version, revision
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(of, "unknown"), cmp.Or(from, "unknown"), runtime.Version()
	}
	if from == "" {
		modified := false
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				from = s.Value
			case "vcs.modified":
				modified = s.Value == "true"
			}
		}
		if modified {
			from += "+"
		}
	}
	return cmp.Or(of, strings.TrimPrefix(strings.Trim(info.Main.Version, "()"), "v"), "unknown"), cmp.Or(from, "unknown"), info.GoVersion
}

// versionText is what --version prints.
func versionText() string {
	of, from, goVersion := buildVersion()
	return fmt.Sprintf("pixledger %s (revision %s, %s, %s/%s)", of, from, goVersion, runtime.GOOS, runtime.GOARCH)
}
