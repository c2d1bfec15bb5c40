package legacy

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/chat"
)

// The keys of the server's frames. Refused is ours: pages that do not know it ignore it.
const (
	Refused      = 0
	Connected    = 1
	Disconnected = 2
	Message      = 3
	Replaced     = 4
)

// Success and Failure are the codes of an answer to a call.
const (
	Failure = 0
	Success = 1
)

// Said is what a page says, without an envelope.
type Said struct {
	Text     string `json:"msg"`
	Sender   string `json:"sender"`
	Receiver string `json:"receiver"`
}

// ReadSaid reads a page's frame; members that nobody knows are passed over.
func ReadSaid(data []byte) (s Said, ok bool) {
	return s, json.Unmarshal(data, &s) == nil
}

// Told is a message as pages get it.
type Told struct {
	ID       string `json:"id"`
	Text     string `json:"msg"`
	Sender   string `json:"sender"`
	Receiver string `json:"receiver"`
	Created  string `json:"createTime"` // as JavaScript's JSON has a Date
}

// TellOf is a message of the conversation that stands behind a name. Whoever
// answered, pages know one account only.
func TellOf(name string, c chat.ConversationUUID, number int64, by chat.ActorKind, at chat.Millis, text string) Told {
	t := Told{
		ID: c.String() + "-" + strconv.FormatInt(number, 10), Text: text,
		Sender: AgentName, Receiver: name, Created: at.Time().UTC().Format("2006-01-02T15:04:05.000Z07:00"),
	}
	if by == chat.VisitorActor {
		t.Sender, t.Receiver = name, AgentName
	}
	return t
}

// Frame is what the server sends: a key and what belongs to it.
type Frame struct {
	Key    int       `json:"key"`
	Data   *Told     `json:"data,omitzero"`
	Online *[]string `json:"onlineList,omitzero"`
	Users  *[]string `json:"userList,omitzero"`
	// Code and Msg are those of an answer to what was refused.
	Code *int   `json:"code,omitzero"`
	Msg  string `json:"msg,omitzero"`
}

// Encode is a frame as it goes over the wire.
func (f Frame) Encode() []byte {
	data, _ := json.Marshal(f) // texts that were checked, and numbers
	return data
}

// Refusal is the answer to a frame that changed nothing.
func Refusal(words Words) []byte {
	failure := Failure
	return Frame{Key: Refused, Code: &failure, Msg: string(words)}.Encode()
}

// Words are told to a person, in both languages: a page of this protocol says
// nothing of its own.
type Words string

// What is told.
const (
	Malformed     Words = "消息格式不正确，没有发送 / This is not a message of this protocol: nothing was sent"
	Blank         Words = "不能发送空白消息 / A message must not be blank"
	TooLong       Words = "消息太长，没有发送 / The message is too long: nothing was sent"
	TooFast       Words = "发送太频繁，请稍后再试 / Too many messages at once: try again in a moment"
	ForeignSender Words = "发送人不是当前登录的用户，没有发送 / The sender is not who this connection belongs to: nothing was sent"
	WrongReceiver Words = "收件人不存在，没有发送 / There is no such receiver: nothing was sent"
	BadName       Words = "用户名不正确：1 到 64 个字节，不含控制字符，首尾没有空格 / A user name has 1 to 64 bytes, no control characters, and no spaces around it"
	NotAllowed    Words = "没有权限，请重新登录 / You may not do this: log in again"
	NamesFull     Words = "用户太多，暂时不能加入 / There are too many users: nobody else can join"
	NoAgent       Words = "客服账号尚未配置好 / The account that answers is not set up"
	NotNow        Words = "服务器暂时不可用，请稍后再试 / The server cannot do this now: try again in a moment"
	Elsewhere     Words = "该会话由其他客服接待，没有发送 / Another agent has this conversation: nothing was sent"
)

// WordsFor are the words about a refusal.
func WordsFor(code chat.Code) Words {
	switch code {
	case chat.BlankText:
		return Blank
	case chat.TextTooLong:
		return TooLong
	case chat.BadText, "bad_frame":
		return Malformed
	case "rate_limited", "too_many":
		return TooFast
	case chat.NotYours:
		return Elsewhere
	case chat.NotAllowed, "cross_origin", "not_logged_in":
		return NotAllowed
	case chat.NotFound:
		return WrongReceiver
	case TooManyNames:
		return NamesFull
	}
	return NotNow
}

// Check refuses what must not reach a conversation. own is the connection's name.
func (s Said) Check(own string) (Words, bool) {
	switch {
	case s.Sender != own:
		return ForeignSender, false
	case strings.TrimSpace(s.Text) == "":
		return Blank, false
	case own == AgentName && (!GoodName(s.Receiver) || s.Receiver == AgentName), own != AgentName && s.Receiver != AgentName:
		return WrongReceiver, false
	}
	return "", true
}

// TextOf is a message's text for pages that know no files: they are named.
func TextOf(text string, files []string) string {
	for _, name := range files {
		if text != "" {
			text += "\n"
		}
		text += "[文件 / file: " + name + "]"
	}
	return text
}
