package app

import "time"

// AdminConfig is the port of who runs Kefu, apart from the public one.
type AdminConfig struct {
	Listen string `long:"listen" value-name:"ADDRESS" description:"Where /healthz, /readyz, /metrics and /debug/pprof are answered, such as 127.0.0.1:9091. Nowhere unless it is set: whoever reaches it can read the figures, and make profiles."`
}

// TLSConfig is how HTTPS is served by Kefu itself, without a proxy.
type TLSConfig struct {
	Domain        []string `long:"domain" value-name:"NAME" description:"Names for which a certificate is asked from the authority at tls.directory, and renewed. Port 443 and port 80 must reach this program. The flag is --domain, too."`
	Email         string   `long:"email" value-name:"ADDRESS" description:"Where the authority writes when a certificate is about to end."`
	Directory     string   `long:"directory" default:"https://acme-v02.api.letsencrypt.org/directory" value-name:"URL" description:"The ACME directory of the authority that makes the certificates."`
	DirectoryRoot string   `long:"directory-root" value-name:"FILE" description:"Certificates in PEM that vouch for tls.directory, where the system's do not."`
	PlainListen   string   `long:"plain-listen" unset:":80 with HTTPS" value-name:"ADDRESS" description:"Where plain HTTP is answered beside HTTPS: the authority's challenges, and a redirect for everybody else. none: nowhere. With tls.certificate and a listen of your own, nowhere unless it is set."`
	Certificate   string   `long:"certificate" value-name:"FILE" description:"A certificate chain in PEM, instead of tls.domain. It is read again when the file changes."`
	Key           string   `long:"key" value-name:"FILE" description:"The key of tls.certificate, in PEM."`
}

// DatabaseConfig is where and how safely messages are kept.
type DatabaseConfig struct {
	URL         string `long:"url" value-name:"URL" description:"The database: mysql://USER:PASSWORD@HOST:3306/NAME or postgres://USER:PASSWORD@HOST:5432/NAME. Without it SQLite in the data folder, for one node."`
	ReplicaURL  string `long:"replica-url" value-name:"URL" description:"A replica of database.url. It answers what may be a little old: earlier pages of a conversation."`
	Connections int    `long:"connections" default:"16" min:"2" max:"1000" description:"Connections of this node that read, where the database is a server."`
	Committers  int    `long:"committers" default:"2" min:"1" max:"64" description:"Connections of this node that commit messages, where the database is a server. Fewer commit more messages at once, and cost less; more help where a commit takes long."`
	Synchronous string `long:"synchronous" default:"full" enum:"full,extra,normal,off" description:"SQLite's setting. Less than full may lose acknowledged messages at a power cut, and is refused unless database.relaxed allows it."`
	Relaxed     bool   `long:"relaxed" description:"Allow a database that may lose acknowledged messages at a power cut."`
}

// BusConfig is what carries notices between nodes.
type BusConfig struct {
	Kind string `long:"kind" default:"memory" enum:"memory,mesh,nats,redis,rocketmq" description:"What carries notices between nodes: memory (one node), mesh (the nodes themselves), nats, redis or rocketmq."`
}

// MeshConfig is how nodes reach one another without a broker.
type MeshConfig struct {
	Listen      string   `long:"listen" value-name:"ADDRESS" description:"Where the other nodes reach this one, such as 10.0.0.5:6222."`
	Advertise   string   `long:"advertise" value-name:"ADDRESS" description:"What the others are told to call, where that is not mesh.listen."`
	Peers       []string `long:"peers" value-name:"ADDRESS" description:"Some of the other nodes, host:port, separated by commas; each tells of those that it knows. This node itself may be among them."`
	Secret      string   `long:"secret" value-name:"SECRET" description:"What all nodes of the mesh share, 16 characters or more."`
	Certificate string   `long:"certificate" value-name:"FILE" description:"This node's certificate in PEM, to encrypt the mesh."`
	Key         string   `long:"key" value-name:"FILE" description:"The key of mesh.certificate, in PEM."`
	Authority   string   `long:"authority" value-name:"FILE" description:"Certificates in PEM that vouch for the other nodes'."`
}

// NATSConfig is an external NATS server.
type NATSConfig struct {
	URL         []string `long:"url" value-name:"URL" description:"Servers, separated by commas: nats://USER:PASSWORD@HOST:4222, or tls://HOST:4222."`
	Credentials string   `long:"credentials" value-name:"FILE" description:"A credentials file, as nsc makes it."`
	Authority   string   `long:"authority" value-name:"FILE" description:"Certificates in PEM that vouch for the servers, where the system's do not."`
}

// RedisConfig is a Redis for presence, and for the bus if that is redis.
type RedisConfig struct {
	URL       string `long:"url" value-name:"URL" description:"redis://USER:PASSWORD@HOST:6379/0, rediss:// with TLS; redis+cluster://HOST,HOST and redis+sentinel://HOST,HOST/MASTER for several (rediss+cluster, rediss+sentinel with TLS). Sentinels with a password of their own: ?sentinel_user=NAME&sentinel_password=PASSWORD at the end."`
	Authority string `long:"authority" value-name:"FILE" description:"Certificates in PEM that vouch for the servers, where the system's do not."`
	Prefix    string `long:"prefix" default:"kefu" value-name:"WORD" description:"What all keys and channels begin with, where several installations share a Redis."`
}

// RocketMQConfig is a RocketMQ, for the bus if that is rocketmq, and for "kefu rocketmq".
type RocketMQConfig struct {
	NameServers []string `long:"name-servers" value-name:"ADDRESS" description:"Name servers, host:port, separated by commas."`
	Topic       string   `long:"topic" default:"KEFU_NOTICES" value-name:"TOPIC" description:"The topic of the notices."`
	Tag         string   `long:"tag" default:"kefu" value-name:"TAG" description:"Their tag: others on the topic are left alone."`
	Group       string   `long:"group" default:"GID_KEFU" value-name:"GROUP" description:"The group of this installation's producers and broadcasting consumers."`
	Namespace   string   `long:"namespace" value-name:"NAMESPACE" description:"The namespace of topic and group."`
	AccessKey   string   `long:"access-key" value-name:"KEY" description:"The access key, where the brokers ask for one."`
	SecretKey   string   `long:"secret-key" value-name:"SECRET" description:"The secret of rocketmq.access_key."`
}

// DrainConfig is how a node says goodbye.
type DrainConfig struct {
	Delay  time.Duration `long:"delay" default:"5s" min:"0s" max:"5m" description:"How long a node that was asked to stop still accepts connections, so that the load balancer sees that it is not ready."`
	Spread time.Duration `long:"spread" default:"15s" min:"0s" max:"5m" description:"Over how long it then sends its connections to other nodes."`
}
