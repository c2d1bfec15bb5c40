package live

import (
	"strings"
	"unique"
)

type named struct{ mark, name string }

// browsers and systems are in the order in which their marks decide.
func browsers() [10]named {
	return [...]named{
		{"MicroMessenger/", "WeChat"}, {"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"OPR/", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Version/", "Safari"},
	}
}

func systems() [8]named {
	return [...]named{
		{"Windows", "Windows"}, {"HarmonyOS", "HarmonyOS"}, {"Android", "Android"}, {"iPhone", "iOS"},
		{"iPad", "iPadOS"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	}
}

// browserOf names browser and system of a User-Agent header for agents, such as
// "Firefox 140, Windows"; "" when neither is known. Equal names share their memory.
func browserOf(userAgent string) string {
	var parts []string
	for _, b := range browsers() {
		if _, after, found := strings.Cut(userAgent, b.mark); found {
			version, _, _ := strings.Cut(after, ".")
			if n := len(version); n == 0 || n > 4 || strings.Trim(version, "0123456789") != "" {
				parts = append(parts, b.name)
			} else {
				parts = append(parts, b.name+" "+version)
			}
			break
		}
	}
	for _, s := range systems() {
		if strings.Contains(userAgent, s.mark) {
			parts = append(parts, s.name)
			break
		}
	}
	return unique.Make(strings.Join(parts, ", ")).Value()
}
