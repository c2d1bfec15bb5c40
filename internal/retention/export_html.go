package retention

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"net/url"
	"strings"

	"github.com/kefu-chat/kefu/internal/chat"
)

// words are the page's own. No template engine: it would be larger than all of this.
type words struct {
	language, title, known, visitor, note, edited, removed string
	before, earlier, carried                               string
	kinds                                                  map[chat.Kind]string
}

func english() words {
	return words{
		language: "en", title: "Conversation", known: "What is known", visitor: "Visitor", note: "note", edited: "edited", removed: "This message was taken back.",
		before: "Before the log-in", earlier: "Earlier text, until", carried: "This text went along, and stands above.",
		kinds: map[chat.Kind]string{
			chat.Opened: "A new round began.", chat.Reopened: "The round went on.", chat.AssignedTo: "An agent took the conversation.",
			chat.Released: "The conversation waited again.", chat.Returned: "The conversation waited again.", chat.Resolution: "The round was resolved.",
		},
	}
}

func chinese() words {
	return words{
		language: "zh-CN", title: "会话记录", known: "已知信息", visitor: "访客", note: "备注", edited: "已编辑", removed: "该消息已撤回。",
		before: "登录之前", earlier: "修改前的内容，至", carried: "该内容已随登录转入上面的会话。",
		kinds: map[chat.Kind]string{
			chat.Opened: "新一轮会话开始。", chat.Reopened: "会话继续。", chat.AssignedTo: "客服已接入。",
			chat.Released: "会话重新排队。", chat.Returned: "会话重新排队。", chat.Resolution: "本轮会话已结束。",
		},
	}
}

const htmlHead = `<meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
	`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src 'self'"><style>` +
	`body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}` +
	`article{margin:.5rem 0;padding:.5rem .75rem;border-radius:.5rem;background:#f2f3f5;white-space:pre-wrap;overflow-wrap:anywhere}` +
	`article.visitor{background:#e6edff}article.note{background:#fff6db}small,.said,.earlier{color:#555}.earlier{margin:0 .75rem .5rem;white-space:pre-wrap;overflow-wrap:anywhere}.said{text-align:center}pre{white-space:pre-wrap;overflow-wrap:anywhere}` +
	`</style>`

// writeHTML writes a page that needs nothing but the archive's files.
func (e *Export) writeHTML(ctx context.Context, w io.Writer) error {
	in := english()
	if e.wish.Chinese {
		in = chinese()
	}
	_, err := io.WriteString(w, `<!doctype html><html lang="`+in.language+`"><head>`+htmlHead+`<title>`+in.title+`</title></head><body><h1>`+in.title+`</h1><p>`+stamp(e.at)+"</p>")
	if err != nil {
		return err
	}
	if err := e.writeSection(ctx, w, &in, in.known, &e.part); err != nil {
		return err
	}
	err = e.eachBefore(ctx, func(p *part) error { return e.writeSection(ctx, w, &in, in.before, p) })
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "</body></html>\n")
	return err
}

// writeSection writes what is known of one of the visitor's ids, and its conversation.
func (e *Export) writeSection(ctx context.Context, w io.Writer, in *words, title string, p *part) error {
	known, err := json.MarshalIndent(p.visitor(), "", "  ")
	if err != nil {
		return err
	}
	if _, err = io.WriteString(w, `<h2>`+title+`</h2><pre>`+html.EscapeString(string(known))+`</pre><h2>`+in.title+"</h2>\n"); err != nil {
		return err
	}
	return e.events(ctx, p, func(events []chat.Event) error {
		for i := range events {
			line, err := in.line(&events[i])
			if err == nil {
				_, err = io.WriteString(w, line)
			}
			if err == nil {
				err = e.earlier(ctx, p, &events[i], func(was Earlier, text string) error {
					_, err := io.WriteString(w, `<p class="earlier"><small>`+in.earlier+" "+stamp(was.ReplacedAt)+"</small><br>"+html.EscapeString(text)+"</p>\n")
					return err
				})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// line is an event as it is read; nothing for those that change earlier ones, which
// are shown as they are now.
func (in *words) line(e *chat.Event) (string, error) {
	if e.Kind != chat.Message && e.Kind != chat.Note {
		if said := in.kinds[e.Kind]; said != "" {
			return `<p class="said">` + said + ` <small>` + stamp(e.At) + "</small></p>\n", nil
		}
		return "", nil
	}
	text, err := e.Body.Text()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	class, who := string(e.By.Kind), e.By.Name
	if e.By.Kind == chat.VisitorActor {
		who = in.visitor
	}
	if e.Kind == chat.Note {
		class = "note"
		who += " (" + in.note + ")"
	}
	b.WriteString(`<article class="` + html.EscapeString(class) + `"><b>` + html.EscapeString(who) + `</b> <small>` + stamp(e.At))
	if e.Rev > 0 {
		b.WriteString(" " + in.edited)
	}
	b.WriteString("</small><br>")
	if e.Erased() {
		b.WriteString(`<small>` + in.removed + `</small>`)
	}
	if text.Carried {
		b.WriteString(`<small>` + in.carried + `</small>`)
	}
	b.WriteString(html.EscapeString(text.Text))
	for _, f := range text.Files {
		entry := "files/" + url.PathEscape(strings.TrimPrefix(fileEntry(f), "files/"))
		b.WriteString(`<br><a href="` + html.EscapeString(entry) + `">` + html.EscapeString(f.Name) + `</a>`)
	}
	b.WriteString("</article>\n")
	return b.String(), nil
}
