package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kefu-chat/kefu/internal/rocketmq"
)

// RocketMQReceiveCommand is "kefu rocketmq receive".
type RocketMQReceiveCommand struct {
	RocketMQServers

	Tags  []string `long:"tags" description:"Only messages with one of these tags, separated by commas."`
	Count int      `long:"count" description:"End after so many messages; without it, when interrupted."`

	RocketMQTopic `positional-args:"yes"`
}

// RocketMQTopic is what follows the name of a command about one topic.
type RocketMQTopic struct {
	Topic string `positional-arg-name:"TOPIC" required:"1" description:"The topic."`
}

// Run prints messages until there are enough, or it is interrupted.
func (c *RocketMQReceiveCommand) Run(s *Process) error {
	if c.Count < 0 {
		return usage("--count is %d: expected 1 or more", c.Count)
	}
	return c.use(s, func(ctx context.Context, client *rocketmq.Client) error {
		ctx, stop := context.WithCancel(ctx)
		came, news := make(chan *rocketmq.MessageExt), make(chan string, 1)
		starting, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		consumer, err := client.Subscribe(starting, rocketmq.ConsumerConfig{
			Group: c.Group, Topic: c.Topic, Tags: c.Tags, Watch: func(trouble error) { keepLatest(news, wording(trouble)) },
		}, func(m *rocketmq.MessageExt) {
			select {
			case came <- m:
			case <-ctx.Done():
			}
		})
		if err != nil {
			stop()
			return err
		}
		defer consumer.Close()
		defer stop()                                                               // first: it lets go whoever hands over a message
		_, _ = fmt.Fprintf(s.Err, "Receiving from %s; Ctrl-C ends it.\n", c.Topic) // to whoever sits there
		return c.receive(ctx, s, came, news)
	})
}

// keepLatest puts what is new in the place of what nobody has read yet. Only one
// goroutine at a time puts.
func keepLatest(to chan string, text string) {
	select {
	case <-to:
	default:
	}
	to <- text
}

func wording(trouble error) string {
	if trouble == nil {
		return "all is well again"
	}
	return oneLine(trouble).Error()
}

func (c *RocketMQReceiveCommand) receive(ctx context.Context, s *Process, came <-chan *rocketmq.MessageExt, news <-chan string) error {
	for n := 0; c.Count == 0 || n < c.Count; {
		select {
		case m := <-came:
			if err := c.print(s.Out, m); err != nil {
				return err
			}
			n++
		case text := <-news:
			_, _ = fmt.Fprintln(s.Err, "kefu: "+text) // to whoever sits there
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

func (c *RocketMQReceiveCommand) print(out io.Writer, m *rocketmq.MessageExt) error {
	if c.JSON {
		return json.NewEncoder(out).Encode(messageJSON(m))
	}
	body := string(m.Body)
	if !utf8.Valid(m.Body) || strings.ContainsFunc(body, func(r rune) bool { return r < ' ' || r == utf8.RuneError }) {
		body = fmt.Sprintf("%q", body)
	}
	_, err := fmt.Fprintf(out, "%s %v at %d tag=%s keys=%s %s\n",
		m.Stored.Format(time.DateTime), m.Queue, m.QueueOffset, m.Tag, strings.Join(m.Keys, ","), body)
	return err
}

// messageJSON is a message as one object. A body that is not UTF-8 stands in
// body_base64 instead of body.
func messageJSON(m *rocketmq.MessageExt) map[string]any {
	object := map[string]any{
		"id": m.MsgID, "offset_id": m.OffsetMsgID, "topic": m.Topic, "broker": m.Queue.Broker, "queue": m.Queue.ID, "offset": m.QueueOffset,
		"tag": m.Tag, "keys": m.Keys, "order_key": m.OrderKey, "properties": m.Properties,
		"born": m.Born.UTC(), "stored": m.Stored.UTC(), "reconsume_times": m.ReconsumeTimes,
	}
	if utf8.Valid(m.Body) {
		object["body"] = string(m.Body)
	} else {
		object["body_base64"] = m.Body
	}
	return object
}

// RocketMQTopicCommand is "kefu rocketmq topic".
type RocketMQTopicCommand struct {
	Create RocketMQCreateCommand `command:"create" description:"Make a topic on every master, or change how many queues it has."`
	Show   RocketMQShowCommand   `command:"show" description:"Print a topic's brokers and queues."`
}

// RocketMQCreateCommand is "kefu rocketmq topic create".
type RocketMQCreateCommand struct {
	RocketMQServers

	Queues  int    `long:"queues" default:"4" description:"How many queues it gets on each broker."`
	Cluster string `long:"cluster" description:"Only on the brokers of this cluster."`

	RocketMQTopic `positional-args:"yes"`
}

// Run makes the topic.
func (c *RocketMQCreateCommand) Run(s *Process) error {
	return c.use(s, func(ctx context.Context, client *rocketmq.Client) error {
		ctx, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		if err := client.CreateTopic(ctx, c.Topic, c.Cluster, c.Queues); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.Out, "%s has %d queues on every master now.\n", c.Topic, c.Queues)
		return err
	})
}

// RocketMQShowCommand is "kefu rocketmq topic show".
type RocketMQShowCommand struct {
	RocketMQServers

	RocketMQTopic `positional-args:"yes"`
}

// Run prints the topic's route.
func (c *RocketMQShowCommand) Run(s *Process) error {
	return c.use(s, func(ctx context.Context, client *rocketmq.Client) error {
		ctx, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		route, err := client.Route(ctx, c.Topic)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.Out).Encode(route)
		}
		for _, b := range route.Brokers {
			for _, id := range slices.Sorted(maps.Keys(b.Addrs)) {
				if _, err := fmt.Fprintf(s.Out, "broker %s/%d of %s at %s\n", b.Name, id, b.Cluster, b.Addrs[id]); err != nil {
					return err
				}
			}
		}
		if _, err := fmt.Fprintln(s.Out, "publish   ", route.Publish); err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.Out, "subscribe ", route.Subscribe)
		return err
	})
}
