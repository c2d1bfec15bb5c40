package web

import (
	"strconv"
	"strings"
)

// form is one way in which a file may lie in dist.
type form struct {
	encoding string // as in Content-Encoding
	ending   string // of the file's name
}

// acceptable lists the forms a client takes, best first. The plain form is always the last resort: a client that
// refuses it as well gets it all the same, which is what RFC 9110 lets a server do.
func acceptable(acceptEncoding string) []form {
	var forms []form
	for _, known := range []form{{"br", ".br"}, {"gzip", ".gz"}} {
		if accepts(acceptEncoding, known.encoding) {
			forms = append(forms, known)
		}
	}
	return append(forms, form{})
}

// accepts reports whether a header allows an encoding: named, or covered by "*", with a weight above zero.
func accepts(header, encoding string) bool {
	wild := false
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case encoding:
			return weight(params) > 0
		case "*":
			wild = weight(params) > 0
		}
	}
	return wild
}

// weight reads "q=0.5"; a parameter that is absent or cannot be read weighs one.
func weight(params string) float64 {
	value, found := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q=")
	if !found {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return 1
	}
	return q
}
