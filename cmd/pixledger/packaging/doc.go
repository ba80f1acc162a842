// Package packaging has tests alone: they make what `make dist` makes, install it
// into a clean Debian with a systemd of its own, and do to it what happens to an
// installation. docs/install.md says what they hold.
package packaging
