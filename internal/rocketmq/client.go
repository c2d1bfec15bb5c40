package rocketmq

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config is what a client needs to know. Only NameServers is needed.
type Config struct {
	NameServers []string // host:port; each is asked when the one before does not answer
	Namespace   string   // of topics and groups
	Credentials Credentials
	Log         *slog.Logger // what nobody is given as an error; nil is silence

	RequestTimeout    time.Duration // of one request; 3 s if it is 0
	HeartbeatInterval time.Duration // 30 s if it is 0; brokers forget a client after 120
	RouteInterval     time.Duration // how often routes are asked for again; 30 s if it is 0
}

// Client is what producers and consumers share: the connections, the routes, the
// heartbeats. It is safe for concurrent use.
type Client struct {
	config  Config
	log     *slog.Logger
	ids     *ids
	id      string
	toNames *pool
	brokers *pool
	names   *nameServers
	routes  *router

	ctx    context.Context // ends with the client
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	checks chan check

	mu        sync.Mutex
	closed    bool
	producers map[string]*Producer // by full group name
	consumers map[string]*Consumer
}

const (
	requestWithin  = 3 * time.Second
	everySoOften   = 30 * time.Second
	maxNameServers = 64
)

// New makes a client. Nothing is connected before it is needed.
func New(config Config) (*Client, error) {
	if len(config.NameServers) == 0 || len(config.NameServers) > maxNameServers {
		return nil, invalid("%d name servers are given; 1 to %d were expected, as host:port", len(config.NameServers), maxNameServers)
	}
	config.NameServers = slices.Clone(config.NameServers) // the caller's stays as it is
	for i, addr := range config.NameServers {
		config.NameServers[i] = strings.TrimSpace(addr)
		if _, _, err := net.SplitHostPort(config.NameServers[i]); err != nil {
			return nil, invalid("the name server %q is not host:port: %v", addr, err)
		}
	}
	if (config.Credentials.AccessKey == "") != (config.Credentials.SecretKey == "") {
		return nil, invalid("an access key and its secret are needed together")
	}
	if config.Namespace != "" {
		if err := checkName("namespace", config.Namespace, maxTopicName); err != nil {
			return nil, err
		}
	}
	for _, d := range []struct {
		at      *time.Duration
		without time.Duration
	}{{&config.RequestTimeout, requestWithin}, {&config.HeartbeatInterval, everySoOften}, {&config.RouteInterval, everySoOften}} {
		if *d.at <= 0 {
			*d.at = d.without
		}
	}
	return start(config), nil
}

func start(config Config) *Client {
	c := &Client{
		config: config, log: config.Log, ids: newIDs(time.Now()), checks: make(chan check, maxChecks),
		producers: map[string]*Producer{}, consumers: map[string]*Consumer{},
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.id = c.ids.client()
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.toNames = newPool(&c.config.Credentials, func(*conn, *command) {}, nil)
	c.brokers = newPool(&c.config.Credentials, c.asked, c.greet)
	c.names = &nameServers{pool: c.toNames, within: config.RequestTimeout, addrs: config.NameServers}
	c.routes = newRouter(c.names)
	c.tasks.Go(c.beatOn)
	c.tasks.Go(c.refreshOn)
	c.tasks.Go(c.answerChecks)
	return c
}

// Close stops consumers, waits for the sends under way, tells the brokers, and
// closes the connections.
func (c *Client) Close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	producers, consumers := c.producers, c.consumers
	c.producers, c.consumers = map[string]*Producer{}, map[string]*Consumer{}
	c.mu.Unlock()
	var each sync.WaitGroup
	for _, consumer := range consumers {
		each.Go(consumer.Close)
	}
	for _, producer := range producers {
		each.Go(producer.Close)
	}
	each.Wait()
	c.cancel()
	c.tasks.Wait()
	c.brokers.close()
	c.toNames.close()
}

// asked takes a broker's own requests. Others than the check of a transaction are
// hints that this client does not need.
func (c *Client) asked(from *conn, request *command) {
	if request.code != codeCheckTransactionState {
		return
	}
	select {
	case c.checks <- check{from, request}:
	default: // the broker asks again
	}
}

// heartbeat is the servers' HeartbeatData.
type heartbeat struct {
	ClientID    string             `json:"clientID"`
	Producers   []heartbeatGroup   `json:"producerDataSet"`
	Consumers   []heartbeatConsume `json:"consumerDataSet"`
	Fingerprint int                `json:"heartbeatFingerprint"`
}

type heartbeatGroup struct {
	GroupName string `json:"groupName"`
}

type heartbeatConsume struct {
	GroupName        string         `json:"groupName"`
	ConsumeType      string         `json:"consumeType"`
	MessageModel     string         `json:"messageModel"`
	ConsumeFromWhere string         `json:"consumeFromWhere"`
	Subscriptions    []subscription `json:"subscriptionDataSet"`
	UnitMode         bool           `json:"unitMode"`
}

func (c *Client) heartbeat() *command {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := heartbeat{ClientID: c.id, Producers: []heartbeatGroup{}, Consumers: []heartbeatConsume{}}
	for group := range c.producers {
		h.Producers = append(h.Producers, heartbeatGroup{group})
	}
	for group, consumer := range c.consumers {
		h.Consumers = append(h.Consumers, heartbeatConsume{
			GroupName: group, ConsumeType: "CONSUME_PASSIVELY", MessageModel: "BROADCASTING",
			ConsumeFromWhere: "CONSUME_FROM_LAST_OFFSET", Subscriptions: []subscription{consumer.subscription()},
		})
	}
	body, _ := json.Marshal(h) // strings and numbers only
	return &command{code: codeHeartBeat, body: body}
}

// greet is the first thing that a broker hears. Its answer tells its version; a
// broker that refuses it will say why to whatever comes next.
func (c *Client) greet(ctx context.Context, to *conn) error {
	_, err := to.request(ctx, c.heartbeat())
	return err
}

func (c *Client) beatOn() {
	tick := time.NewTicker(c.config.HeartbeatInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.beat(c.ctx)
		case <-c.ctx.Done():
			return
		}
	}
}

// beat tells all connected brokers who is here. One that does not answer is left.
func (c *Client) beat(ctx context.Context) {
	var each sync.WaitGroup
	for _, to := range c.brokers.all() {
		each.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, c.config.RequestTimeout)
			defer cancel()
			if _, err := to.request(ctx, c.heartbeat()); err != nil && errors.Is(err, context.DeadlineExceeded) {
				to.end(errors.New("no answer to a heartbeat"))
			}
		})
	}
	each.Wait()
}

func (c *Client) refreshOn() {
	tick := time.NewTicker(c.config.RouteInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.routes.refresh(c.ctx)
		case <-c.ctx.Done():
			return
		}
	}
}

// unregister tells the brokers that a group's producer or consumer has left.
func (c *Client) unregister(field, group string) {
	ctx, cancel := context.WithTimeout(c.ctx, c.config.RequestTimeout)
	defer cancel()
	var each sync.WaitGroup
	for _, to := range c.brokers.all() {
		each.Go(func() {
			// A broker that cannot be told forgets the client by itself.
			_, _ = to.request(ctx, &command{code: codeUnregisterClient, ext: map[string]string{"clientID": c.id, field: group}})
		})
	}
	each.Wait()
}

// within bounds one request.
func (c *Client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.config.RequestTimeout)
}

// Route is where a topic's messages go to and come from now.
func (c *Client) Route(ctx context.Context, topic string) (*Route, error) {
	route, err := c.routes.fetch(ctx, inNamespace(c.config.Namespace, topic))
	if err != nil {
		return nil, err
	}
	route.Topic = topic
	for i := range route.Publish {
		route.Publish[i].Topic = topic
	}
	for i := range route.Subscribe {
		route.Subscribe[i].Topic = topic
	}
	return route, nil
}
