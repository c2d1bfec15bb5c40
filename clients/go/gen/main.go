// Command gen cuts out of docs/openapi.json what an API key may call: what both clients
// are generated from.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: gen DOCUMENT CUT"))
	}
	whole, err := os.ReadFile(os.Args[1])
	if err != nil {
		fail(err)
	}
	cut, err := cutOut(whole)
	if err != nil {
		fail(err)
	}
	if err := os.WriteFile(os.Args[2], cut, 0o644); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

type object = map[string]any

// cutOut is the document with the operations of API keys only, the schemas that these
// need, no examples and no headers: the clients send those by themselves.
func cutOut(whole []byte) ([]byte, error) {
	var doc struct {
		OpenAPI    string            `json:"openapi"`
		Info       object            `json:"info"`
		Paths      map[string]object `json:"paths"`
		Components struct {
			Schemas map[string]object `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(whole, &doc); err != nil {
		return nil, err
	}
	changes := map[string]bool{} // the bodies of PATCH
	for path, item := range doc.Paths {
		for method, one := range item {
			operation, is := one.(object)
			if !is || !takesKeys(operation) {
				delete(item, method)
				continue
			}
			tidy(operation)
			if method == "patch" {
				need(operation["requestBody"], nil, changes)
			}
		}
		if len(item) == 0 {
			delete(doc.Paths, path)
		}
	}
	if len(doc.Paths) == 0 {
		return nil, fmt.Errorf("no operation of the document takes an API key: has the scheme api-key another name now?")
	}
	needed := map[string]bool{}
	need(doc.Paths, doc.Components.Schemas, needed)
	for name, schema := range doc.Components.Schemas {
		if !needed[name] {
			delete(doc.Components.Schemas, name)
		}
		delete(schema, "examples")
		keepAbsence(schema, changes[name])
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(doc)
	return out.Bytes(), err
}

func takesKeys(operation object) bool {
	schemes, _ := operation["security"].([]any)
	return slices.ContainsFunc(schemes, func(one any) bool {
		scheme, _ := one.(object)
		_, is := scheme["api-key"]
		return is
	})
}

// tidy makes sendMessage of send-message, and takes away what the clients do by themselves.
func tidy(operation object) {
	id, _ := operation["operationId"].(string)
	for {
		before, after, found := strings.Cut(id, "-")
		if !found {
			break
		}
		id = before + strings.ToUpper(after[:1]) + after[1:]
	}
	operation["operationId"] = id
	delete(operation, "security")
	parameters, _ := operation["parameters"].([]any)
	operation["parameters"] = slices.DeleteFunc(parameters, func(one any) bool {
		parameter, _ := one.(object)
		return parameter["in"] == "header"
	})
	withoutExamples(operation)
}

func withoutExamples(in any) {
	switch in := in.(type) {
	case object:
		delete(in, "example")
		for _, one := range in {
			withoutExamples(one)
		}
	case []any:
		for _, one := range in {
			withoutExamples(one)
		}
	}
}

// keepAbsence has Go take a pointer for what need not be there, where absent and empty are
// not the same: in what changes some fields and leaves the others, where there is a
// default, and for structures.
func keepAbsence(schema object, change bool) {
	properties, _ := schema["properties"].(object)
	for _, one := range properties {
		property, _ := one.(object)
		_, preset := property["default"]
		_, structured := property["$ref"]
		if property["type"] == "object" || property["type"] == "array" {
			continue // a map or a slice can be nil
		}
		if preset || structured || change {
			property["x-go-type-skip-optional-pointer"] = false
		}
	}
}

// need notes the schemas to which something refers, and those to which these refer.
func need(in any, schemas map[string]object, needed map[string]bool) {
	switch in := in.(type) {
	case map[string]object:
		for _, one := range in {
			need(one, schemas, needed)
		}
	case object:
		for key, one := range in {
			ref, is := one.(string)
			name := strings.TrimPrefix(ref, "#/components/schemas/")
			if is && key == "$ref" && !needed[name] {
				needed[name] = true
				need(schemas[name], schemas, needed)
				continue
			}
			need(one, schemas, needed)
		}
	case []any:
		for _, one := range in {
			need(one, schemas, needed)
		}
	}
}
