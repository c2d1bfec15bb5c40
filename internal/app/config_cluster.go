package app

import "time"

// AdminConfig is the port of who runs Kefu, apart from the public one.
type AdminConfig struct {
	Listen string `name:"listen" placeholder:"ADDRESS" help:"Where /healthz, /readyz and /metrics are answered, such as 127.0.0.1:9091. Nowhere unless it is set: whoever reaches it can read the figures."`
}

// TLSConfig is how HTTPS is served by Kefu itself, without a proxy.
type TLSConfig struct {
	Domain        []string `name:"domain" aliases:"domain" placeholder:"NAME" help:"Names for which a certificate is asked from the authority at tls.directory, and renewed. Port 443 and port 80 must reach this program."`
	Email         string   `name:"email" placeholder:"ADDRESS" help:"Where the authority writes when a certificate is about to end."`
	Directory     string   `name:"directory" default:"https://acme-v02.api.letsencrypt.org/directory" placeholder:"URL" help:"The ACME directory of the authority that makes the certificates."`
	DirectoryRoot string   `name:"directory-root" placeholder:"FILE" help:"Certificates in PEM that vouch for tls.directory, where the system's do not."`
	PlainListen   string   `name:"plain-listen" unset:":80 with HTTPS" placeholder:"ADDRESS" help:"Where plain HTTP is answered beside HTTPS: the authority's challenges, and a redirect for everybody else. none: nowhere. With tls.certificate and a listen of your own, nowhere unless it is set."`
	Certificate   string   `name:"certificate" placeholder:"FILE" help:"A certificate chain in PEM, instead of tls.domain. It is read again when the file changes."`
	Key           string   `name:"key" placeholder:"FILE" help:"The key of tls.certificate, in PEM."`
}

// DatabaseConfig is where and how safely messages are kept.
type DatabaseConfig struct {
	URL         string `name:"url" placeholder:"URL" help:"The database: mysql://USER:PASSWORD@HOST:3306/NAME or postgres://USER:PASSWORD@HOST:5432/NAME. Without it SQLite in the data folder, for one node."`
	ReplicaURL  string `name:"replica-url" placeholder:"URL" help:"A replica of database.url. It answers what may be a little old: earlier pages of a conversation."`
	Connections int    `name:"connections" default:"16" min:"2" max:"1000" help:"Connections of this node that read, where the database is a server."`
	Committers  int    `name:"committers" default:"2" min:"1" max:"64" help:"Connections of this node that commit messages, where the database is a server. Fewer commit more messages at once, and cost less; more help where a commit takes long."`
	Synchronous string `name:"synchronous" default:"full" enum:"full,extra,normal,off" help:"SQLite's setting. Less than full may lose acknowledged messages at a power cut, and is refused unless database.relaxed allows it."`
	Relaxed     bool   `name:"relaxed" default:"false" help:"Allow a database that may lose acknowledged messages at a power cut."`
}

// BusConfig is what carries notices between nodes.
type BusConfig struct {
	Kind string `name:"kind" default:"memory" enum:"memory,mesh,nats,redis,rocketmq" help:"What carries notices between nodes: memory (one node), mesh (the nodes themselves), nats, redis or rocketmq."`
}

// MeshConfig is how nodes reach one another without a broker.
type MeshConfig struct {
	Listen      string   `name:"listen" placeholder:"ADDRESS" help:"Where the other nodes reach this one, such as 10.0.0.5:6222."`
	Advertise   string   `name:"advertise" placeholder:"ADDRESS" help:"What the others are told to call, where that is not mesh.listen."`
	Peers       []string `name:"peers" placeholder:"ADDRESS" help:"Some of the other nodes, host:port, separated by commas; each tells of those that it knows. This node itself may be among them."`
	Secret      string   `name:"secret" placeholder:"SECRET" help:"What all nodes of the mesh share, 16 characters or more."`
	Certificate string   `name:"certificate" placeholder:"FILE" help:"This node's certificate in PEM, to encrypt the mesh."`
	Key         string   `name:"key" placeholder:"FILE" help:"The key of mesh.certificate, in PEM."`
	Authority   string   `name:"authority" placeholder:"FILE" help:"Certificates in PEM that vouch for the other nodes'."`
}

// NATSConfig is an external NATS server.
type NATSConfig struct {
	URL         []string `name:"url" placeholder:"URL" help:"Servers, separated by commas: nats://USER:PASSWORD@HOST:4222, or tls://HOST:4222."`
	Credentials string   `name:"credentials" placeholder:"FILE" help:"A credentials file, as nsc makes it."`
	Authority   string   `name:"authority" placeholder:"FILE" help:"Certificates in PEM that vouch for the servers, where the system's do not."`
}

// RedisConfig is a Redis for presence, and for the bus if that is redis.
type RedisConfig struct {
	URL       string `name:"url" placeholder:"URL" help:"redis://USER:PASSWORD@HOST:6379/0, rediss:// with TLS; redis+cluster://HOST,HOST and redis+sentinel://HOST,HOST/MASTER for several (rediss+cluster, rediss+sentinel with TLS). Sentinels with a password of their own: ?sentinel_user=NAME&sentinel_password=PASSWORD at the end."`
	Authority string `name:"authority" placeholder:"FILE" help:"Certificates in PEM that vouch for the servers, where the system's do not."`
	Prefix    string `name:"prefix" default:"kefu" placeholder:"WORD" help:"What all keys and channels begin with, where several installations share a Redis."`
}

// RocketMQConfig is a RocketMQ, for the bus if that is rocketmq, and for "kefu rocketmq".
type RocketMQConfig struct {
	NameServers []string `name:"name-servers" placeholder:"ADDRESS" help:"Name servers, host:port, separated by commas."`
	Topic       string   `name:"topic" default:"KEFU_NOTICES" placeholder:"TOPIC" help:"The topic of the notices."`
	Tag         string   `name:"tag" default:"kefu" placeholder:"TAG" help:"Their tag: others on the topic are left alone."`
	Group       string   `name:"group" default:"GID_KEFU" placeholder:"GROUP" help:"The group of this installation's producers and broadcasting consumers."`
	Namespace   string   `name:"namespace" placeholder:"NAMESPACE" help:"The namespace of topic and group."`
	AccessKey   string   `name:"access-key" placeholder:"KEY" help:"The access key, where the brokers ask for one."`
	SecretKey   string   `name:"secret-key" placeholder:"SECRET" help:"The secret of rocketmq.access-key."`
}

// DrainConfig is how a node says goodbye.
type DrainConfig struct {
	Delay  time.Duration `name:"delay" default:"5s" min:"0s" max:"5m" help:"How long a node that was asked to stop still accepts connections, so that the load balancer sees that it is not ready."`
	Spread time.Duration `name:"spread" default:"15s" min:"0s" max:"5m" help:"Over how long it then sends its connections to other nodes."`
}
