package retention

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kefu-chat/kefu/internal/chat"
)

// A name of 120 characters may be of more bytes than a disk takes.
func TestFilesOfAnArchiveCanBeUnpacked(t *testing.T) {
	for name, ends := range map[string]string{
		"a.txt": "-a.txt", strings.Repeat("\u00e9", 120): "\u00e9", strings.Repeat("\U0001f600", 80) + ".txt": "\U0001f600.txt",
		strings.Repeat("\u4e2d", 116) + ".pdf": "\u4e2d.pdf", strings.Repeat("\u4e2d", 50) + "." + strings.Repeat("\u4e2d", 60): "\u4e2d", "../../etc/passwd": "-passwd",
	} {
		entry := fileEntry(chat.File{ID: 501456562660816390, Name: name})
		short := strings.TrimPrefix(entry, "files/")
		if len(short) > 255 || !utf8.ValidString(short) || !strings.HasSuffix(short, ends) || strings.ContainsAny(short, `/\`) || !strings.HasPrefix(short, "501456562660816390-") {
			t.Errorf("%.20s: %d bytes, %s", name, len(short), short)
		}
	}
}
