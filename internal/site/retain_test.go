package site_test

import (
	"errors"
	"testing"

	"github.com/kefu-chat/kefu/internal/site"
)

func TestRetainDays(t *testing.T) {
	for days, good := range map[int]bool{0: true, 7: true, 30: true, 3650: true, -1: false, 1: false, 6: false, 3651: false} {
		s := site.DefaultSettings()
		s.RetainDays = days
		kept, err := s.Check()
		var wrong *site.FieldError
		switch {
		case good && (err != nil || kept.RetainDays != days):
			t.Errorf("%d days: %v, kept as %d", days, err, kept.RetainDays)
		case !good && (!errors.As(err, &wrong) || wrong.Field != "settings.retain_days"):
			t.Errorf("%d days: %v, want a word about settings.retain_days", days, err)
		}
	}
}
