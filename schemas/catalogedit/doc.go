// Package catalogedit changes a catalog's file without writing it anew: what an
// edit does not concern keeps its bytes, comments, order, quoting and line ends
// included.
//
// An edit is a set of splices at the places where the YAML library says that
// values stand, in the style of their neighbours. Its result is read again, as
// strictly as every catalog, and every value in it is compared with what the
// edit was to make of the file: what differs is refused, and the file stays as
// it is. So a way of writing YAML that this package does not understand costs
// an error and never a catalog.
package catalogedit
