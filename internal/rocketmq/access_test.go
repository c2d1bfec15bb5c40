package rocketmq_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/rocketmq"
	"github.com/kefu-chat/kefu/test/engines"
)

const (
	accessKey = "kefu-access"
	secretKey = "kefu-secret-12345"
)

// guarded is how each version is told to ask for an access key.
func guarded(version string) engines.RocketMQSpec {
	if strings.HasPrefix(version, "4") {
		return engines.RocketMQSpec{Version: version, Settings: map[string]string{"aclEnable": "true"}, Files: map[string]string{
			"conf/plain_acl.yml": "accounts:\n- accessKey: " + accessKey + "\n  secretKey: " + secretKey + "\n  admin: true\n",
		}}
	}
	return engines.RocketMQSpec{Version: version, Settings: map[string]string{
		"authenticationEnabled":                "true",
		"authenticationProvider":               "org.apache.rocketmq.auth.authentication.provider.DefaultAuthenticationProvider",
		"authenticationMetadataProvider":       "org.apache.rocketmq.auth.authentication.provider.LocalAuthenticationMetadataProvider",
		"initAuthenticationUser":               `{"username":"` + accessKey + `","password":"` + secretKey + `"}`,
		"innerClientAuthenticationCredentials": `{"accessKey":"` + accessKey + `","secretKey":"` + secretKey + `"}`,
	}}
}

// TestAccessKeys: brokers that ask for one take ours, and nobody else's.
func TestAccessKeys(t *testing.T) {
	for _, version := range engines.RocketMQVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			servers := engines.StartRocketMQ(t, guarded(version))
			keys := rocketmq.Credentials{AccessKey: accessKey, SecretKey: secretKey}
			c, topic := newClient(t, rocketmq.Config{NameServers: servers.Names(), Credentials: keys}), newTopic()
			if err := c.CreateTopic(within(t), topic, "", 1); err != nil {
				t.Fatal(err)
			}
			in := subscribe(t, c, topic)
			l := newLedger()
			p := newProducer(t, c, rocketmq.ProducerConfig{CheckTransaction: l.outcome(topic)})
			for range 3 {
				sent := send(t, p, rocketmq.Message{Topic: topic, Body: []byte("signed")})
				if got := in.next(t); got.MsgID != sent.MsgID {
					t.Errorf("got %+v", got)
				}
			}
			if err := p.SendOneway(within(t), rocketmq.Message{Topic: topic, Body: []byte("one-way")}); err != nil {
				t.Fatal(err)
			}
			if got := in.next(t); string(got.Body) != "one-way" {
				t.Errorf("got %+v", got)
			}
			for name, wrong := range map[string]rocketmq.Credentials{"none": {}, "wrong secret": {AccessKey: accessKey, SecretKey: "x"}} {
				stranger := newProducer(t, newClient(t, rocketmq.Config{NameServers: servers.Names(), Credentials: wrong}), rocketmq.ProducerConfig{})
				var refused *rocketmq.AnswerError
				if _, err := stranger.Send(within(t), rocketmq.Message{Topic: topic, Body: []byte("x")}); !errors.As(err, &refused) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}
