package app

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/jessevdk/go-flags"
)

// The columns of a help, for a terminal of 80.
const (
	helpWidth  = 80
	helpNames  = 28 // a longer name has a line of its own
	helpIndent = "  "
)

// row is a name and what it means.
type row struct{ name, text string }

// helpText describes the last command of a path: how it is called, what it does,
// its arguments, the commands below it, and its flags in their groups.
func helpText(path []*flags.Command) string {
	var b strings.Builder
	c := path[len(path)-1]
	b.WriteString("Usage:")
	for _, part := range path {
		b.WriteString(" " + part.Name)
	}
	var arguments []row
	for _, a := range c.Args() {
		b.WriteString(" " + a.Name)
		arguments = append(arguments, row{a.Name, a.Description})
	}
	if len(c.Commands()) > 0 {
		b.WriteString(" COMMAND")
	}
	b.WriteString(" [FLAGS]\n\n" + wrapped(c.ShortDescription, "") + "\n")
	writeRows(&b, "Arguments", arguments)
	writeRows(&b, "Commands", commandRows(c, ""))
	common := []row{{"--help, -h", "Describe the program, or the command that stands before it."}}
	for _, parent := range path[:len(path)-1] {
		common = append(common, flagRows(parent.Group, true)...)
	}
	if len(path) == 1 {
		common = append(common, flagRows(c.Group, true)...)
	} else {
		writeRows(&b, "Flags", flagRows(c.Group, false))
		for _, g := range c.Groups() {
			writeRows(&b, g.ShortDescription, flagRows(g, true))
		}
	}
	writeRows(&b, "Common flags", common)
	if len(c.Commands()) > 0 {
		fmt.Fprintf(&b, "\n%s COMMAND --help says more about a command.\n", path[0].Name)
	}
	return b.String()
}

// commandRows are the commands that can be run, by all their names.
func commandRows(c *flags.Command, before string) []row {
	var rows []row
	for _, sub := range c.Commands() {
		name := before + sub.Name
		if len(sub.Commands()) > 0 {
			rows = append(rows, commandRows(sub, name+" ")...)
		} else {
			rows = append(rows, row{name, sub.ShortDescription})
		}
	}
	return rows
}

func flagRows(g *flags.Group, below bool) []row {
	var rows []row
	for _, o := range g.Options() {
		rows = append(rows, flagRow(o))
	}
	if below {
		for _, sub := range g.Groups() {
			rows = append(rows, flagRows(sub, true)...)
		}
	}
	return rows
}

// flagRow shows the default of the program: what environment and file say may be secret.
func flagRow(o *flags.Option) row {
	r := row{"--" + o.LongNameWithNamespace(), o.Description}
	if kindOf(o) != reflect.Bool {
		r.name += "=" + o.ValueName
	}
	tag := o.Field().Tag
	if o.Required {
		r.text += " (required)"
	}
	if standard := tag.Get("default") + tag.Get("unset"); standard != "" {
		r.text += " (default: " + standard + ")"
	}
	return r
}

func writeRows(b *strings.Builder, title string, rows []row) {
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n" + title + ":\n")
	widest := 0
	for _, r := range rows {
		if n := utf8.RuneCountInString(r.name); n <= helpNames {
			widest = max(widest, n)
		}
	}
	margin := strings.Repeat(" ", len(helpIndent)+widest+2)
	for _, r := range rows {
		text := wrapped(r.text, margin)
		if n := utf8.RuneCountInString(r.name); n <= widest {
			text = helpIndent + r.name + text[len(helpIndent)+n:]
		} else {
			text = helpIndent + r.name + "\n" + text
		}
		b.WriteString(text + "\n")
	}
}

// wrapped breaks a text between its words, with a margin before each line.
func wrapped(text, margin string) string {
	var b strings.Builder
	used := helpWidth
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case b.Len() == 0:
			b.WriteString(margin + word)
			used = len(margin) + n
		case used+1+n > helpWidth:
			b.WriteString("\n" + margin + word)
			used = len(margin) + n
		default:
			b.WriteString(" " + word)
			used += 1 + n
		}
	}
	return b.String()
}
