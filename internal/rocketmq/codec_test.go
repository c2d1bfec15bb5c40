package rocketmq

import (
	"bytes"
	"compress/zlib"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

func TestFrames(t *testing.T) {
	want := &command{code: 310, language: "GO", version: ourVersion, opaque: 7, flag: flagOneway, remark: "說", ext: map[string]string{"a": "b\x01c\x02"}, body: []byte("body")}
	frame, err := appendFrame([]byte("before"), want)
	if err != nil {
		t.Fatal(err)
	}
	in := bytes.NewReader(frame[len("before"):])
	raw, err := readFrame(in)
	if err != nil || in.Len() != 0 {
		t.Fatal(err, in.Len())
	}
	got, err := parseFrame(raw)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v became %+v, %v", want, got, err)
	}
	if _, err := appendFrame(nil, &command{body: make([]byte, maxFrame)}); err == nil {
		t.Error("a frame over the limit is written")
	}
}

// binaryHeader is a header in RocketMQ's own form.
func binaryHeader(c *command) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(c.code))
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(c.version))
	b = binary.BigEndian.AppendUint32(b, uint32(c.opaque))
	b = binary.BigEndian.AppendUint32(b, uint32(c.flag))
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.remark)))
	b = append(b, c.remark...)
	var ext []byte
	for _, name := range slices.Sorted(maps.Keys(c.ext)) {
		ext = binary.BigEndian.AppendUint16(ext, uint16(len(name)))
		ext = append(ext, name...)
		ext = binary.BigEndian.AppendUint32(ext, uint32(len(c.ext[name])))
		ext = append(ext, c.ext[name]...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(ext)))
	return append(b, ext...)
}

func binaryFrame(c *command) []byte {
	header := binaryHeader(c)
	frame := binary.BigEndian.AppendUint32(nil, uint32(serializeRocketMQ<<24|len(header)))
	return append(append(frame, header...), c.body...)
}

func TestFramesInRocketMQsOwnForm(t *testing.T) {
	want := &command{code: 39, version: 407, opaque: 9, flag: 2, remark: "r", ext: map[string]string{"commitLogOffset": "12", "msgId": ""}, body: []byte("b")}
	got, err := parseFrame(binaryFrame(want))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v became %+v, %v", want, got, err)
	}
	whole := binaryHeader(want)
	for n := range len(whole) {
		if err := new(command).parseHeader(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes are a header", n, len(whole))
		}
	}
}

func TestFramesThatAreNone(t *testing.T) {
	for name, raw := range map[string][]byte{
		"too long":     {0x7f, 0xff, 0xff, 0xff},
		"too short":    {0, 0, 0, 3, 1, 2, 3},
		"HTTP":         []byte("HTTP/1.1 400 Bad Request\r\n"),
		"broken off":   {0, 0, 0, 9, 0, 0, 0, 5, 1},
		"long and off": append([]byte{0, 0xff, 0, 0}, make([]byte, 100)...),
	} {
		if _, err := readFrame(bytes.NewReader(raw)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, frame := range map[string][]byte{
		"empty": {}, "a header longer than it": {0, 0, 0, 9, '{', '}'}, "an unknown form": {2, 0, 0, 0}, "no JSON": {0, 0, 0, 1, '{'},
	} {
		if _, err := parseFrame(frame); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

// TestFramesTakeRoomAsTheyCome: what a length says is not believed.
func TestFramesTakeRoomAsTheyCome(t *testing.T) {
	raw := append([]byte{0, 0xff, 0, 0}, make([]byte, 1000)...)
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			_, _ = readFrame(bytes.NewReader(raw))
		}
	})
	if room := result.AllocedBytesPerOp(); room > 4*firstRead {
		t.Errorf("%d bytes are taken for the 1,000 that came", room)
	}
}

// storedBytes is a message as a broker stores it.
func storedBytes(m *MessageExt, magic int32, properties string) []byte {
	b := binary.BigEndian.AppendUint32(nil, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(magic))
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(m.Queue.ID))
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(m.QueueOffset))
	b = binary.BigEndian.AppendUint64(b, uint64(m.CommitLogOffset))
	b = binary.BigEndian.AppendUint32(b, uint32(m.sysFlag))
	for _, at := range []struct {
		when time.Time
		host netip.AddrPort
	}{{m.Born, m.BornHost}, {m.Stored, m.StoreHost}} {
		b = binary.BigEndian.AppendUint64(b, uint64(at.when.UnixMilli()))
		b = append(b, at.host.Addr().AsSlice()...)
		b = binary.BigEndian.AppendUint32(b, uint32(at.host.Port()))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(m.ReconsumeTimes))
	b = binary.BigEndian.AppendUint64(b, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Body)))
	b = append(b, m.Body...)
	if magic == magicV2 {
		b = binary.BigEndian.AppendUint16(b, uint16(len(m.Topic)))
	} else {
		b = append(b, byte(len(m.Topic)))
	}
	b = append(b, m.Topic...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(properties)))
	b = append(b, properties...)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

func exampleMessage() *MessageExt {
	return &MessageExt{
		Message: Message{Topic: "T", Body: []byte("body")},
		Queue:   MessageQueue{ID: 3}, QueueOffset: 5, CommitLogOffset: 77, ReconsumeTimes: 2,
		Born: time.UnixMilli(1_700_000_000_123), Stored: time.UnixMilli(1_700_000_000_456),
		BornHost: netip.MustParseAddrPort("10.0.0.1:1234"), StoreHost: netip.MustParseAddrPort("10.0.0.2:10911"),
	}
}

const exampleProperties = "UNIQ_KEY\x010A0B\x02TAGS\x01a\x02KEYS\x01k1 k2\x02__SHARDINGKEY\x01s\x02DELAY\x013\x02TIMER_DELIVER_MS\x011700000000999\x02own\x01=\x02broken\x02"

func collect(b []byte, limit int) (all []*MessageExt, failed []error) {
	for m, err := range storedMessages(b, limit) {
		if err != nil {
			failed = append(failed, err)
			continue
		}
		all = append(all, m)
	}
	return all, failed
}

func TestStoredMessages(t *testing.T) {
	v4 := exampleMessage()
	v6 := exampleMessage()
	v6.Topic, v6.sysFlag = strings.Repeat("t", 200), sysBornHostV6|sysStoreHostV6
	v6.BornHost, v6.StoreHost = netip.MustParseAddrPort("[fe80::1]:1"), netip.MustParseAddrPort("[fe80::2]:2")
	raw := append(storedBytes(v4, magicV1, exampleProperties), storedBytes(v6, magicV2, "")...)
	all, failed := collect(raw, maxFrame)
	if len(all) != 2 || failed != nil {
		t.Fatal(len(all), failed)
	}
	got := all[0]
	if got.Topic != "T" || string(got.Body) != "body" || got.Tag != "a" || fmt.Sprint(got.Keys) != "[k1 k2]" || got.MsgID != "0A0B" ||
		got.OrderKey != "s" || got.DelayLevel != 3 || got.DeliverAt.UnixMilli() != 1_700_000_000_999 || got.Properties["own"] != "=" ||
		got.Queue.ID != 3 || got.QueueOffset != 5 || got.CommitLogOffset != 77 || got.ReconsumeTimes != 2 ||
		got.BornHost != v4.BornHost || got.StoreHost != v4.StoreHost || !got.Born.Equal(v4.Born) || !got.Stored.Equal(v4.Stored) ||
		got.OffsetMsgID != "0A00000200002A9F000000000000004D" {
		t.Errorf("got %+v", got)
	}
	if got := all[1]; got.Topic != v6.Topic || got.BornHost != v6.BornHost || got.StoreHost != v6.StoreHost || got.MsgID != got.OffsetMsgID {
		t.Errorf("got %+v", got)
	}
	if n, err := commitLogOffset(all[1].OffsetMsgID); n != 77 || err != nil {
		t.Error(n, err)
	}
	for _, id := range []string{"", "0A", "xyz"} {
		if _, err := commitLogOffset(id); err == nil {
			t.Errorf("%q has an offset", id)
		}
	}
}

// TestABadMessageHidesNoOther: nor does a wrong length lead beyond what came.
func TestABadMessageHidesNoOther(t *testing.T) {
	good, bad, packed := storedBytes(exampleMessage(), magicV1, ""), storedBytes(exampleMessage(), 4711, ""), exampleMessage()
	packed.sysFlag = sysCompressed
	unpacked := storedBytes(packed, magicV1, "")
	all, failed := collect(slices.Concat(good, bad, unpacked, good, good[:20]), maxFrame)
	if len(all) != 2 || len(failed) != 3 {
		t.Errorf("%d messages and %d errors: %v", len(all), len(failed), failed)
	}
	for n := 1; n < len(good); n++ {
		if all, failed := collect(good[:n], maxFrame); len(all) > 0 || len(failed) != 1 {
			t.Errorf("%d of %d bytes: %d messages, %v", n, len(good), len(all), failed)
		}
	}
}

func TestCompressedBodies(t *testing.T) {
	plain := bytes.Repeat([]byte("客服"), 10_000)
	var z, l bytes.Buffer
	zw, lw := zlib.NewWriter(&z), lz4.NewWriter(&l)
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	for _, w := range []io.WriteCloser{zw, lw} {
		_, _ = w.Write(plain)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for kind, body := range map[int][]byte{0: z.Bytes(), 1: l.Bytes(), 2: enc.EncodeAll(plain, nil), 3: z.Bytes()} {
		m := exampleMessage()
		m.Body, m.sysFlag = body, int32(sysCompressed|kind<<sysCompression)
		raw := storedBytes(m, magicV1, "")
		if all, failed := collect(raw, len(plain)); len(all) != 1 || !bytes.Equal(all[0].Body, plain) {
			t.Errorf("way %d: %v", kind, failed)
		}
		if all, failed := collect(raw, len(plain)-1); len(all) > 0 || len(failed) != 1 {
			t.Errorf("way %d: more than the limit is read", kind)
		}
		m.Body = body[:len(body)/2]
		if all, _ := collect(storedBytes(m, magicV1, ""), len(plain)); len(all) > 0 {
			t.Errorf("way %d: half of it is read", kind)
		}
	}
	if _, err := inflate(4, plain, 1<<20); err == nil {
		t.Error("way 4 is known")
	}
}

func TestABatchThatIsStoredAsOne(t *testing.T) {
	m := exampleMessage()
	m.sysFlag, m.Body = sysInnerBatch|sysNeedUnwrap, nil
	for i := range 3 {
		body, properties := fmt.Sprint("inner ", i), fmt.Sprintf("UNIQ_KEY\x01%d\x02TAGS\x01a\x02", i)
		one := binary.BigEndian.AppendUint32(make([]byte, 16), uint32(len(body)))
		one = append(one, body...)
		one = binary.BigEndian.AppendUint16(one, uint16(len(properties)))
		m.Body = append(m.Body, append(one, properties...)...)
	}
	all, failed := collect(storedBytes(m, magicV1, ""), maxFrame)
	if len(all) != 3 || failed != nil || string(all[2].Body) != "inner 2" || all[2].MsgID != "2" || all[2].Tag != "a" || all[2].QueueOffset != 7 || all[2].Topic != "T" {
		t.Errorf("%v, %v", all, failed)
	}
	m.Body = m.Body[:len(m.Body)-1]
	if all, failed := collect(storedBytes(m, magicV1, ""), maxFrame); len(all) != 2 || len(failed) != 1 {
		t.Errorf("%d messages, %v", len(all), failed)
	}
}

func TestJavasHash(t *testing.T) {
	for text, want := range map[string]int32{"": 0, "a": 97, "AaAa": 2031744, "BBBB": 2031744, "polygenelubricants": -1 << 31, "客服": 753579, "😀": 1772899} {
		if got := javaHash(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	for _, n := range []int{1, 3, 4, 16} {
		if q := orderedQueue("polygenelubricants", n); q < 0 || q >= n {
			t.Errorf("queue %d of %d", q, n)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"T": "ns%T", "ns%T": "ns%T", "%RETRY%G": "%RETRY%ns%G", "%DLQ%ns%G": "%DLQ%ns%G", "TBW102": "TBW102", "rmq_sys_x": "rmq_sys_x",
	} {
		if got := inNamespace("ns", name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for full, want := range map[string]string{"ns%T": "T", "%RETRY%ns%G": "%RETRY%G", "T": "T"} {
		if got := withoutNamespace("ns", full); got != want {
			t.Errorf("%s: %s, want %s", full, got, want)
		}
	}
	if inNamespace("", "T") != "T" || withoutNamespace("", "a%T") != "a%T" {
		t.Error("without a namespace names change")
	}
}

// TestSignature holds what is signed; that servers accept it, TestAccessKeys.
func TestSignature(t *testing.T) {
	c := &command{ext: map[string]string{"b": "2", "a": "1", "Z": "0"}, body: []byte("body")}
	keys := Credentials{AccessKey: "RocketMQ", SecretKey: "12345678"}
	for range 2 { // the second time the first signature is there
		keys.sign(c)
		if c.ext["AccessKey"] != "RocketMQ" || c.ext["Signature"] != signatureOf("12345678", "RocketMQ012body") {
			t.Errorf("signed %v", c.ext)
		}
	}
	keys.SecurityToken = "token"
	keys.sign(c)
	if c.ext["Signature"] != signatureOf("12345678", "RocketMQtoken012body") {
		t.Errorf("signed %v", c.ext)
	}
	none := &command{}
	(&Credentials{}).sign(none)
	if len(none.ext) > 0 {
		t.Errorf("without a key it signed %v", none.ext)
	}
}

func TestIDs(t *testing.T) {
	g := newIDs(time.Now())
	seen := map[string]bool{}
	now := time.Date(2026, 11, 1, 0, 0, 0, 5e6, time.UTC)
	for range 1000 {
		id := g.message(now)
		if len(id) != 32 || strings.ToUpper(id) != id || seen[id] || id[20:28] != "00000005" {
			t.Fatal(id)
		}
		seen[id] = true
	}
	if a, b := g.client(), newIDs(now).client(); a == b || !strings.Contains(a, "@") {
		t.Errorf("clients are %s and %s", a, b)
	}
}

func TestRoutes(t *testing.T) {
	const route = `{"orderTopicConf":%s,"queueDatas":[
		{"brokerName":"b","readQueueNums":2,"writeQueueNums":1,"perm":6},{"brokerName":"a","readQueueNums":1,"writeQueueNums":2,"perm":6},
		{"brokerName":"reads","readQueueNums":1,"writeQueueNums":1,"perm":4},{"brokerName":"slave","readQueueNums":1,"writeQueueNums":1,"perm":6}],
		"brokerDatas":[{"cluster":"c","brokerName":"b","brokerAddrs":{%s:"b:1","1":"b:2"}},{"brokerName":"a","brokerAddrs":{"0":"a:1"}},
		{"brokerName":"reads","brokerAddrs":{"0":"r:1"}},{"brokerName":"slave","brokerAddrs":{"3":"s:3","2":"s:2"}}]}`
	for _, zero := range []string{`"0"`, `0`} { // servers before 4.9.4 write the key without quotes
		r, err := parseRoute("T", fmt.Appendf(nil, route, "null", zero))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(r.Publish); got != "[T/a/0 T/a/1 T/b/0]" {
			t.Errorf("publish %s", got)
		}
		if got := fmt.Sprint(r.Subscribe); got != "[T/a/0 T/b/0 T/b/1 T/reads/0 T/slave/0]" {
			t.Errorf("subscribe %s", got)
		}
		master, ok := r.master("b")
		reader, _ := r.reader("slave")
		if _, without := r.master("slave"); master != "b:1" || !ok || reader != "s:2" || without {
			t.Errorf("master %s, reader %s", master, reader)
		}
		if lent := r.borrow("N"); fmt.Sprint(lent.Publish) != "[N/a/0 N/a/1 N/b/0]" || len(lent.Subscribe) > 0 {
			t.Errorf("lent %+v", lent)
		}
	}
	r, err := parseRoute("T", fmt.Appendf(nil, route, `"z:1;a:2"`, `"0"`))
	if err != nil || fmt.Sprint(r.Publish) != "[T/z/0 T/a/0 T/a/1]" {
		t.Errorf("ordered: %+v, %v", r, err)
	}
	for _, bad := range []string{
		`{"queueDatas":[{"brokerName":"a","readQueueNums":2147483647,"perm":4}]}`, `{"orderTopicConf":"a:2147483647"}`,
		`{"orderTopicConf":"a"}`, `{"brokerDatas":[{"brokerName":"a","brokerAddrs":{"x":"y"}}]}`, `{`,
	} {
		if _, err := parseRoute("T", []byte(bad)); err == nil {
			t.Errorf("%s is a route", bad)
		}
	}
}

func signatureOf(secret, content string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(content))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
