package legacy_test

import (
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/legacy"
)

// TestGoodName: names that a person can read, and none that could be taken for the
// account that answers.
func TestGoodName(t *testing.T) {
	for name, want := range map[string]bool{
		"alice": true, "爱丽丝": true, "a b": true, "👩\u200d💻": true, "می\u200cخواهم": true, "José": true,
		legacy.AgentName: true, "admin": true, "super_admin2": true, "supervisor": true,
		strings.Repeat("x", legacy.MaxName): true, strings.Repeat("x", legacy.MaxName+1): false, strings.Repeat("x", 1<<20): false,
		"": false, " alice": false, "alice\u00a0": false, "al\x00ice": false, "al\nice": false, "\xff": false, "\ufffd": false,
		"al\u202eice": false, "alice\u200b": false, "al\u2028ice": false, "\ufeffalice": false,
		"Super_Admin": false, "SUPER_ADMIN": false, "super admin": false, "super-admin": false, "superadmin": false, "super__admin": false,
		"ｓｕｐｅｒ＿ａｄｍｉｎ": false, "súper_admin": false, "ѕuper_аdmin": false, "super_adm1n": false, "super_admin\u200d": false,
		"al\u3164ice": false, "alice\u2800": false, "\u115falice": false, "alice\uffa0": false, "al\u034fice": false, "alice\ufe0f": false,
		"alice\U000e0101": false, "al\u200dice": false, "al\u200cice": false, "\u200dalice": false, "李\u200d明": false,
		"❤\ufe0f": true, "👩🏽\u200d💻": true, "क्\u200dष": true, "o'neill": true, "alice!": true, "a.b@shop.example": true,
		"super.admin": false, "super·admin": false, "(super_admin)": false, "★super_admin★": false, "super_admin!": false, "$uper_@dm!n": false,
		"sᴜᴘᴇʀ_ᴀᴅᴍɪɴ": false, "super_ɑdmin": false, "super_admiո": false, "ꓢꓴꓑꓰꓣ_ꓮꓓꓟꓲꓠ": false, "ˢᵘᵖᵉʳ_ᵃᵈᵐⁱⁿ": false, "s\u20dduper_admin": false,
		"super\u00a0admin": false, "s\u200cuper_admin": false, "super\u2010admin": false, "𝐬𝐮𝐩𝐞𝐫_admin": false,
	} {
		if got := legacy.GoodName(name); got != want {
			t.Errorf("%.40q: %t, want %t", name, got, want)
		}
	}
}
