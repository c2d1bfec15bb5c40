package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// source is what the generator knows of a package.
type source struct {
	structs []*structType
	consts  []constant
	// names are the values of T that a frame type may have.
	names map[string][]string
}

type structType struct {
	name, doc string
	fields    []field
}

type field struct {
	json, doc string
	expr      string // the Go type
	optional  bool   // omitzero
	quoted    bool   // a number as a string
}

type constant struct {
	name, typ, value, doc string
}

// read parses the package in a folder, its tests left out.
func read(folder string) (*source, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	s := &source{names: map[string][]string{}}
	files := token.NewFileSet()
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, decl := range file.Decls {
			if err := s.take(decl); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	return s, nil
}

func (s *source) take(decl ast.Decl) error {
	switch d := decl.(type) {
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if err := s.takeType(spec, d); err != nil {
					return err
				}
			case *ast.ValueSpec:
				if d.Tok == token.CONST {
					s.takeConst(spec)
				}
			}
		}
	case *ast.FuncDecl:
		switch d.Name.Name {
		case "typed":
			s.takeName(d)
		case "newClientFrame":
			s.takeNames(d)
		}
	}
	return nil
}

// takeType keeps an exported struct whose fields have JSON names.
func (s *source) takeType(spec *ast.TypeSpec, d *ast.GenDecl) error {
	body, ok := spec.Type.(*ast.StructType)
	if !ok || !spec.Name.IsExported() {
		return nil
	}
	t := &structType{name: spec.Name.Name, doc: comment(spec.Doc, d.Doc)}
	for _, f := range body.Fields.List {
		if f.Tag == nil {
			continue
		}
		raw, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			return err
		}
		parts := strings.Split(reflect.StructTag(raw).Get("json"), ",")
		one := field{json: parts[0], doc: comment(f.Doc, f.Comment), expr: exprText(f.Type)}
		for _, option := range parts[1:] {
			one.optional = one.optional || option == "omitzero"
			one.quoted = one.quoted || option == "string"
		}
		t.fields = append(t.fields, one)
	}
	if len(t.fields) > 0 {
		s.structs = append(s.structs, t)
	}
	return nil
}

// takeConst keeps a constant of a named type with a literal value.
func (s *source) takeConst(spec *ast.ValueSpec) {
	for i, name := range spec.Names {
		if i >= len(spec.Values) || !name.IsExported() {
			continue
		}
		literal, ok := spec.Values[i].(*ast.BasicLit)
		if !ok {
			continue
		}
		typ := ""
		if spec.Type != nil {
			typ = exprText(spec.Type)
		}
		s.consts = append(s.consts, constant{name.Name, typ, strings.Trim(literal.Value, `"`), comment(spec.Doc, spec.Comment)})
	}
}

// takeName reads f.T = "…" in the method typed of a frame.
func (s *source) takeName(d *ast.FuncDecl) {
	receiver := exprText(d.Recv.List[0].Type)
	ast.Inspect(d.Body, func(n ast.Node) bool {
		if set, ok := n.(*ast.AssignStmt); ok {
			s.addName(receiver, set.Rhs[0])
		}
		return true
	})
}

// takeNames reads case "…": return new(ClientX).
func (s *source) takeNames(d *ast.FuncDecl) {
	ast.Inspect(d.Body, func(n ast.Node) bool {
		clause, ok := n.(*ast.CaseClause)
		if !ok {
			return true
		}
		made := clause.Body[0].(*ast.ReturnStmt).Results[0].(*ast.CallExpr)
		for _, name := range clause.List {
			s.addName(exprText(made.Args[0]), name)
		}
		return true
	})
}

func (s *source) addName(typ string, value ast.Expr) {
	literal, ok := value.(*ast.BasicLit)
	if !ok {
		return
	}
	name := strings.Trim(literal.Value, `"`)
	for _, known := range s.names[typ] {
		if known == name {
			return
		}
	}
	s.names[typ] = append(s.names[typ], name)
}

func (s *source) find(name string) *structType {
	for _, t := range s.structs {
		if t.name == name {
			return t
		}
	}
	return nil
}

func comment(groups ...*ast.CommentGroup) string {
	var parts []string
	for _, g := range groups {
		if text := strings.Join(strings.Fields(g.Text()), " "); text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " ")
}

func exprText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return exprText(e.X) + "." + e.Sel.Name
	case *ast.StarExpr:
		return "*" + exprText(e.X)
	case *ast.ArrayType:
		return "[]" + exprText(e.Elt)
	case *ast.MapType:
		return "map[" + exprText(e.Key) + "]" + exprText(e.Value)
	}
	return fmt.Sprintf("%T", e)
}
