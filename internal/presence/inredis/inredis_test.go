package inredis_test

import (
	"os"
	"testing"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/presence/inredis"
	"github.com/kefu-chat/kefu/internal/presence/presencetest"
	"github.com/kefu-chat/kefu/internal/redis"
	"github.com/kefu-chat/kefu/test/engines"
)

func TestMain(m *testing.M) {
	code := engines.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		println(err.Error())
		code = 1
	}
	os.Exit(code)
}

func connect(t testing.TB, url string) rueidis.Client {
	t.Helper()
	options, err := redis.Options(url, "")
	if err != nil {
		t.Fatal(err)
	}
	client, err := rueidis.NewClient(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestOneServer(t *testing.T) {
	server := engines.StartRedis(t)
	presencetest.Run(t, presencetest.Engine{
		Place: func(t testing.TB) presence.Place { return inredis.New(connect(t, server.URL()), "kefu") },
		Lose:  flush(t, server.URL()),
		Back:  back(t, server.URL()),
	})
}
