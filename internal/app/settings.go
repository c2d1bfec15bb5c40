package app

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// setting is one leaf of Config.
type setting struct {
	key   string // limits.frame_bytes, as in the file
	flag  string // limits-frame-bytes
	env   string // KEFU_LIMITS_FRAME_BYTES
	group string
	field reflect.StructField
	index []int
}

// settings are all leaves of Config, in its order.
func settings() []setting { return settingsOf(reflect.TypeFor[Config](), setting{}) }

func settingsOf(t reflect.Type, parent setting) []setting {
	var all []setting
	for i := range t.NumField() {
		f := t.Field(i)
		s := setting{field: f, group: parent.group, index: append(append([]int(nil), parent.index...), i)}
		if namespace, ok := f.Tag.Lookup("namespace"); ok {
			s.flag, s.group = parent.flag+namespace+"-", f.Tag.Get("group")
			s.key = parent.key + strings.ReplaceAll(namespace, "-", "_") + "."
			all = append(all, settingsOf(f.Type, s)...)
			continue
		}
		name := f.Tag.Get("long")
		s.flag = parent.flag + name
		s.key = parent.key + strings.ReplaceAll(name, "-", "_")
		s.env = "KEFU_" + strings.ToUpper(strings.ReplaceAll(s.flag, "-", "_"))
		all = append(all, s)
	}
	return all
}

// check says what is expected instead of a value, or nil.
func (s setting) check(text string) error {
	if s.field.Type.Kind() == reflect.Slice {
		for one := range strings.SplitSeq(text, ",") {
			if text == "" {
				break
			}
			if err := s.checkOne(strings.TrimSpace(one), s.field.Type.Elem()); err != nil {
				return err
			}
		}
		return nil
	}
	if choice := s.field.Tag.Get("enum"); choice != "" {
		for one := range strings.SplitSeq(choice, ",") {
			if one == text {
				return nil
			}
		}
		return fmt.Errorf("expected one of %s", strings.ReplaceAll(choice, ",", ", "))
	}
	if s.key == "listen" || s.key == "admin.listen" || s.key == "tls.plain_listen" && text != nowhere {
		return checkListen(text)
	}
	return s.checkOne(text, s.field.Type)
}

func (s setting) checkOne(text string, t reflect.Type) error {
	v := reflect.New(t)
	if u, ok := v.Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch {
	case t == reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(text)
		return s.inRange(err, float64(d), "a duration such as 30s, 15m or 24h", func(bound string) float64 {
			b, _ := time.ParseDuration(bound) // the tags are checked by a test
			return float64(b)
		})
	case t.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("expected true or false")
		}
	case t.Kind() == reflect.Int:
		n, err := strconv.ParseInt(text, 10, 32)
		return s.inRange(err, float64(n), "a whole number", parseBound)
	case t.Kind() == reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		return s.inRange(err, f, "a number", parseBound)
	case text == "":
		return fmt.Errorf("expected a value that is not empty")
	}
	return nil
}

func (s setting) inRange(err error, value float64, what string, bound func(string) float64) error {
	least, most := s.field.Tag.Get("min"), s.field.Tag.Get("max")
	within := err == nil && (least == "" || value >= bound(least)) && (most == "" || value <= bound(most))
	switch {
	case within:
		return nil
	case least != "" && most != "":
		return fmt.Errorf("expected %s from %s to %s", what, least, most)
	case least != "":
		return fmt.Errorf("expected %s, %s or more", what, least)
	}
	return fmt.Errorf("expected %s", what)
}

func parseBound(text string) float64 {
	f, _ := strconv.ParseFloat(text, 64) // the tags are checked by a test
	return f
}
