package main

import (
	"fmt"
	"math/big"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/yamlfile"
)

func zoneOf(v yamlfile.Value) *time.Location {
	name, given := v.Text()
	if !given {
		return time.UTC
	}
	if err := schemas.CheckZone(name); err != nil {
		v.Refuse(fmt.Sprintf("the time zone %s is unknown", v.Written()), "an IANA name such as Europe/Berlin or UTC")
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

func duration(v yamlfile.Value, omitted, least time.Duration) time.Duration {
	s, given := v.Text()
	if !given || v.Refused() {
		return omitted
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		v.Refuse(v.Written()+" is no duration that fits", "a duration such as 30s, 15m or 4h")
	case d < least:
		v.Refuse(v.Written()+" is too short", "at least "+least.String())
	}
	return d
}

var (
	sizeShape = regexp.MustCompile(`^([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([KMGT]?)(i?)B$`)
	sizePower = map[string]int{"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
)

// size reads a number of bytes: 2GB is 2,000,000,000, 1MiB 1,048,576.
func size(v yamlfile.Value, omitted int64) int64 {
	if n, ok := v.Int(); ok {
		return n
	}
	s, given := v.Text()
	if !given || v.Refused() {
		return omitted
	}
	n, ok := parseSize(s)
	if !ok {
		v.Refuse(v.Written()+" is no size: not a whole number of bytes from 1 on", "a size such as 2GB, 512MiB or 65536B")
	}
	return n
}

func parseSize(s string) (int64, bool) {
	m := sizeShape.FindStringSubmatch(s)
	if m == nil || m[2] == "" && m[3] != "" {
		return 0, false
	}
	n, ok := new(big.Rat).SetString(m[1])
	if !ok {
		return 0, false
	}
	unit := int64(1000)
	if m[3] != "" {
		unit = 1024
	}
	for range sizePower[m[2]] {
		n.Mul(n, new(big.Rat).SetInt64(unit))
	}
	if !n.IsInt() || !n.Num().IsInt64() || n.Sign() <= 0 {
		return 0, false
	}
	return n.Num().Int64(), true
}

// percent reads 10% into 10.000000, and none into nil.
func percent(v yamlfile.Value) *schemas.Money {
	m, ok := schemas.ParseMoney(strings.TrimSuffix(v.TextOr("10%"), "%"))
	if !ok {
		return nil
	}
	return &m
}

// date reads a calendar day: YYYY-MM-DD, or empty where none is given.
func date(v yamlfile.Value) string {
	s, given := v.Text()
	if !given || v.Refused() {
		return ""
	}
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		v.Refuse("there is no day "+v.Written(), "a date such as 2026-01-31")
		return ""
	}
	return s
}

var hostShape = regexp.MustCompile(`^\.?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:[0-9]{1,5})?$`)

var headerShape = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)

func hostName(v yamlfile.Value) string {
	s := v.TextOr("")
	if s != "" && !hostShape.MatchString(s) {
		v.Refuse(v.Written()+" is no host name", "a host name such as px.example")
	}
	return s
}

// listen reads what nginx's listen takes: a port, or an address and a port.
func listen(v yamlfile.Value, omitted string) string {
	if n, ok := v.Int(); ok {
		return strconv.FormatInt(n, 10)
	}
	s, given := v.Text()
	if !given || v.Refused() {
		return omitted
	}
	port := s
	if strings.Contains(s, ":") {
		var err error
		if _, port, err = net.SplitHostPort(s); err != nil {
			port = ""
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		v.Refuse(v.Written()+" names no port", "a port such as 80, or ADDRESS:PORT")
	}
	return s
}

// loopbackAddress tells whether only this machine can reach HOST:PORT.
func loopbackAddress(address string) (bool, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false, err
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false, err
	}
	if host == "localhost" {
		return true, nil
	}
	return net.ParseIP(host).IsLoopback(), nil
}
