package server_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/server"
)

// TestTheDocsPageShowsTheWholeDocument, in words of the reader's language around it, with nothing
// from another host and no link that leads nowhere.
func TestTheDocsPageShowsTheWholeDocument(t *testing.T) {
	w := newWorld(t, server.Config{})
	p := w.person()
	page := p.want(200, "GET", "/api/docs", nil).text
	for _, path := range w.server.Document().Paths {
		if o := path.Get; o != nil && !strings.Contains(page, `<details id="`+o.OperationID+`">`) {
			t.Errorf("%s is not there", o.OperationID)
		}
	}
	for _, r := range w.server.Routes() {
		if !strings.Contains(page, "<code>"+r.Path+"</code>") {
			t.Errorf("%s %s is not there", r.Method, r.Path)
		}
	}
	for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+m[1]+`"`) {
			t.Errorf("#%s leads nowhere", m[1])
		}
	}
	for _, text := range []string{page, p.want(200, "GET", "/api/docs.css", nil).text, p.want(200, "GET", "/api/docs.js", nil).text} {
		for _, m := range regexp.MustCompile(`(?:src|href|url|import|action)[=( ]+["']?(https?:)?//[^"') ]+`).FindAllString(text, -1) {
			t.Errorf("it asks another host: %s", m)
		}
	}
	if strings.Contains(page, "%!") || !strings.Contains(page, "Your parcel is on its way.") {
		t.Error("the page is not written well, or has no examples")
	}
	p.header.Set("Accept-Language", "zh-CN")
	if page := p.want(200, "GET", "/api/docs", nil).text; !strings.Contains(page, `<html lang="zh-CN">`) || !strings.Contains(page, "搜索") {
		t.Error("it has no Chinese words around it")
	}
}
