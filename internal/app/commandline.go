package app

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/jessevdk/go-flags"
)

// ownCommand is a command of this package, furtherCommand one that was given to Main.
type (
	ownCommand     interface{ Run(s *Process) error }
	furtherCommand interface {
		Run(ctx context.Context, out io.Writer) error
	}
)

// commandLine reads arguments into structs of commands.
type commandLine struct {
	parser *flags.Parser
	roots  []any // pointers to structs with commands
}

// newCommandLine knows the commands in roots. What environment and file say takes the place of the defaults.
func newCommandLine(found map[string]given, roots ...any) (*commandLine, error) {
	p := flags.NewNamedParser("kefu", flags.PassDoubleDash|flags.AllowBoolValues)
	p.NamespaceDelimiter = "-"
	p.ShortDescription = "Live chat between a website's visitors and its team, in one program."
	for _, root := range roots {
		if _, err := p.AddGroup("Flags", "", root); err != nil {
			return nil, err
		}
	}
	eachCommand(p.Command, func(c *flags.Command) {
		eachOption(c.Group, func(o *flags.Option) { prepare(o, found) })
	})
	return &commandLine{p, roots}, nil
}

func eachCommand(c *flags.Command, do func(*flags.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		eachCommand(sub, do)
	}
}

func eachOption(g *flags.Group, do func(*flags.Option)) {
	for _, o := range g.Options() {
		do(o)
	}
	for _, sub := range g.Groups() {
		eachOption(sub, do)
	}
}

// prepare gives a flag the value that it has where it is not given.
func prepare(o *flags.Option, found map[string]given) {
	if len(o.Default) > 0 {
		o.Default = parts(o, o.Default[0])
	}
	if v, ok := found[o.LongNameWithNamespace()]; ok {
		o.Default = parts(o, v.text)
	}
	t := o.Field().Type
	many := t.Kind() == reflect.Slice
	if many {
		t = t.Elem()
	}
	if o.ValueName == "" {
		o.ValueName = valueNames[t.Kind()]
	}
	if many {
		o.ValueName += ",..."
	}
}

var valueNames = map[reflect.Kind]string{
	reflect.String: "TEXT", reflect.Int: "NUMBER", reflect.Float64: "NUMBER", reflect.Int64: "DURATION",
}

// parts are the values of a list, which commas separate, or the one value.
func parts(o *flags.Option, text string) []string {
	if kindOf(o) != reflect.Slice {
		return []string{text}
	}
	if text == "" {
		return nil
	}
	all := strings.Split(text, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

func commandNames(c *flags.Command) []string {
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name)
	}
	return names
}

func flagNames(path []*flags.Command) []string {
	names := []string{"--help"}
	for _, c := range path {
		eachOption(c.Group, func(o *flags.Option) { names = append(names, "--"+o.LongNameWithNamespace()) })
	}
	return names
}

func kindOf(o *flags.Option) reflect.Kind { return o.Field().Type.Kind() }

// parse reads the arguments. It gives the command that they name, or the text of
// the help that they ask for. Errors are *UsageError.
func (l *commandLine) parse(args []string) (command any, help string, err error) {
	plain, err := l.plain(args)
	if err != nil {
		return nil, "", err
	}
	if plain.help {
		return nil, helpText(plain.path), nil
	}
	if missing := commandNames(plain.at()); len(missing) > 0 {
		return nil, "", usage("a command is missing: one of %s; see kefu --help", strings.Join(missing, ", "))
	}
	left, err := l.parser.ParseArgs(plain.args)
	switch {
	case err != nil:
		return nil, "", usage("%s; see kefu --help", strings.NewReplacer("`", "", "'", "").Replace(err.Error()))
	case len(left) > 0:
		return nil, "", usage("unexpected argument %s; see kefu --help", left[0])
	}
	for _, root := range l.roots {
		if found, ok := chosen(reflect.ValueOf(root).Elem(), l.parser.Active); ok {
			return found, "", nil
		}
	}
	return nil, "", fmt.Errorf("the command %s has no struct", l.parser.Active.Name)
}

// chosen is the field of a struct of commands that holds the active one.
func chosen(v reflect.Value, active *flags.Command) (any, bool) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("command") != active.Name {
			continue
		}
		if active.Active != nil {
			return chosen(v.Field(i), active.Active)
		}
		return v.Field(i).Addr().Interface(), true
	}
	return nil, false
}

// plainArgs are arguments in the form that go-flags reads alike wherever they stand.
type plainArgs struct {
	args []string
	path []*flags.Command // from the program to the command that is named
	help bool             // is asked for
}

func (p *plainArgs) at() *flags.Command { return p.path[len(p.path)-1] }

// plain checks what flags say, and gives each its value in one argument, one for
// each of a list: go-flags knows no lists, and takes quotes off values.
func (l *commandLine) plain(args []string) (plainArgs, error) {
	p := plainArgs{path: []*flags.Command{l.parser.Command}}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		var err error
		switch {
		case arg == "--":
			p.args = append(append(p.args, arg), args...)
			return p, nil
		case arg == "-h" || arg == "--help":
			p.help = true
		case strings.HasPrefix(arg, "--"):
			args, err = p.flag(arg[len("--"):], args)
		case len(arg) > 1 && arg[0] == '-':
			name, _, _ := strings.Cut(arg, "=")
			err = usage("unknown flag %s%s; an argument that begins with a dash comes after --; see kefu --help", name, nearest("-"+name, flagNames(p.path)))
		default:
			err = p.word(arg)
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

// word takes a command's name, or an argument.
func (p *plainArgs) word(arg string) error {
	p.args = append(p.args, arg)
	if len(p.at().Commands()) == 0 {
		return nil
	}
	sub := p.at().Find(arg)
	if sub == nil {
		return usage("unknown command %s%s; see kefu --help", arg, nearest(arg, commandNames(p.at())))
	}
	p.path = append(p.path, sub)
	return nil
}

// flag takes a flag, with its value from the arguments after it, and gives those that are left.
func (p *plainArgs) flag(text string, after []string) ([]string, error) {
	name, value, joined := strings.Cut(text, "=")
	if name == "domain" {
		name = "tls-domain" // its second name
	}
	o := p.at().FindOptionByLongName(name)
	switch {
	case o == nil:
		return nil, usage("unknown flag --%s%s; see kefu --help", name, nearest("--"+name, flagNames(p.path)))
	case !joined && kindOf(o) == reflect.Bool:
		value = "true"
	case !joined && (len(after) == 0 || strings.HasPrefix(after[0], "--")):
		return nil, usage("--%s needs a value: --%s=%s; see kefu --help", name, name, o.ValueName)
	case !joined:
		value, after = after[0], after[1:]
	}
	p.args = append(p.args, assignments(o, name, value)...)
	return after, checkFlag(o, name, value)
}

func assignments(o *flags.Option, name, value string) []string {
	values := parts(o, value)
	if len(values) == 0 {
		o.Default = nil // an empty list is one, too
	}
	all := make([]string, len(values))
	for i, one := range values {
		if strings.HasPrefix(one, `"`) {
			one = strconv.Quote(one)
		}
		all[i] = "--" + name + "=" + one
	}
	return all
}

// checkFlag holds what a flag says to the bounds that hold for the file.
func checkFlag(o *flags.Option, name, value string) error {
	all := settings()
	i := slices.IndexFunc(all, func(s setting) bool { return s.flag == name })
	if i >= 0 {
		if err := all[i].check(value); err != nil {
			return badValue(all[i], given{text: value, place: "flag --" + name}, err)
		}
		return nil
	}
	switch kindOf(o) {
	case reflect.String:
		return nil
	case reflect.Map:
		if !strings.Contains(value, "=") {
			return usage("--%s is %q: expected %s; see kefu --help", name, value, o.ValueName)
		}
		return nil
	}
	if err := (setting{field: o.Field()}).check(value); err != nil {
		return usage("--%s is %q: %v; see kefu --help", name, value, err)
	}
	return nil
}
