package bus

import "github.com/redis/rueidis"

// MeshPassword is what nodes of a mesh show one another.
var MeshPassword = meshPassword

// RedisChannel is where a topic is heard.
func RedisChannel(topic string) string {
	return newRedisLine(defaultPrefix, rueidis.ClientOption{}, nil).channel(topic)
}
