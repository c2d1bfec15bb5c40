package server

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kefu-chat/kefu/web"
)

//go:embed docs/docs.css
var docsStyle string

//go:embed docs/docs.js
var docsScript string

// docsWords are the words around the document, which is in English.
type docsWords struct {
	lang, title, search, none, document, forWhom, parameters, body, answer, shapes, required string
}

func docsWordsFor(chinese bool) docsWords {
	if chinese {
		return docsWords{
			"zh-CN", "Kefu 接口", "搜索：路径、名称、说明", "没有找到。", "OpenAPI 文档", "可用者", "参数", "请求正文", "应答", "数据结构", "必填",
		}
	}
	return docsWords{
		"en", "Kefu API", "Search: path, name, words", "Nothing found.", "OpenAPI document", "For", "Parameters", "Request body", "Answer", "Shapes", "required",
	}
}

// docs registers the page that shows the document, and what it is made of.
func (s *Server) docs(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/docs", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Language")
		docsFile(w, "text/html; charset=utf-8", docsPage(s.api.OpenAPI(), docsWordsFor(prefersChinese(r.Header.Get("Accept-Language")))))
	})
	mux.HandleFunc("GET /api/docs.css", func(w http.ResponseWriter, _ *http.Request) {
		docsFile(w, "text/css; charset=utf-8", web.Tokens+docsStyle)
	})
	mux.HandleFunc("GET /api/docs.js", func(w http.ResponseWriter, _ *http.Request) {
		docsFile(w, "text/javascript; charset=utf-8", docsScript)
	})
}

func docsFile(w http.ResponseWriter, contentType, text string) {
	head := w.Header()
	head.Set("Content-Type", contentType)
	head.Set("Content-Security-Policy", policy(nobody))
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("X-Frame-Options", "DENY")
	head.Set("Cache-Control", "no-cache")
	_, _ = w.Write([]byte(text)) // the client may be gone
}

// docsWriter writes the page.
type docsWriter struct {
	strings.Builder
	words docsWords
}

func (d *docsWriter) put(format string, args ...any) {
	for i, a := range args {
		if text, is := a.(string); is {
			args[i] = html.EscapeString(text)
		}
	}
	fmt.Fprintf(d, format, args...)
}

// docsPage is the document as a page: an entry for each operation and each shape.
func docsPage(document *huma.OpenAPI, words docsWords) string {
	d := &docsWriter{words: words}
	d.put(`<!doctype html><html lang="%s"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>%s</title>`, words.lang, words.title)
	d.put(`<link rel="stylesheet" href="/api/docs.css"><script src="/api/docs.js" defer></script></head><body><header><h1>%s</h1>`, words.title)
	d.put(`<input type="search" hidden placeholder="%s" aria-label="%s"><a href="/api/v1/openapi.json">%s</a></header><main lang="en"><p class="muted">%s</p>`,
		words.search, words.search, words.document, document.Info.Description)
	d.put(`<p id="none" lang="%s" role="status" hidden>%s</p>`, words.lang, words.none)
	groups := map[string][]*huma.Operation{}
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		item := document.Paths[path]
		for _, o := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if o != nil {
				groups[docsGroup(path)] = append(groups[docsGroup(path)], o)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		d.put(`<section><h2>%s</h2>`, name)
		for _, o := range groups[name] {
			d.operation(o)
		}
		d.put(`</section>`)
	}
	d.put(`<section><h2 lang="%s">%s</h2>`, words.lang, words.shapes)
	shapes := document.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		d.put(`<details id="shape-%s"><summary><code>%s</code></summary><div>`, name, name)
		d.fields(shapes[name])
		d.put(`</div></details>`)
	}
	d.put(`</section></main></body></html>`)
	return d.String()
}

// docsGroup is the word of a path by which its operations stand together.
func docsGroup(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, apiRoot+"/"), "/")
	if parts[0] == "sites" && len(parts) > 2 {
		return parts[2]
	}
	return parts[0]
}

func (d *docsWriter) operation(o *huma.Operation) {
	d.put(`<details id="%s"><summary><span class="method">%s</span><code>%s</code><span class="muted">%s</span></summary><div>`, o.OperationID, o.Method, o.Path, o.Summary)
	d.put(`<p class="muted"><code>%s</code> · %s</p>`, o.OperationID, o.Description)
	if len(o.Parameters) > 0 {
		d.put(`<h3 lang="%s">%s</h3><dl>`, d.words.lang, d.words.parameters)
		for _, p := range o.Parameters {
			d.field(p.Name+" ("+p.In+")", p.Schema, p.Required || p.In == "path", p.Description)
		}
		d.put(`</dl>`)
	}
	if o.RequestBody != nil {
		d.body(d.words.body, o.RequestBody.Content)
	}
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		name := d.words.answer + " " + status
		if status == "default" {
			name = d.words.answer + " 4xx, 5xx"
		}
		d.body(name, o.Responses[status].Content)
	}
	d.put(`</div></details>`)
}

func (d *docsWriter) body(title string, content map[string]*huma.MediaType) {
	d.put(`<h3 lang="%s">%s</h3>`, d.words.lang, title)
	for _, kind := range slices.Sorted(maps.Keys(content)) {
		media := content[kind]
		if media.Schema.Ref != "" {
			d.put(`<p>%s: %s</p>`, kind, docsRaw(docsType(media.Schema)))
		} else {
			d.fields(media.Schema)
		}
		if media.Example != nil {
			if text, err := json.MarshalIndent(media.Example, "", "  "); err == nil {
				d.put(`<pre tabindex="0"><code>%s</code></pre>`, string(text))
			}
		}
	}
}

func (d *docsWriter) fields(s *huma.Schema) {
	if len(s.Properties) == 0 {
		d.put(`<p class="type">%s</p>`, docsRaw(docsType(s)))
		return
	}
	d.put(`<dl>`)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if name != "$schema" {
			d.field(name, s.Properties[name], slices.Contains(s.Required, name), s.Properties[name].Description)
		}
	}
	d.put(`</dl>`)
}

func (d *docsWriter) field(name string, s *huma.Schema, required bool, doc string) {
	d.put(`<dt><code>%s</code> <span class="type">%s</span>`, name, docsRaw(docsType(s)))
	if required {
		d.put(` <span class="type" lang="%s">%s</span>`, d.words.lang, d.words.required)
	}
	d.put(`</dt><dd class="doc">%s`, doc)
	if len(s.Properties) > 0 {
		d.fields(s)
	}
	d.put(`</dd>`)
}

// docsRaw is text that is HTML already.
type docsRaw []byte

// Format writes it as it is.
func (r docsRaw) Format(f fmt.State, _ rune) { _, _ = f.Write(r) }

// docsType words the type of a schema, in HTML.
func docsType(s *huma.Schema) string {
	if s.Ref != "" {
		name := html.EscapeString(s.Ref[strings.LastIndex(s.Ref, "/")+1:])
		return `<a href="#shape-` + name + `">` + name + `</a>`
	}
	text := html.EscapeString(s.Type)
	switch {
	case s.Type == huma.TypeArray && s.Items != nil:
		return "[" + docsType(s.Items) + "]"
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, one := range s.Enum {
			words[i] = fmt.Sprint(one)
		}
		text = html.EscapeString(strings.Join(words, " | "))
	}
	if s.MaxLength != nil {
		text += fmt.Sprintf(", ≤ %d", *s.MaxLength)
	}
	if s.Default != nil {
		text += html.EscapeString(fmt.Sprintf(", = %v", s.Default))
	}
	return text
}
