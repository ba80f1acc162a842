package parse

import "strconv"

// The functions here write fields the way that logs have them, for synthetic
// logs.

func appendInt(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }

// appendJSON appends a string of JSON; bytes that are not UTF-8 stay, as nginx
// and others leave them.
func appendJSON(dst, s []byte) []byte {
	dst = append(dst, '"')
	dst = appendEscapedJSON(dst, s)
	return append(dst, '"')
}

func appendEscapedJSON(dst, s []byte) []byte {
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
