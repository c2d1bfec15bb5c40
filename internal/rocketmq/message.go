package rocketmq

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Message is what a producer sends.
type Message struct {
	Topic string
	Tag   string   // by which consumers choose; may be empty
	Keys  []string // by which the message can be found on the broker
	Body  []byte

	// OrderKey: messages of a topic with the same key go to the same queue, and
	// so keep their order. They are not sent to another broker where theirs fails.
	OrderKey string
	// DelayLevel delivers the message later: 1 to 18 are 1s 5s 10s 30s 1m 2m 3m 4m
	// 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h, unless the broker is configured otherwise.
	DelayLevel int
	// DeliverAt delivers the message at that moment, to the millisecond. Brokers
	// before 5.0 cannot; then sending fails with a NoTimerError.
	DeliverAt time.Time
	// Properties are the sender's own.
	Properties map[string]string
}

// MessageExt is a message as a broker keeps it.
type MessageExt struct {
	Message
	MsgID           string // the sender's (UNIQ_KEY)
	OffsetMsgID     string // the broker's: where it keeps the message
	Queue           MessageQueue
	QueueOffset     int64
	CommitLogOffset int64
	BornHost        netip.AddrPort
	StoreHost       netip.AddrPort
	Born            time.Time // by the sender's clock
	Stored          time.Time // by the broker's
	ReconsumeTimes  int
	sysFlag         int32
}

const (
	nameEnd  = '\x01'
	valueEnd = '\x02'
	// maxProperties bounds the properties as they are sent, in bytes: their length is an int16.
	maxProperties = 1<<15 - 1
	maxDelayLevel = 18
)

// ownProperties are the ones that a Message has fields for, or that a producer sets.
func isOwnProperty(name string) bool {
	switch name {
	case propTags, propKeys, propUniqKey, propWait, propDelay, propDeliverMs, propShardingKey, propGroup, propTransaction, propInstance,
		propRealTopic, "REAL_QID", "TIMER_DELAY_SEC", "TIMER_DELAY_MS":
		return true
	}
	return false
}

// appendProperty appends "name \x01 value \x02"; the two bytes themselves are
// taken out of name and value.
func appendProperty(b *strings.Builder, name, value string) {
	clean := strings.NewReplacer(string(nameEnd), "", string(valueEnd), "")
	b.WriteString(clean.Replace(name))
	b.WriteByte(nameEnd)
	b.WriteString(clean.Replace(value))
	b.WriteByte(valueEnd)
}

// parseProperties reads what appendProperty wrote; what has no name or no value is left out.
func parseProperties(text string) map[string]string {
	found := map[string]string{}
	for part := range strings.SplitSeq(text, string(valueEnd)) {
		if name, value, ok := strings.Cut(part, string(nameEnd)); ok && name != "" {
			found[name] = value
		}
	}
	return found
}

// check refuses what no broker could take.
func (m *Message) check(limit int) error {
	if err := checkName("topic", m.Topic, maxTopicName); err != nil {
		return err
	}
	switch {
	case forbiddenTopic(m.Topic):
		return invalid("topic %s is the broker's own: nobody else may send to it", m.Topic)
	case len(m.Body) == 0:
		return ErrEmptyBody
	case len(m.Body) > limit:
		return &TooLongError{Size: len(m.Body), Limit: limit}
	case m.DelayLevel < 0 || m.DelayLevel > maxDelayLevel:
		return invalid("the delay level is %d; 1 to %d were expected, or 0 for none", m.DelayLevel, maxDelayLevel)
	case m.DelayLevel > 0 && !m.DeliverAt.IsZero():
		return invalid("the message has a delay level and a moment of delivery: only one of them is possible")
	case strings.Contains(m.Tag, "|"):
		return invalid("the tag %q has a |, which separates tags where consumers choose", m.Tag)
	}
	for name := range m.Properties {
		if isOwnProperty(name) {
			return invalid("the property %s is RocketMQ's own: use the message's field, or another name", name)
		}
	}
	return nil
}

// properties are the message's properties as they are sent, the further ones included.
func (m *Message) properties(further map[string]string) (string, error) {
	all := maps.Clone(m.Properties)
	if all == nil {
		all = map[string]string{}
	}
	set := func(name, value string) {
		if value != "" {
			all[name] = value
		}
	}
	set(propTags, m.Tag)
	set(propKeys, strings.Join(m.Keys, " "))
	set(propShardingKey, m.OrderKey)
	all[propWait] = "true"
	if m.DelayLevel > 0 {
		all[propDelay] = strconv.Itoa(m.DelayLevel)
	}
	if !m.DeliverAt.IsZero() {
		all[propDeliverMs] = strconv.FormatInt(m.DeliverAt.UnixMilli(), 10)
	}
	maps.Copy(all, further)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		appendProperty(&b, name, all[name])
	}
	if b.Len() > maxProperties {
		return "", invalid("the properties, tag and keys among them, have %d bytes; %d are allowed", b.Len(), maxProperties)
	}
	return b.String(), nil
}

// setProperties puts properties that came into the fields that they belong to.
func (m *MessageExt) setProperties(all map[string]string) {
	m.Tag, m.OrderKey, m.MsgID = all[propTags], all[propShardingKey], all[propUniqKey]
	m.Keys = strings.Fields(all[propKeys])
	m.DelayLevel, _ = strconv.Atoi(all[propDelay])
	if ms, err := strconv.ParseInt(all[propDeliverMs], 10, 64); err == nil {
		m.DeliverAt = time.UnixMilli(ms)
	}
	m.Properties = all
}
