package bus

import (
	"fmt"
	"log/slog"

	"github.com/kefu-chat/kefu/internal/bus/seal"
	"github.com/kefu-chat/kefu/internal/rocketmq"
)

// RocketMQConfig is a RocketMQ and what of it is used: one topic, which may be
// shared with others, who have another tag.
type RocketMQConfig struct {
	NameServers []string // host:port
	Topic       string   // made if it does not exist
	Tag         string
	Group       string // of all nodes, as producers and as broadcasting consumers
	Namespace   string
	AccessKey   string // empty: the servers ask for none
	SecretKey   string
}

// NewRocketMQ makes a bus over RocketMQ. It connects when it is started, and for
// as long as it takes.
func NewRocketMQ(config RocketMQConfig, sealer *seal.Sealer, node string, log *slog.Logger) (*Relay, error) {
	line, err := newRocketLine(config, node, log)
	if err != nil {
		return nil, err
	}
	r, err := newRelay("rocketmq", line, sealer, node, log)
	if err != nil {
		line.client.Close()
	}
	return r, err
}

func newRocketLine(config RocketMQConfig, node string, log *slog.Logger) (*rocketLine, error) {
	for name, value := range map[string]string{"topic": config.Topic, "tag": config.Tag, "group": config.Group} {
		if value == "" {
			return nil, fmt.Errorf("rocketmq.%s is empty: expected a name", name)
		}
	}
	client, err := rocketmq.New(rocketmq.Config{
		NameServers: config.NameServers, Namespace: config.Namespace, Log: log,
		Credentials:    rocketmq.Credentials{AccessKey: config.AccessKey, SecretKey: config.SecretKey},
		RequestTimeout: rocketWithin, HeartbeatInterval: rocketBeat,
	})
	if err != nil {
		return nil, fmt.Errorf("rocketmq: %w", err)
	}
	producer, err := client.NewProducer(rocketmq.ProducerConfig{
		Group: config.Group, Retries: -1, CompressOver: -1, // what is sealed does not become shorter
	})
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("rocketmq: %w", err)
	}
	return &rocketLine{
		config: config, client: client, producer: producer, node: node, log: log.With("bus", "rocketmq"), joined: map[string]struct{}{},
	}, nil
}
