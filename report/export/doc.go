// Package export writes what finance receives of each closed business day, once
// and for good, and sees to it that every destination gets it.
//
// A day's export is a folder below the lake's _state/exports: the day's revenue
// and the day's ledger entries in each format, and a manifest with their
// checksums, sums and the hash of the manifest before it. The folder gets its
// name when it is whole and durable, and never changes after that: destinations
// that come later, or were out of reach for a week, receive these same bytes.
package export
