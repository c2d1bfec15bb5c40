package rocketmq

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"time"
)

// What a stored message begins with, after its size.
const (
	magicV1 = -626843481 // topics up to 127 bytes
	magicV2 = -626843477
)

var errBrokenMessage = errors.New("rocketmq: a stored message ends before its last field, or a length in it is wrong")

// storedMessages reads what a broker answers a pull with, one message at a time. A
// message that cannot be read gives an error, and does not hide the others; limit
// bounds a body that was compressed, in bytes.
func storedMessages(b []byte, limit int) iter.Seq2[*MessageExt, error] {
	return func(yield func(*MessageExt, error) bool) {
		for len(b) > 0 {
			r := reader{rest: b}
			size := int(r.int32())
			if r.short || size < 4 || size > len(b) {
				yield(nil, errBrokenMessage)
				return
			}
			messages, err := parseEntry(b[:size], limit)
			for _, m := range messages {
				if !yield(m, nil) {
					return
				}
			}
			if err != nil && !yield(nil, err) {
				return
			}
			b = b[size:]
		}
	}
}

// parseEntry reads one stored message, which may be a batch of several.
func parseEntry(b []byte, limit int) ([]*MessageExt, error) {
	m, err := parseMessage(b)
	if err != nil {
		return nil, err
	}
	if err := m.inflateBody(limit); err != nil {
		return nil, err
	}
	const wrapped = sysInnerBatch | sysNeedUnwrap
	if m.sysFlag&wrapped == wrapped {
		return m.unwrap()
	}
	return []*MessageExt{m}, nil
}

func (m *MessageExt) inflateBody(limit int) error {
	if m.sysFlag&sysCompressed == 0 {
		return nil
	}
	plain, err := inflate(int(m.sysFlag>>sysCompression)&7, m.Body, limit)
	if err != nil {
		return fmt.Errorf("rocketmq: message %s: %w", m.MsgID, err)
	}
	m.Body = plain
	return nil
}

// parseMessage reads:
//
//	i32 size | i32 magic | i32 crc | i32 queue | i32 flag | i64 queue offset | i64 commit log offset | i32 sysFlag |
//	i64 born | host | i64 stored | host | i32 reconsumed | i64 prepared | i32 length, body | length, topic | i16 length, properties
//
// where a host is 4 or 16 bytes of address and an i32 port, and the topic's length u8 or, by the magic, i16.
func parseMessage(b []byte) (*MessageExt, error) {
	r, m := reader{rest: b}, &MessageExt{}
	r.skip(4)
	magic := r.int32()
	if magic != magicV1 && magic != magicV2 {
		return nil, fmt.Errorf("rocketmq: a stored message begins with %d; %d or %d were expected", magic, magicV1, magicV2)
	}
	r.skip(4)
	m.Queue.ID = int(r.int32())
	r.skip(4)
	m.QueueOffset, m.CommitLogOffset = r.int64(), r.int64()
	m.sysFlag = r.int32()
	m.Born = time.UnixMilli(r.int64())
	m.BornHost = r.host(m.sysFlag&sysBornHostV6 != 0)
	m.Stored = time.UnixMilli(r.int64())
	m.StoreHost = r.host(m.sysFlag&sysStoreHostV6 != 0)
	m.ReconsumeTimes = int(r.int32())
	r.skip(8)
	m.Body = r.bytes(int(r.int32()))
	if magic == magicV2 {
		m.Topic = string(r.bytes(int(r.int16())))
	} else {
		m.Topic = string(r.bytes(int(r.uint8())))
	}
	properties := r.bytes(int(r.int16()))
	if r.short {
		return nil, errBrokenMessage
	}
	m.Queue.Topic = m.Topic
	m.setProperties(parseProperties(string(properties)))
	m.OffsetMsgID = offsetMsgID(m.StoreHost, m.CommitLogOffset)
	if m.MsgID == "" {
		m.MsgID = m.OffsetMsgID
	}
	return m, nil
}

func (r *reader) host(v6 bool) netip.AddrPort {
	size := 4
	if v6 {
		size = 16
	}
	addr, _ := netip.AddrFromSlice(r.bytes(size)) // none when it is short
	return netip.AddrPortFrom(addr, uint16(r.int32()))
}

// unwrap reads the messages of a batch that is stored as one, which repeats
//
//	i32 size | i32 magic | i32 crc | i32 flag | i32 length, body | i16 length, properties
func (m *MessageExt) unwrap() ([]*MessageExt, error) {
	var all []*MessageExt
	r := reader{rest: m.Body}
	for len(r.rest) > 0 {
		r.skip(16)
		inner := *m
		inner.Body = r.bytes(int(r.int32()))
		properties := r.bytes(int(r.int16()))
		if r.short {
			return all, errBrokenMessage
		}
		inner.setProperties(parseProperties(string(properties)))
		inner.QueueOffset = m.QueueOffset + int64(len(all))
		all = append(all, &inner)
	}
	return all, nil
}

// offsetMsgID is the broker's id of a message: host, port and commit log offset, in hexadecimal.
func offsetMsgID(host netip.AddrPort, offset int64) string {
	b := host.Addr().AsSlice()
	b = binary.BigEndian.AppendUint32(b, uint32(host.Port()))
	b = binary.BigEndian.AppendUint64(b, uint64(offset))
	return strings.ToUpper(hex.EncodeToString(b))
}

// commitLogOffset is the last part of the broker's id of a message.
func commitLogOffset(offsetMsgID string) (int64, error) {
	b, err := hex.DecodeString(offsetMsgID)
	if err != nil || len(b) < 8 {
		return 0, fmt.Errorf("rocketmq: the broker's id of a message is %q; 32 or 56 hexadecimal digits were expected", offsetMsgID)
	}
	return int64(binary.BigEndian.Uint64(b[len(b)-8:])), nil
}
