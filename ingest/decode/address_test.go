package decode

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// The short way for IPv4 gives what the library gives.
func TestNetworksOfIPv4(t *testing.T) {
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	read := 0
	for range 300_000 {
		b := []byte(netip.AddrFrom4([4]byte{byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32())}).String())
		for range rnd.IntN(3) {
			b[rnd.IntN(len(b))] = "0123456789.. :ax"[rnd.IntN(16)]
		}
		d.buf = d.buf[:0]
		got := d.address(b, false)
		want := ""
		if addr, err := netip.ParseAddr(string(b)); err == nil {
			bits := 48
			if addr.Unmap().Is4() {
				bits = 24
			}
			prefix, err := addr.Unmap().WithZone("").Prefix(bits)
			if err != nil {
				t.Fatal(err)
			}
			want = prefix.Addr().String()
			read++
		}
		if string(got) != want {
			t.Fatalf("%s: got %q, want %q", b, got, want)
		}
	}
	if read < 1000 {
		t.Errorf("only %d addresses", read)
	}
}
