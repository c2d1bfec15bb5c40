package files

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strconv"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// AddressLasts is how long the address of a visitor's file opens it.
const AddressLasts = time.Hour

// Path is where a file is opened; the name in it is for people.
func Path(f chat.File) string {
	return "/files/" + strconv.FormatInt(int64(f.ID), 10) + "/" + url.PathEscape(f.Name)
}

// signature vouches that whoever has the address may read the conversation until
// then. It is worth nothing for another file, nor when the file has left it.
func signature(key []byte, f File, until chat.Millis) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("file\x00"))
	for _, n := range []int64{int64(f.ID), int64(f.Conversation), int64(until)} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// address is a path with the right to open it.
func address(key []byte, f File, until chat.Millis) string {
	return Path(f.File) + "?until=" + strconv.FormatInt(int64(until), 10) + "&sign=" + signature(key, f, until)
}

// vouched tells whether the address of a file is one of ours, and still good.
func vouched(key []byte, f File, until chat.Millis, sign string, now time.Time) bool {
	return until > chat.At(now) && hmac.Equal([]byte(sign), []byte(signature(key, f, until)))
}
