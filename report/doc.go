// Package report answers questions about a lake: the reports, each one SQL
// file, and a user's own queries, in every format that the product writes.
//
// A report is one file in sql/ with a header that describes it, or one in a
// user's folder: a new report is one new file. Periods are computed here, by
// one set of time zone rules, and handed to SQL as bound values.
package report
