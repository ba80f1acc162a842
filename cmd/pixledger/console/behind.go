package console

// What stands behind a figure: the command, or the statement that it runs.

// Statement is the SQL of an answer that is a query's; "" where it is a report's
// or another command's.
func (x *answer) Statement() string {
	if len(x.Command) > 1 && x.Command[0] == "query" {
		return x.Command[1]
	}
	return ""
}
