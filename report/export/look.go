package export

import (
	"path/filepath"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

// Listed is one day's export and where it has got to.
type Listed struct {
	Manifest *Manifest
	SHA256   string // of the manifest
	// Deliveries are the records by destination, in the order asked for; nil
	// where a destination has not received it.
	Deliveries []*Delivery
}

// List lists the exports up to a day, in order: all, where it is empty.
func List(l *lake.Lake, until schemas.Day, destinations []string) ([]Listed, error) {
	days, err := written(l)
	if err != nil {
		return nil, err
	}
	var out []Listed
	for _, d := range days {
		if until != "" && d > until {
			break
		}
		m, hash, err := readManifest(l, d)
		if err != nil {
			return nil, err
		}
		x := Listed{Manifest: m, SHA256: hash}
		for _, dest := range destinations {
			r := &Delivery{}
			there, err := readRecord(l, deliveryFile(l, dest, d), r)
			if err != nil {
				return nil, err
			}
			if !there {
				r = nil
			}
			x.Deliveries = append(x.Deliveries, r)
		}
		out = append(out, x)
	}
	return out, nil
}

// Standing is how far exports have got.
type Standing struct {
	Written      int         // days
	Last         schemas.Day // the newest day written
	Destinations []DestinationStanding
}

// DestinationStanding is how far a destination is.
type DestinationStanding struct {
	Destination string
	Delivered   int         // days
	Last        schemas.Day // the newest day that it received
	Waiting     int         // days that are written and not delivered
	Failure     *Failure    // of the last try; nil where it succeeded
}

// Stand looks how far exports have got, at little cost.
func Stand(l *lake.Lake, destinations []string) (*Standing, error) {
	days, err := written(l)
	if err != nil {
		return nil, err
	}
	s := &Standing{Written: len(days)}
	if len(days) > 0 {
		s.Last = days[len(days)-1]
	}
	for _, dest := range destinations {
		have, err := delivered(l, dest)
		if err != nil {
			return nil, err
		}
		x := DestinationStanding{Destination: dest, Delivered: len(have), Waiting: len(days) - len(have)}
		if len(have) > 0 {
			x.Last = have[len(have)-1]
		}
		f := &Failure{}
		there, err := readRecord(l, filepath.Join(deliveriesFolder(l, dest), failureFile), f)
		if err != nil {
			return nil, err
		}
		if there {
			x.Failure = f
		}
		s.Destinations = append(s.Destinations, x)
	}
	return s, nil
}
