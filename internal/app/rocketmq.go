package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/kefu-chat/kefu/internal/rocketmq"
)

// RocketMQCommand is "kefu rocketmq".
type RocketMQCommand struct {
	Send    RocketMQSendCommand    `command:"send" description:"Send messages."`
	Receive RocketMQReceiveCommand `command:"receive" description:"Print what is sent to a topic from now on."`
	Topic   RocketMQTopicCommand   `command:"topic" description:"Make topics, and look at them."`
}

// RocketMQServers says where a RocketMQ is, by the same settings as the server's.
type RocketMQServers struct {
	NameServers []string      `long:"rocketmq-name-servers" value-name:"ADDRESS" description:"Name servers, host:port, separated by commas."`
	Namespace   string        `long:"rocketmq-namespace" value-name:"NAMESPACE" description:"The namespace of topics and groups."`
	AccessKey   string        `long:"rocketmq-access-key" value-name:"KEY" description:"The access key, where the brokers ask for one."`
	SecretKey   string        `long:"rocketmq-secret-key" value-name:"SECRET" description:"The secret of the access key."`
	Group       string        `long:"group" default:"GID_KEFU_HAND" value-name:"GROUP" description:"The group to send or receive as."`
	Timeout     time.Duration `long:"timeout" default:"30s" description:"How long everything but receiving may take."`
	JSON        bool          `long:"json" description:"Print JSON, one line for each."`
}

// use connects and does something, in the time that it may take.
func (c *RocketMQServers) use(s *Process, do func(ctx context.Context, client *rocketmq.Client) error) error {
	if len(c.NameServers) == 0 {
		return usage("rocketmq.name_servers is empty: name the name servers, as --rocketmq-name-servers=HOST:9876")
	}
	client, err := rocketmq.New(rocketmq.Config{
		NameServers: c.NameServers, Namespace: c.Namespace,
		Credentials: rocketmq.Credentials{AccessKey: c.AccessKey, SecretKey: c.SecretKey},
	})
	if err != nil {
		return oneLine(err)
	}
	defer client.Close()
	ctx, cancel := signal.NotifyContext(s.Context, syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	return oneLine(do(ctx, client))
}

// oneLine is the error as one line; a mistake in what was asked for is one of usage.
func oneLine(err error) error {
	var said *UsageError
	if err == nil || errors.As(err, &said) {
		return err
	}
	text := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	var wrong *rocketmq.InvalidError
	var long *rocketmq.TooLongError
	if errors.As(err, &wrong) || errors.As(err, &long) || errors.Is(err, rocketmq.ErrEmptyBody) {
		return usage("%s", text)
	}
	return errors.New(text)
}

// RocketMQSendCommand is "kefu rocketmq send".
type RocketMQSendCommand struct {
	RocketMQServers

	Async       bool              `long:"async" description:"Send all without waiting for the one before."`
	Oneway      bool              `long:"oneway" description:"Do not ask whether it was taken."`
	Transaction string            `long:"transaction" value-name:"OUTCOME" description:"In a transaction: commit or rollback it, or check: say nothing, and commit when the broker asks."`
	Tag         string            `long:"tag" description:"The messages' tag."`
	Keys        []string          `long:"keys" description:"Their keys, separated by commas."`
	Properties  map[string]string `long:"property" key-value-delimiter:"=" value-name:"NAME=VALUE" description:"A property of the sender's own."`
	OrderKey    string            `long:"order-key" description:"Messages with the same one keep their order."`
	DelayLevel  int               `long:"delay-level" description:"Deliver later: 1 to 18 are 1s 5s 10s 30s 1m … 10m 20m 30m 1h 2h."`
	Delay       time.Duration     `long:"delay" description:"Deliver later, to the millisecond, from RocketMQ 5.0 on."`

	RocketMQMessages `positional-args:"yes"`
}

// RocketMQMessages are what follows "kefu rocketmq send".
type RocketMQMessages struct {
	Topic string   `positional-arg-name:"TOPIC" required:"1" description:"The topic."`
	Body  []string `positional-arg-name:"[BODY...]" description:"The messages; without one, standard input is one message."`
}

// Run sends the messages.
func (c *RocketMQSendCommand) Run(s *Process) error {
	if err := c.oneKind(); err != nil {
		return err
	}
	bodies, err := c.bodies(s.In)
	if err != nil {
		return err
	}
	return c.use(s, func(ctx context.Context, client *rocketmq.Client) error {
		ctx, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		if c.Transaction != "" {
			return c.transactions(ctx, s, client, bodies)
		}
		p, err := client.NewProducer(rocketmq.ProducerConfig{Group: c.Group})
		if err != nil {
			return err
		}
		switch {
		case c.Async:
			return c.async(ctx, s, p, bodies)
		case c.Oneway:
			for _, body := range bodies {
				if err := p.SendOneway(ctx, c.message(body)); err != nil {
					return err
				}
			}
			return nil
		}
		for _, body := range bodies {
			result, err := p.Send(ctx, c.message(body))
			if err != nil {
				return err
			}
			if err := c.print(s.Out, result, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

// oneKind refuses several kinds of sending at once.
func (c *RocketMQSendCommand) oneKind() error {
	var kinds []string
	for _, kind := range []struct {
		flag  string
		given bool
	}{{"--async", c.Async}, {"--oneway", c.Oneway}, {"--transaction", c.Transaction != ""}} {
		if kind.given {
			kinds = append(kinds, kind.flag)
		}
	}
	if len(kinds) > 1 {
		return usage("%s can't be used together: give one of them", strings.Join(kinds, " and "))
	}
	return nil
}

// maxStdin bounds a message that is read from standard input: one byte more than
// can be sent, so that it is refused for its length.
const maxStdin = 4<<20 + 1

func (c *RocketMQSendCommand) bodies(in io.Reader) ([][]byte, error) {
	if len(c.Body) == 0 {
		body, err := io.ReadAll(io.LimitReader(in, maxStdin))
		if err != nil {
			return nil, fmt.Errorf("read the message from standard input: %w", err)
		}
		return [][]byte{body}, nil
	}
	var bodies [][]byte
	for _, text := range c.Body {
		bodies = append(bodies, []byte(text))
	}
	return bodies, nil
}

func (c *RocketMQSendCommand) message(body []byte) rocketmq.Message {
	m := rocketmq.Message{
		Topic: c.Topic, Tag: c.Tag, Keys: c.Keys, Properties: c.Properties,
		OrderKey: c.OrderKey, DelayLevel: c.DelayLevel, Body: body,
	}
	if c.Delay > 0 {
		m.DeliverAt = time.Now().Add(c.Delay)
	}
	return m
}

func (c *RocketMQSendCommand) async(ctx context.Context, s *Process, p *rocketmq.Producer, bodies [][]byte) error {
	type answer struct {
		result rocketmq.SendResult
		err    error
	}
	answers := make(chan answer, len(bodies))
	var failed []error
	sent := 0
	for _, body := range bodies {
		err := p.SendAsync(ctx, c.message(body), func(r rocketmq.SendResult, err error) { answers <- answer{r, err} })
		if err != nil {
			failed = append(failed, err)
			break
		}
		sent++
	}
	for range sent {
		a := <-answers
		if a.err == nil {
			a.err = c.print(s.Out, a.result, "")
		}
		failed = append(failed, a.err)
	}
	return errors.Join(failed...)
}

// transactions sends each message in a transaction. Its outcome is recorded here,
// for as long as the command runs, before the broker is told.
func (c *RocketMQSendCommand) transactions(ctx context.Context, s *Process, client *rocketmq.Client, bodies [][]byte) error {
	if c.Transaction != "commit" && c.Transaction != "rollback" && c.Transaction != "check" {
		return usage("--transaction is %q: expected commit, rollback or check", c.Transaction)
	}
	state := rocketmq.CommitMessage
	if c.Transaction == "rollback" {
		state = rocketmq.RollbackMessage
	}
	ours := newOutcomes()
	p, err := client.NewProducer(rocketmq.ProducerConfig{Group: c.Group, CheckTransaction: ours.check})
	if err != nil {
		return err
	}
	for _, body := range bodies {
		tx, err := p.Prepare(ctx, c.message(body))
		if err != nil {
			return err
		}
		own := ours.record(tx.MsgID, state)
		switch c.Transaction {
		case "commit":
			err = tx.Commit(ctx)
		case "rollback":
			err = tx.Rollback(ctx)
		default:
			err = own.awaitCheck(ctx)
		}
		if err != nil {
			return err
		}
		if err := c.print(s.Out, tx.SendResult, state.String()); err != nil {
			return err
		}
	}
	return nil
}

// print prints what a broker said of a message; outcome is a transaction's.
func (c *RocketMQSendCommand) print(out io.Writer, r rocketmq.SendResult, outcome string) error {
	if c.JSON {
		return json.NewEncoder(out).Encode(map[string]any{
			"status": r.Status.String(), "id": r.MsgID, "offset_id": r.OffsetMsgID,
			"broker": r.Queue.Broker, "queue": r.Queue.ID, "offset": r.QueueOffset, "transaction": outcome,
		})
	}
	_, err := fmt.Fprintln(out, strings.TrimSpace(fmt.Sprintf("%s %s %v at %d %s", r.Status, r.MsgID, r.Queue, r.QueueOffset, outcome)))
	return err
}
