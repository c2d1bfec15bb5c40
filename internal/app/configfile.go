package app

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/kefu-chat/kefu/internal/faults"
)

// UsageError is a mistake in how the program was called or configured: one
// sentence that names the key, its place, and the remedy.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }

func usage(format string, args ...any) error { return &UsageError{Text: fmt.Sprintf(format, args...)} }

// given is a value as text, and the place where it stands.
type given struct{ text, place string }

// values are what environment and file say, by flag name; all of them are checked.
func values(file string, env []string) (map[string]given, error) {
	found := map[string]given{}
	if file != "" {
		if err := readFile(file, found); err != nil {
			return nil, err
		}
	}
	if err := readEnv(env, found); err != nil {
		return nil, err
	}
	for _, s := range settings() {
		v, ok := found[s.flag]
		if !ok {
			continue
		}
		if err := s.check(v.text); err != nil {
			return nil, badValue(s, v, err)
		}
	}
	return found, nil
}

func badValue(s setting, v given, err error) error {
	return usage("%s: %s is %q: %v; correct it or leave it out", v.place, s.key, v.text, err)
}

// readEnv takes the variables that begin with KEFU_; a word that no setting has is a mistake.
func readEnv(env []string, found map[string]given) error {
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, "KEFU_") || name == configEnv || name == faults.Variable {
			continue
		}
		i := slices.IndexFunc(settings(), func(s setting) bool { return s.env == name })
		if i < 0 && foreignEnv(name) {
			continue
		}
		if i < 0 {
			return usage("environment: %s is not a setting%s; remove it or correct its name", name, nearest(name, envNames()))
		}
		found[settings()[i].flag] = given{text: value, place: "environment variable " + name}
	}
	return nil
}

// foreignEnv names what others set in our name: a Kubernetes service "kefu"
// (KEFU_SERVICE_HOST, KEFU_PORT_80_TCP, …), and builds for tests.
func foreignEnv(name string) bool {
	return strings.HasPrefix(name, "KEFU_SERVICE_") || name == "KEFU_PORT" || strings.HasPrefix(name, "KEFU_PORT_") || name == "KEFU_FAULTS"
}

func readFile(file string, found map[string]given) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return usage("config: the file %s cannot be read: %v; correct its name or its rights", file, reason(err))
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return usage("%s: not valid YAML: %s; correct it", file, yamlReason(err))
	}
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if err := readMapping(file, "", doc.Body, found); err != nil {
			return err
		}
	}
	return nil
}

func readMapping(file, prefix string, node ast.Node, found map[string]given) error {
	var entries []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	case *ast.NullNode, *ast.CommentGroupNode:
		return nil
	default:
		return usage("%s: %s is not a list of keys; write \"key: value\" lines", at(file, node), strings.TrimSuffix("the file "+prefix, "."))
	}
	for _, e := range entries {
		if err := readEntry(file, prefix, e, found); err != nil {
			return err
		}
	}
	return nil
}

func readEntry(file, prefix string, e *ast.MappingValueNode, found map[string]given) error {
	key := prefix + e.Key.GetToken().Value
	place := at(file, e.Key)
	all := settings()
	if i := slices.IndexFunc(all, func(s setting) bool { return s.key == key }); i >= 0 {
		text, ok := scalar(e.Value)
		if !ok {
			return usage("%s: %s needs a plain value; correct it or leave it out", place, key)
		}
		found[all[i].flag] = given{text: text, place: place}
		return nil
	}
	if slices.ContainsFunc(all, func(s setting) bool { return strings.HasPrefix(s.key, key+".") }) {
		return readMapping(file, key+".", e.Value, found)
	}
	return usage("%s: %s is not a setting%s; remove it or correct its name", place, key, nearest(key, keyNames()))
}

// scalar is a node's value as a flag would carry it: lists are joined by commas.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	case *ast.SequenceNode:
		parts := make([]string, len(n.Values))
		for i, v := range n.Values {
			var ok bool
			if parts[i], ok = scalar(v); !ok || strings.Contains(parts[i], ",") {
				return "", false
			}
		}
		return strings.Join(parts, ","), true
	}
	return "", false
}

func at(file string, n ast.Node) string {
	return fmt.Sprintf("%s:%d", file, n.GetToken().Position.Line)
}

// yamlReason is the first line of a parser's message, without its picture of the file.
func yamlReason(err error) string {
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.Token != nil {
		return fmt.Sprintf("line %d: %s", syntax.Token.Position.Line, syntax.Message)
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return first
}

// reason is what the system said, without the path that the sentence names already.
func reason(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func keyNames() []string {
	var names []string
	for _, s := range settings() {
		names = append(names, s.key)
	}
	return names
}

func envNames() []string {
	var names []string
	for _, s := range settings() {
		names = append(names, s.env)
	}
	return names
}

// nearest proposes a name that is one or two letters away.
func nearest(name string, among []string) string {
	best, at := "", 3
	for _, one := range among {
		if d := distance(strings.ToLower(name), strings.ToLower(one)); d < at {
			best, at = one, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// distance counts the letters to insert, remove or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
