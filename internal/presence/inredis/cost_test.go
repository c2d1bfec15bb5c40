package inredis_test

import (
	"testing"

	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/presence/inredis"
	"github.com/kefu-chat/kefu/internal/presence/presencetest"
	"github.com/kefu-chat/kefu/test/engines"
)

func BenchmarkRedis(b *testing.B) {
	server := engines.StartRedis(b)
	presencetest.Cost(b, presencetest.Engine{Place: func(t testing.TB) presence.Place { return inredis.New(connect(t, server.URL()), "kefu") }})
}
