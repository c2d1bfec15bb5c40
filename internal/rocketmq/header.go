package rocketmq

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

const (
	// ourLanguage is "GO" among the servers' LanguageCode.
	ourLanguage = "GO"
	// ourVersion is 5.3.3 as MQVersion's ordinal. From 4.9.4 on name servers
	// answer such a client in JSON as the standard has it.
	ourVersion = 479
	// firstVersion5 is 5.0.0 as MQVersion's ordinal.
	firstVersion5 = 413
)

// jsonHeader is a command's header as the servers' RemotingCommand has it.
type jsonHeader struct {
	Code      int               `json:"code"`
	Language  string            `json:"language"`
	Version   int               `json:"version"`
	Opaque    int32             `json:"opaque"`
	Flag      int               `json:"flag"`
	Remark    string            `json:"remark,omitempty"`
	Ext       map[string]string `json:"extFields,omitempty"`
	Serialize string            `json:"serializeTypeCurrentRPC"`
}

func (c *command) marshalHeader() ([]byte, error) {
	return json.Marshal(jsonHeader{
		Code: c.code, Language: ourLanguage, Version: ourVersion, Opaque: c.opaque,
		Flag: c.flag, Remark: c.remark, Ext: c.ext, Serialize: "JSON",
	})
}

func (c *command) unmarshalHeader(b []byte) error {
	var h jsonHeader
	if err := json.Unmarshal(b, &h); err != nil {
		return fmt.Errorf("rocketmq: a header is not the JSON that was expected: %w", err)
	}
	c.code, c.language, c.version, c.opaque = h.Code, h.Language, h.Version, h.Opaque
	c.flag, c.remark, c.ext = h.Flag, h.Remark, h.Ext
	return nil
}

var errShortHeader = errors.New("rocketmq: a header ends before its last field")

// parseHeader reads RocketMQ's own form, which a server may be set to ask in:
//
//	i16 code | i8 language | i16 version | i32 opaque | i32 flag | i32 length, remark | i32 length, ext
//
// where ext repeats i16 length, key | i32 length, value.
func (c *command) parseHeader(b []byte) error {
	r := reader{rest: b}
	c.code = int(r.int16())
	r.skip(1)
	c.version = int(r.int16())
	c.opaque = r.int32()
	c.flag = int(r.int32())
	c.remark = string(r.bytes(int(r.int32())))
	ext := reader{rest: r.bytes(int(r.int32()))}
	if r.short {
		return errShortHeader
	}
	c.ext = map[string]string{}
	for len(ext.rest) > 0 && !ext.short {
		key := string(ext.bytes(int(ext.int16())))
		c.ext[key] = string(ext.bytes(int(ext.int32())))
	}
	if ext.short {
		return errShortHeader
	}
	return nil
}

// reader takes numbers and bytes from the front of a slice. Past its end it gives
// zeros, and short says so.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.short, r.rest = true, nil
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) skip(n int) { r.bytes(n) }

func (r *reader) uint8() uint8 {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) int16() int16 {
	if b := r.bytes(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.bytes(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.bytes(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}
