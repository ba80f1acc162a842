//go:build !testall

package main

// drillsMount says whether the drills may mount small file systems.
const drillsMount = false
