package app

import (
	"context"
	"fmt"

	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/bus/seal"
	"github.com/kefu-chat/kefu/internal/faults"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/presence/inredis"
	"github.com/kefu-chat/kefu/internal/redis"
)

// openBus makes what carries notices; the hub starts and ends it.
func (a *App) openBus(ctx context.Context) error {
	if a.cfg.Bus.Kind == "memory" {
		a.bus = bus.NewMemory()
		return nil
	}
	sealer, err := seal.New(ctx, seal.Config{Keys: a.db, Log: a.log})
	if err != nil {
		return fmt.Errorf("read the cluster's keys: %w", err)
	}
	a.stack.push("cluster's keys", func(context.Context) error {
		sealer.Close()
		return nil
	})
	made, err := a.busOf(sealer)
	if err != nil {
		return usage("%v", err)
	}
	if a.cfg.Bus.Kind == "mesh" { // its own server would say it less clearly, and later
		l, err := listenOn(ctx, "mesh.listen", a.cfg.Mesh.Listen)
		if err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return fmt.Errorf("mesh.listen: %w", err)
		}
	}
	a.bus = bus.Disorder(made)
	return nil
}

func (a *App) busOf(sealer *seal.Sealer) (bus.Bus, error) {
	c := a.cfg
	switch c.Bus.Kind {
	case "mesh":
		return bus.NewMesh(bus.MeshConfig{
			Listen: c.Mesh.Listen, Advertise: c.Mesh.Advertise, Peers: c.Mesh.Peers, Secret: c.Mesh.Secret,
			Certificate: c.Mesh.Certificate, Key: c.Mesh.Key, Authority: c.Mesh.Authority,
		}, sealer, a.node, a.log)
	case "nats":
		return bus.NewNATS(bus.NATSConfig{URL: c.NATS.URL, Credentials: c.NATS.Credentials, Authority: c.NATS.Authority}, sealer, a.node, a.log)
	case "redis":
		return bus.NewRedis(bus.RedisConfig{URL: c.Redis.URL, Authority: c.Redis.Authority, Prefix: c.Redis.Prefix}, sealer, a.node, a.log)
	default:
		r := c.RocketMQ
		return bus.NewRocketMQ(bus.RocketMQConfig{
			NameServers: r.NameServers, Topic: r.Topic, Tag: r.Tag, Group: r.Group, Namespace: r.Namespace,
			AccessKey: r.AccessKey, SecretKey: r.SecretKey,
		}, sealer, a.node, a.log)
	}
}

// openPresence chooses where the nodes share who is online: in Redis where one is
// configured, else in the database where it is a server, else nowhere: this node
// is the only one.
func (a *App) openPresence(context.Context) error {
	var place presence.Place
	switch {
	case a.cfg.Redis.URL != "" && a.cfg.Database.URL != "":
		option, err := redis.Options(a.cfg.Redis.URL, a.cfg.Redis.Authority)
		if err != nil {
			return usage("%v", err)
		}
		lazy := inredis.Open(option, a.cfg.Redis.Prefix)
		a.stack.push("presence's Redis", func(context.Context) error {
			lazy.Close()
			return nil
		})
		place = lazy
	case a.cfg.Database.URL != "":
		place = a.db.Presence()
	default:
		a.presence = presence.NewMemory(faults.Now).On(a.node)
		return nil
	}
	shared := presence.NewShared(place, presence.SharedConfig{Node: a.node, Log: a.log})
	a.stack.push("presence", func(context.Context) error {
		shared.Close()
		return nil
	})
	a.presence = shared
	return nil
}
