package server

import (
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// examples makes values that schemas allow, by the names of fields.
type examples struct {
	registry  huma.Registry
	texts     map[string]string
	numbers   map[string]int64 // of numbers that are no times: those are exampleTime
	leavesOut []string         // what goes against other fields, or is rare
}

func newExamples(registry huma.Registry) *examples {
	return &examples{
		registry: registry,
		texts: map[string]string{
			"id": "126871239800000101", "site": "126871239812345679", "visitor": "126871239900000301", "agent": "126871239800000101",
			"conversation": "0196f7c4-9d2e-7b1a-8c3d-1f2e3d4c5b6a", "position": "17.2871093", "cursor": "17.2871093", "next": "17.2871093",
			"name": "Li Hua", "email": "li.hua@example.com", "text": "Your parcel is on its way.", "title": "Orders", "page": "https://shop.example/orders",
			"language": "zh-CN", "browser": "Firefox 142 on Windows", "type": "image/jpeg", "bot": "Robo", "key": "Hq3vTz8KcWm2RnYp5Xbd",
			"kind": "message", "code": "not_yours", "fallback": "The conversation waits for an agent.", "brand": "#2a4fd6", "origin": "https://chat.shop.example",
			"origins": "https://shop.example", "file_types": "image/*", "scopes": "read", "password": "correct horse battery", "payload": `{"order":1042}`,
			"logo": "/pictures/ypc2hw0qdvp9-1jo8gx3m4ckz1", "portrait": "/pictures/ypc2hw0qdvp9-1jo8gx3m4ckz1", "secret": "5dUq0vYwq8m1Zr7nC3xT9bLkPfHsGjAeWiOuRy2Mz4E",
		},
		numbers:   map[string]int64{"seq": 17, "first_seq": 1, "number": 1, "version": 3, "limit": 50, "received": 17, "read": 17, "size": 48213, "waves": 1},
		leavesOut: []string{"bot", "erased", "reset", "truncated", "private", "fallback", "target", "via", "to", "carried"},
	}
}

const exampleTime = 1750000000000 // 2025-06-15

// of is a value that the schema allows, by the names of its fields. What the
// schema says itself goes first.
func (e *examples) of(name string, s *huma.Schema) any {
	if s.Ref != "" {
		s = e.registry.SchemaFromRef(s.Ref)
	}
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Default != nil:
		return s.Default
	}
	switch s.Type {
	case huma.TypeObject:
		return e.object(s)
	case huma.TypeArray:
		return []any{e.of(name, s.Items)}
	case huma.TypeBoolean:
		return true
	case huma.TypeInteger, huma.TypeNumber:
		return e.number(name, s)
	}
	return e.text(name, s)
}

func (e *examples) object(s *huma.Schema) any {
	if values, is := s.AdditionalProperties.(*huma.Schema); is {
		return map[string]any{"plan": e.of("plan", values)}
	}
	out := map[string]any{}
	for name, property := range s.Properties {
		if slices.Contains(e.leavesOut, name) && !slices.Contains(s.Required, name) {
			continue
		}
		out[name] = e.of(name, property)
	}
	return out
}

func (e *examples) number(name string, s *huma.Schema) any {
	n, known := e.numbers[name]
	if !known {
		n = 1
		if strings.HasSuffix(name, "_at") || slices.Contains([]string{"at", "since", "before", "until"}, name) || strings.HasSuffix(name, "_since") {
			n = exampleTime
		}
	}
	if s.Minimum != nil {
		n = max(n, int64(*s.Minimum))
	}
	if s.Maximum != nil {
		n = min(n, int64(*s.Maximum))
	}
	return n
}

func (e *examples) text(name string, s *huma.Schema) string {
	text, known := e.texts[name]
	if !known {
		text = strings.ReplaceAll(name, "_", " ")
	}
	if s.MaxLength != nil && len(text) > *s.MaxLength {
		text = text[:*s.MaxLength]
	}
	return text
}

// addExamples gives the bodies of all operations an example.
func addExamples(document *huma.OpenAPI) {
	e := newExamples(document.Components.Schemas)
	give := func(name string, content map[string]*huma.MediaType) {
		if json := content["application/json"]; json != nil && json.Schema != nil {
			json.Example = e.of(name, json.Schema)
		}
	}
	for _, path := range document.Paths {
		for _, o := range []*huma.Operation{path.Get, path.Post, path.Put, path.Patch, path.Delete} {
			if o == nil {
				continue
			}
			if o.RequestBody != nil {
				give("", o.RequestBody.Content)
			}
			for status, response := range o.Responses {
				if status != "default" {
					give("", response.Content)
				}
			}
		}
	}
	document.Components.Schemas.Map()["Problem"].Examples = []any{map[string]any{
		"code": "not_yours", "text": "Another agent has this round: ask for a hand-over, or add a note.",
	}}
}
