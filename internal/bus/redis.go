package bus

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/redis/rueidis"

	"github.com/kefu-chat/kefu/internal/bus/seal"
	"github.com/kefu-chat/kefu/internal/redis"
)

// RedisConfig is a Redis, its sentinels, or a cluster.
type RedisConfig struct {
	URL       string // see redis.Options
	Authority string // certificates in PEM that vouch for the servers; empty: the system's
	Prefix    string // what channels begin with; empty: kefu
}

// NewRedis makes a bus over Redis. It connects when it is started, and for as long as it takes.
func NewRedis(config RedisConfig, sealer *seal.Sealer, node string, log *slog.Logger) (*Relay, error) {
	option, err := redis.Options(config.URL, config.Authority)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(config.Prefix, "{} \t\r\n") {
		return nil, errors.New("redis.prefix may not have braces or spaces: expected a word such as kefu")
	}
	return newRelay("redis", newRedisLine(prefixOf(config.Prefix), option, log.With("bus", "redis")), sealer, node, log)
}

// redisBuckets are the slots of a cluster that the topics are spread over: all
// nodes of all versions must count alike.
const redisBuckets = 16

// bucketOf is FNV-1a, so that it stays what it is.
func bucketOf(topic string) int {
	hash := uint32(2166136261)
	for i := range len(topic) {
		hash = (hash ^ uint32(topic[i])) * 16777619
	}
	return int(hash % redisBuckets)
}

// redisRefused tells that a server answered, and did not like what it was asked.
func redisRefused(err error) bool {
	_, refused := rueidis.IsRedisErr(err)
	return refused
}

// redisUnknown tells that a server is too old for a command.
func redisUnknown(err error) bool {
	refusal, ok := rueidis.IsRedisErr(err)
	return ok && strings.Contains(strings.ToLower(refusal.Error()), "unknown command")
}
