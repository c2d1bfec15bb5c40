package app

import (
	"fmt"
	"reflect"
	"strings"
)

// ConfigurationPage is docs/CONFIGURATION.md: every setting, from Config itself.
func ConfigurationPage() string {
	var b strings.Builder
	b.WriteString(`# Configuration

<!-- Generated from internal/app/config.go: go test ./internal/app -run Configuration -update -->

Every setting can be given as a flag, as an environment variable, or in one YAML file named by ` + "`--config FILE`" + ` or
` + "`KEFU_CONFIG`" + `. A flag wins over the environment, the environment over the file, the file over the default.
Nothing has to be set. A key that no setting has, and a value that does not fit, stop the start with a sentence
that names the key, its place and the remedy; the exit status is 2, and 1 for any other failure.

` + "```yaml" + `
listen: 127.0.0.1:8080
data: /var/lib/kefu
trusted_proxies: [127.0.0.1, 10.0.0.0/8]
log:
  format: json
` + "```" + `
`)
	group := "-"
	for _, s := range settings() {
		if s.group != group {
			group = s.group
			title := group
			if title == "" {
				title = "The server"
			}
			fmt.Fprintf(&b, "\n## %s\n\n| in the file | flag | environment | default | what it does |\n|---|---|---|---|---|\n", title)
		}
		fmt.Fprintf(&b, "| `%s` | `--%s` | `%s` | %s | %s |\n", s.key, s.flag, s.env, defaultWords(s), s.field.Tag.Get("description")+boundWords(s))
	}
	return b.String()
}

func defaultWords(s setting) string {
	if d := s.field.Tag.Get("default"); d != "" {
		return "`" + d + "`"
	}
	if s.field.Type.Kind() == reflect.Bool {
		return "`false`"
	}
	if words := s.field.Tag.Get("unset"); words != "" {
		return words
	}
	return "none"
}

func boundWords(s setting) string {
	least, most := s.field.Tag.Get("min"), s.field.Tag.Get("max")
	switch {
	case least != "" && most != "":
		return fmt.Sprintf(" From %s to %s.", least, most)
	case least != "":
		return fmt.Sprintf(" At least %s.", least)
	}
	return ""
}
