package rocketmq

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxQueues bounds the queues of one topic.
const maxQueues = 1 << 16

// The bits of a queue's permission.
const (
	permWrite = 2
	permRead  = 4
)

// masterID is the id of the broker among its copies that takes messages.
const masterID = 0

// MessageQueue is one of a topic's queues. Messages of one queue keep their order.
type MessageQueue struct {
	Topic  string `json:"topic"`
	Broker string `json:"broker"`
	ID     int    `json:"id"`
}

func (q MessageQueue) String() string { return fmt.Sprintf("%s/%s/%d", q.Topic, q.Broker, q.ID) }

// Broker is a broker and its copies.
type Broker struct {
	Name    string         `json:"name"`
	Cluster string         `json:"cluster"`
	Addrs   map[int]string `json:"addrs"` // by id: 0 is the master
}

// Route is where a topic's messages go to and come from.
type Route struct {
	Topic     string         `json:"topic"`
	Publish   []MessageQueue `json:"publish"`   // on writable brokers with a master, in the order in which all clients see them
	Subscribe []MessageQueue `json:"subscribe"` // on readable brokers
	Brokers   []Broker       `json:"brokers"`   // by name
}

// addrs are where a broker and its copies are, by id.
func (r *Route) addrs(broker string) map[int]string {
	i, ok := slices.BinarySearchFunc(r.Brokers, broker, func(b Broker, name string) int { return cmp.Compare(b.Name, name) })
	if !ok {
		return nil
	}
	return r.Brokers[i].Addrs
}

// master is where a broker takes messages.
func (r *Route) master(broker string) (string, bool) {
	addr, ok := r.addrs(broker)[masterID]
	return addr, ok
}

// reader is where a broker's messages are read: the master, or the first of its copies.
func (r *Route) reader(broker string) (string, bool) {
	addrs := r.addrs(broker)
	if len(addrs) == 0 {
		return "", false
	}
	return addrs[slices.Min(slices.Collect(maps.Keys(addrs)))], true
}

// jsonRoute is the servers' TopicRouteData.
type jsonRoute struct {
	OrderTopicConf string       `json:"orderTopicConf"`
	QueueDatas     []queueData  `json:"queueDatas"`
	BrokerDatas    []jsonBroker `json:"brokerDatas"`
}

type queueData struct {
	BrokerName     string `json:"brokerName"`
	ReadQueueNums  int    `json:"readQueueNums"`
	WriteQueueNums int    `json:"writeQueueNums"`
	Perm           int    `json:"perm"`
}

type jsonBroker struct {
	Cluster     string            `json:"cluster"`
	BrokerName  string            `json:"brokerName"`
	BrokerAddrs map[string]string `json:"brokerAddrs"`
}

// parseRoute reads a name server's answer.
func parseRoute(topic string, body []byte) (*Route, error) {
	var data jsonRoute
	if err := unmarshalLoose(body, &data); err != nil {
		return nil, fmt.Errorf("rocketmq: the route of %s cannot be read: %w", topic, err)
	}
	r := &Route{Topic: topic}
	for _, b := range data.BrokerDatas {
		broker, err := b.broker()
		if err != nil {
			return nil, err
		}
		r.Brokers = append(r.Brokers, broker)
	}
	slices.SortFunc(r.Brokers, func(a, b Broker) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(data.QueueDatas, func(a, b queueData) int { return cmp.Compare(a.BrokerName, b.BrokerName) })
	if err := r.addQueues(data.QueueDatas); err != nil {
		return nil, err
	}
	if data.OrderTopicConf == "" {
		return r, nil
	}
	return r, r.orderQueues(data.OrderTopicConf)
}

func (b jsonBroker) broker() (Broker, error) {
	broker := Broker{Name: b.BrokerName, Cluster: b.Cluster, Addrs: map[int]string{}}
	for id, addr := range b.BrokerAddrs {
		n, err := strconv.Atoi(id)
		if err != nil {
			return broker, fmt.Errorf("rocketmq: broker %s has a copy numbered %q; a number was expected", b.BrokerName, id)
		}
		broker.Addrs[n] = addr
	}
	return broker, nil
}

func (r *Route) addQueues(all []queueData) error {
	for _, data := range all {
		if data.Perm&permWrite != 0 {
			if _, ok := r.master(data.BrokerName); ok {
				r.Publish = appendQueues(r.Publish, r.Topic, data.BrokerName, data.WriteQueueNums)
			}
		}
		if data.Perm&permRead != 0 {
			r.Subscribe = appendQueues(r.Subscribe, r.Topic, data.BrokerName, data.ReadQueueNums)
		}
		if len(r.Publish) > maxQueues || len(r.Subscribe) > maxQueues {
			return fmt.Errorf("rocketmq: the route of %s names more than %d queues", r.Topic, maxQueues)
		}
	}
	return nil
}

// appendQueues appends n queues, or one more than a route may have.
func appendQueues(all []MessageQueue, topic, broker string, n int) []MessageQueue {
	for id := range min(n, maxQueues+1) {
		all = append(all, MessageQueue{Topic: topic, Broker: broker, ID: id})
	}
	return all
}

// orderQueues makes Publish what an ordered topic's configuration says,
// "broker:queues;broker:queues", however many of its brokers are up: so that a
// key keeps its queue.
func (r *Route) orderQueues(conf string) error {
	r.Publish = nil
	for part := range strings.SplitSeq(strings.Trim(conf, ";"), ";") {
		name, count, _ := strings.Cut(part, ":")
		n, err := strconv.Atoi(count)
		if err != nil {
			return fmt.Errorf("rocketmq: topic %s is ordered by %q; broker:queues was expected", r.Topic, part)
		}
		r.Publish = appendQueues(r.Publish, r.Topic, name, n)
		if len(r.Publish) > maxQueues {
			return fmt.Errorf("rocketmq: topic %s is ordered over more than %d queues", r.Topic, maxQueues)
		}
	}
	return nil
}

// borrow makes a route for a topic that its first message will make.
func (r *Route) borrow(topic string) *Route {
	lent := &Route{Topic: topic, Brokers: r.Brokers}
	for _, q := range r.Publish {
		if q.ID < autoCreateQueues {
			lent.Publish = append(lent.Publish, MessageQueue{Topic: topic, Broker: q.Broker, ID: q.ID})
		}
	}
	return lent
}

// unmarshalLoose reads JSON, also the kind whose keys are bare numbers, {0:"…"},
// that servers before 4.9.4 write, and later ones in some answers.
func unmarshalLoose(body []byte, to any) error {
	err := json.Unmarshal(body, to)
	if err == nil {
		return nil
	}
	quoted := regexp.MustCompile(`([{,]\s*)(\d+)(\s*:)`).ReplaceAll(body, []byte(`$1"$2"$3`))
	if json.Unmarshal(quoted, to) == nil {
		return nil
	}
	return err
}
