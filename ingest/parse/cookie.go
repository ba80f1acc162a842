package parse

import "bytes"

// cookie finds a cookie's value in a Cookie header: of several of one name the
// first, which browsers send for the longest path.
func cookie(header []byte, name string) []byte {
	for len(header) > 0 {
		pair := header
		if i := bytes.IndexByte(header, ';'); i >= 0 {
			pair, header = header[:i], header[i+1:]
		} else {
			header = nil
		}
		pair = bytes.Trim(pair, " \t")
		if len(pair) > len(name) && pair[len(name)] == '=' && string(pair[:len(name)]) == name {
			return text(pair[len(name)+1:])
		}
	}
	return nil
}

// foldEqual compares names of headers, which are ASCII, in any case.
func foldEqual(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i, c := range b {
		if lowerByte(c) != lowerByte(name[i]) {
			return false
		}
	}
	return true
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
