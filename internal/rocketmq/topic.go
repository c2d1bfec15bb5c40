package rocketmq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// clusterInfo is the servers' ClusterInfo.
type clusterInfo struct {
	Brokers map[string]jsonBroker `json:"brokerAddrTable"`
}

// CreateTopic makes a topic on all masters of a cluster (of all clusters, if it is
// empty), or sets the number of queues that it has on each.
func (c *Client) CreateTopic(ctx context.Context, topic, cluster string, queues int) error {
	if err := checkName("topic", topic, maxTopicName); err != nil {
		return err
	}
	if queues < 1 || queues > maxQueues {
		return invalid("topic %s is to have %d queues; 1 to %d were expected", topic, queues, maxQueues)
	}
	masters, err := c.masters(ctx, cluster)
	if err != nil {
		return err
	}
	var failed []error
	for _, addr := range masters {
		failed = append(failed, c.createOn(ctx, addr, inNamespace(c.config.Namespace, topic), queues))
	}
	return errors.Join(failed...)
}

func (c *Client) masters(ctx context.Context, cluster string) ([]string, error) {
	answer, err := c.names.ask(ctx, func() *command { return &command{code: codeGetBrokerClusterInfo} })
	if err != nil {
		return nil, err
	}
	var info clusterInfo
	if err := unmarshalLoose(answer.body, &info); err != nil {
		return nil, fmt.Errorf("rocketmq: the name server's list of brokers cannot be read: %w", err)
	}
	var masters []string
	for _, b := range info.Brokers {
		if addr, ok := b.BrokerAddrs[strconv.Itoa(masterID)]; ok && (cluster == "" || cluster == b.Cluster) {
			masters = append(masters, addr)
		}
	}
	if len(masters) == 0 {
		return nil, invalid("the name server knows no master of cluster %q: is a broker up?", cluster)
	}
	return masters, nil
}

func (c *Client) createOn(ctx context.Context, addr, topic string, queues int) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	conn, err := c.brokers.get(ctx, addr)
	if err != nil {
		return err
	}
	_, err = conn.call(ctx, &command{code: codeUpdateAndCreateTopic, ext: map[string]string{
		"topic":           topic,
		"defaultTopic":    autoCreateTopic,
		"readQueueNums":   strconv.Itoa(queues),
		"writeQueueNums":  strconv.Itoa(queues),
		"perm":            strconv.Itoa(permRead | permWrite),
		"topicFilterType": "SINGLE_TAG",
		"topicSysFlag":    "0",
		"order":           "false",
	}})
	return err
}
