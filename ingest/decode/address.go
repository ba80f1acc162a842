package decode

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/netip"
	"unsafe"
)

// address gives what the privacy settings keep of a client's address: its
// network's address, /24 of IPv4 and /48 of IPv6, in the usual text form. What
// is no address (a socket's path) is kept only where addresses are.
func (d *Decoder) address(b []byte, denied bool) []byte {
	if b == nil || d.opts.IP == Drop {
		return nil
	}
	if d.opts.IP == Keep && !denied {
		return d.text(b)
	}
	if n := network4(b); n > 0 {
		start := len(d.buf)
		d.buf = append(append(d.buf, b[:n]...), '0')
		return d.buf[start:len(d.buf):len(d.buf)]
	}
	addr, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(b), len(b)))
	if err != nil {
		return nil
	}
	addr = addr.Unmap().WithZone("")
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return nil
	}
	start := len(d.buf)
	d.buf = prefix.Addr().AppendTo(d.buf)
	return d.buf[start:len(d.buf):len(d.buf)]
}

// network4 tells how long the first three numbers of an IPv4 address in its
// usual form are, with their points; 0 of anything else.
func network4(b []byte) (network int) {
	points, digits, value := 0, 0, 0
	for i, c := range b {
		switch {
		case c == '.' && digits > 0 && points < 3:
			points, digits, value, network = points+1, 0, 0, i+1
		case c-'0' <= 9 && (digits == 0 || value > 0):
			digits, value = digits+1, 10*value+int(c-'0')
			if value > 255 {
				return 0
			}
		default:
			return 0
		}
	}
	if points != 3 || digits == 0 {
		return 0
	}
	return network
}

// keyedHash gives pseudonyms of values that can't be told without the key.
type keyedHash struct {
	mac hash.Hash
	sum [sha256.Size]byte
}

func newKeyedHash(key []byte) *keyedHash {
	return &keyedHash{mac: hmac.New(sha256.New, key)}
}

// appendHex appends the first 16 bytes of the value's hash, in hex.
func (k *keyedHash) appendHex(dst, value []byte) []byte {
	k.mac.Reset()
	k.mac.Write(value)
	return hex.AppendEncode(dst, k.mac.Sum(k.sum[:0])[:16])
}
