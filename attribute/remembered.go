package attribute

import "pixledger/schemas/lake"

// Remembered lists the files in which the last attribution noted what it knew of
// the conversions whose attributions are in the files given: for all of them, or
// none, as where the cache is gone, is that of other rules, or knows another
// decision of a day than the live one. The files have the columns of known.sql. They
// may be removed while they are read: then the next attribution has come.
func Remembered(l *lake.Lake, attributions []lake.File) ([]string, bool) {
	c := loadCache(l)
	out := make([]string, 0, len(attributions))
	for _, f := range attributions {
		d := c.Days[lake.FolderDate(f.Path)]
		if d == nil || d.SHA256 != f.SHA256 {
			return nil, false
		}
		out = append(out, d.path)
	}
	return out, true
}
