package rocketmq

import (
	"bytes"
	"testing"
)

// FuzzFrame: no bytes make the decoder panic, and what it reads it can write.
func FuzzFrame(f *testing.F) {
	for _, c := range []*command{
		{}, {code: 310, ext: map[string]string{"a": "b"}, body: []byte("body")}, {flag: flagResponse, remark: "no", version: 407},
	} {
		frame, err := appendFrame(nil, c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
		own := binaryFrame(c)
		f.Add(append([]byte{0, 0, byte(len(own) >> 8), byte(len(own))}, own...))
	}
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		frame, err := readFrame(bytes.NewReader(raw))
		if err != nil {
			return
		}
		c, err := parseFrame(frame)
		if err != nil {
			return
		}
		again, err := appendFrame(nil, c)
		if err != nil {
			return // JSON may be longer than what it stands for
		}
		got, err := parseFrame(again[4:])
		if err != nil || got.code != c.code || got.opaque != c.opaque || got.flag != c.flag || len(got.ext) != len(c.ext) || !bytes.Equal(got.body, c.body) {
			t.Errorf("%+v became %+v, %v", c, got, err)
		}
	})
}

// FuzzStored: no bytes make the decoder panic, go on for ever, or read more than its limit.
func FuzzStored(f *testing.F) {
	plain, packed, batch := exampleMessage(), exampleMessage(), exampleMessage()
	f.Add(storedBytes(plain, magicV1, exampleProperties))
	f.Add(storedBytes(plain, magicV2, ""))
	packed.Body, _ = deflate(bytes.Repeat([]byte("x"), 5000))
	for kind := range 4 {
		packed.sysFlag = int32(sysCompressed | kind<<sysCompression)
		f.Add(storedBytes(packed, magicV1, ""))
	}
	batch.sysFlag = sysInnerBatch | sysNeedUnwrap
	batch.Body = append(make([]byte, 16), 0, 0, 0, 1, 'x', 0, 0)
	f.Add(storedBytes(batch, magicV1, ""))
	f.Add([]byte{0, 0, 0, 4, 0, 0, 0, 4})
	f.Fuzz(func(t *testing.T, raw []byte) {
		const limit = 1 << 16
		left := len(raw)
		for m, err := range storedMessages(raw, limit) {
			if left--; left < -1 {
				t.Fatal("more messages than bytes")
			}
			if err == nil && m.sysFlag&sysCompressed != 0 && len(m.Body) > limit {
				t.Errorf("%d bytes came out", len(m.Body))
			}
		}
		if _, err := parseMessage(raw); err == nil && len(raw) < 60 {
			t.Errorf("%d bytes are a message", len(raw))
		}
	})
}

// FuzzRoute: no name server makes the client panic, or keep queues without bound.
func FuzzRoute(f *testing.F) {
	f.Add([]byte(`{"orderTopicConf":"a:1;b:2","queueDatas":[{"brokerName":"a","readQueueNums":4,"writeQueueNums":4,"perm":6}],"brokerDatas":[{"brokerName":"a","brokerAddrs":{0:"x:1"}}]}`))
	f.Add([]byte(`{"queueDatas":[{"brokerName":"a","readQueueNums":-1,"writeQueueNums":999999999,"perm":6}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseRoute("T", body)
		if err == nil && (len(r.Publish) > maxQueues || len(r.Subscribe) > maxQueues) {
			t.Errorf("%d and %d queues", len(r.Publish), len(r.Subscribe))
		}
	})
}
