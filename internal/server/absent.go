package server

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// notice is a small page of words, for an address without a page of its own.
type notice struct {
	title, text, link, label string
}

// noticeWords are a notice in the languages of the interface.
type noticeWords struct {
	en, zh notice
}

func noPage() noticeWords {
	return noticeWords{
		en: notice{title: "There is no such page", text: "Look at the address again."},
		zh: notice{title: "没有这个页面", text: "请再看一下地址。"},
	}
}

func demoOff() noticeWords {
	return noticeWords{
		en: notice{
			"The demo shop is off, because a site has allowed addresses",
			"From then on the chat works on the websites of those addresses.", "/console/", "Open the console",
		},
		zh: notice{"演示商店已关闭，因为网站填写了允许的地址", "对话按钮从此在那些地址的网站上工作。", "/console/", "打开控制台"},
	}
}

const noticeStyle = `:root{color-scheme:light dark}` +
	`body{margin:0;min-height:100dvh;display:grid;place-items:center;background:light-dark(#f3f2ee,#14161c);color:light-dark(#1b1e27,#eceef3);` +
	`font:15px/24px system-ui,-apple-system,"Segoe UI","PingFang SC","Microsoft YaHei","Noto Sans SC",sans-serif}` +
	`main{box-sizing:border-box;width:min(440px,100vw - 32px);padding:32px;border-radius:16px;background:light-dark(#fff,#1c1f27);box-shadow:0 1px 2px #0f11161f,0 8px 24px -12px #0f11163d}` +
	`h1{margin:0;font-size:20px;line-height:28px;font-weight:600}p{margin:8px 0 0;color:light-dark(#565b69,#a9aebb)}` +
	`a{display:inline-block;margin-top:20px;padding:8px 16px;border-radius:8px;background:#2a4fd6;color:#fff;font-weight:500;text-decoration:none}` +
	`a:focus-visible{outline:2px solid light-dark(#2a4fd6,#9db4ff);outline-offset:2px}`

// answer writes the page with status 404, in the language that the reader asks for.
func (n noticeWords) answer(w http.ResponseWriter, r *http.Request) {
	lang, words := "en", n.en
	if prefersChinese(r.Header.Get("Accept-Language")) {
		lang, words = "zh-CN", n.zh
	}
	style := sha256.Sum256([]byte(noticeStyle))
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(style[:])+"'; frame-ancestors 'none'")
	head.Set("Cache-Control", "no-store")
	head.Add("Vary", "Accept-Language")
	w.WriteHeader(http.StatusNotFound)
	if r.Method == http.MethodHead {
		return
	}
	link := ""
	if words.link != "" {
		link = `<a href="` + words.link + `">` + words.label + `</a>`
	}
	_, _ = w.Write([]byte(`<!doctype html><html lang="` + lang + `"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">` +
		`<title>` + words.title + ` · Kefu</title><style>` + noticeStyle + `</style><main><h1>` + words.title + `</h1><p>` + words.text + `</p>` + link + `</main></html>` + "\n"))
}

// prefersChinese reads which of Chinese and English an Accept-Language header
// names first, as the interface does; browsers send it with the best first.
func prefersChinese(accept string) bool {
	for tag := range strings.SplitSeq(accept, ",") {
		tag, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(tag)), ";")
		switch base, _, _ := strings.Cut(tag, "-"); base {
		case "zh":
			return true
		case "en":
			return false
		}
	}
	return false
}
