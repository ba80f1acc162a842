// Package xandr brings the pixels and line items of a Xandr member, as the Pixel
// Service and the Line Item Service of the digital platform API give them, into
// a catalog.
//
// The JSON has no history. It says what a pixel's own keys are, and the rate
// that a conversion has always earned: the one from the start of 2000. What
// stands in the catalog beside that is somebody's own, and stays: comments,
// settings from a time on, later rates, names, redirect hosts. So the same files
// give the same catalog, whenever and however often they are imported.
package xandr
