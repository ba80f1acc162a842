package attribute

import "time"

var Trace func(string, time.Duration)
