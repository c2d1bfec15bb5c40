package engines

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// RocketMQVersions are the versions that tests run against. Both name server and
// broker of a version come as Maven artifacts, see rocketmq/pom.xml.
func RocketMQVersions() []string { return []string{"5.5.0", "4.9.7"} }

// javaWithin is how long one of these servers may take until it answers: 3 to 5 s
// of work, on a machine that may have much else to do.
const javaWithin = 4 * time.Minute

// RocketMQ is a real broker with its name servers.
type RocketMQ struct {
	NameServers []*NameServer
	Broker      *Process
	BrokerPort  int
	Version     string
	dir         string
}

// NameServer is one of a RocketMQ's name servers.
type NameServer struct {
	*Process
	Addr string // host:port
}

// RocketMQSpec says what StartRocketMQ starts.
type RocketMQSpec struct {
	Version     string
	NameServers int               // 1 if it is 0
	Settings    map[string]string // further lines of broker.conf
	Files       map[string]string // further files of the servers' home, by their path in it
}

// Names are the addresses of the name servers.
func (r *RocketMQ) Names() []string {
	var all []string
	for _, n := range r.NameServers {
		all = append(all, n.Addr)
	}
	return all
}

// SharedRocketMQ is the RocketMQ of a version, with two name servers, that the
// tests of this process share.
func SharedRocketMQ(t testing.TB, version string) *RocketMQ {
	t.Helper()
	return sharedRocketMQ[version].get(t, func() (*RocketMQ, error) {
		r, err := newRocketMQ(t, RocketMQSpec{Version: version, NameServers: 2})
		if r != nil {
			atEnd(r.kill)
		}
		return r, err
	})
}

var sharedRocketMQ = map[string]*shared[*RocketMQ]{"5.5.0": {}, "4.9.7": {}}

// StartRocketMQ starts a RocketMQ of the test's own. It ends with the test.
func StartRocketMQ(t testing.TB, spec RocketMQSpec) *RocketMQ {
	t.Helper()
	r, err := newRocketMQ(t, spec)
	if r != nil {
		t.Cleanup(r.kill)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *RocketMQ) kill() {
	if r.Broker != nil {
		r.Broker.Kill()
	}
	for _, n := range r.NameServers {
		n.Kill()
	}
}

func newRocketMQ(t testing.TB, spec RocketMQSpec) (*RocketMQ, error) {
	java := Find(t, "java")
	jars := rocketMQJars(t, spec.Version)
	dir, err := folderFor("rocketmq", "")
	if err != nil {
		return nil, err
	}
	r := &RocketMQ{Version: spec.Version, dir: dir}
	files := map[string]string{"conf/logback_namesrv.xml": "<configuration/>", "conf/logback_broker.xml": logOnConsole}
	for path, text := range spec.Files {
		files[path] = text
	}
	for path, text := range files {
		if err := r.write(path, text); err != nil {
			return nil, err
		}
	}
	for i := range max(spec.NameServers, 1) {
		if err := r.startNameServer(t, java, jars, i); err != nil {
			return r, err
		}
	}
	return r, r.startBroker(t, java, jars, spec.Settings)
}

// logOnConsole has a broker of version 4 say why it ends.
const logOnConsole = `<configuration><appender name="console" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %p %c - %m%n</pattern></encoder></appender>
<root level="WARN"><appender-ref ref="console"/></root></configuration>`

func (r *RocketMQ) write(path, text string) error {
	full := filepath.Join(r.dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	return os.WriteFile(full, []byte(text), 0o600)
}

// smallJava are arguments by which a server starts fast and stays small. Version 4,
// made for Java 8, opens its memory maps by reflection, or cannot start again.
func (r *RocketMQ) smallJava(jars, heap string) []string {
	return []string{
		"-Xms64m", "-Xmx" + heap, "-XX:MaxDirectMemorySize=256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED", "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
		"-Drocketmq.home.dir=" + r.dir, "-Duser.home=" + r.dir, "-cp", filepath.Join(jars, "*"),
	}
}

func (r *RocketMQ) startNameServer(t testing.TB, java, jars string, i int) error {
	port, name := FreePort(t), fmt.Sprintf("names%d", i)
	conf := fmt.Sprintf("listenPort=%d\nkvConfigPath=%s\nconfigStorePath=%s\n", port,
		filepath.Join(r.dir, name, "kv.json"), filepath.Join(r.dir, name, "names.properties"))
	if err := r.write(name+".conf", conf); err != nil {
		return err
	}
	args := append(r.smallJava(jars, "256m"), "org.apache.rocketmq.namesrv.NamesrvStartup", "-c", filepath.Join(r.dir, name+".conf"))
	p, err := Start("name server", Spec{Path: java, Args: args, Dir: r.dir, Ready: Listening(port), Within: javaWithin})
	if err == nil {
		r.NameServers = append(r.NameServers, &NameServer{Process: p, Addr: "127.0.0.1:" + strconv.Itoa(port)})
	}
	return err
}

func (r *RocketMQ) startBroker(t testing.TB, java, jars string, settings map[string]string) error {
	r.BrokerPort = FreePort(t, -2, 1)
	all := map[string]string{
		"brokerClusterName": "kefu-test", "brokerName": "broker-a", "brokerId": "0", "brokerIP1": "127.0.0.1",
		"listenPort": strconv.Itoa(r.BrokerPort), "haListenPort": strconv.Itoa(r.BrokerPort + 1), "namesrvAddr": strings.Join(r.Names(), ";"),
		"storePathRootDir": filepath.Join(r.dir, "store"), "storePathCommitLog": filepath.Join(r.dir, "store", "commitlog"),
		"mappedFileSizeCommitLog": "67108864", "autoCreateTopicEnable": "true", "diskMaxUsedSpaceRatio": "98",
		"registerNameServerPeriod": "10000", // the least that it may be
		"transactionCheckInterval": "5000", "transactionTimeOut": "4000",
		"waitTimeMillsInSendQueue": "60000", // a busy machine's broker would drop what is sent one way after 200 ms
	}
	for name, value := range settings {
		all[name] = value
	}
	var conf strings.Builder
	for name, value := range all {
		fmt.Fprintf(&conf, "%s=%s\n", name, value)
	}
	if err := r.write("broker.conf", conf.String()); err != nil {
		return err
	}
	args := append(r.smallJava(jars, "512m"), "org.apache.rocketmq.broker.BrokerStartup", "-c", filepath.Join(r.dir, "broker.conf"))
	var err error
	r.Broker, err = Start("broker", Spec{Path: java, Args: args, Dir: r.dir, Ready: r.registered, Within: javaWithin})
	return err
}

// registered tells whether all name servers know the broker, by the route of the
// topic from which brokers make others, and whether the broker itself listens.
func (r *RocketMQ) registered(ctx context.Context) error {
	for _, n := range r.NameServers {
		body, err := askNameServer(ctx, n.Addr, `{"code":105,"language":"GO","version":479,"opaque":1,"flag":0,"extFields":{"topic":"TBW102","acceptStandardJsonOnly":"true"},"serializeTypeCurrentRPC":"JSON"}`)
		if err != nil {
			return err
		}
		if !strings.Contains(body, strconv.Itoa(r.BrokerPort)) {
			return fmt.Errorf("the name server at %s does not know the broker yet: %s", n.Addr, body)
		}
	}
	return Listening(r.BrokerPort)(ctx)
}

// AwaitRegistered waits until all name servers know the broker, after one was restarted.
func (r *RocketMQ) AwaitRegistered(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), javaWithin)
	defer cancel()
	for {
		err := r.registered(ctx)
		if err == nil {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}

// askNameServer sends one request without a body, and gives header and body of the answer.
func askNameServer(ctx context.Context, addr, header string) (string, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(header)))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(header)))
	if _, err := conn.Write(append(frame, header...)); err != nil {
		return "", err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return "", err
	}
	answer := make([]byte, min(binary.BigEndian.Uint32(size[:]), 1<<20))
	_, err = io.ReadFull(conn, answer)
	return string(answer), err
}

// rocketMQJars is the folder with a version's jars, fetched by Maven if they are not there.
func rocketMQJars(t testing.TB, version string) string {
	cache := os.Getenv("TEST_CACHE")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(home, ".cache", "kefu")
	}
	jars := filepath.Join(cache, "rocketmq-"+version)
	if hasJars(jars, version) {
		return jars
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(jars + ".lock") // other test processes want them too
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if hasJars(jars, version) {
		return jars
	}
	root, err := projectFolder()
	if err != nil {
		t.Fatal(err)
	}
	half := jars + ".part"
	cmd := exec.Command(Find(t, "mvn"), "-q", "-B", "-f", filepath.Join(root, "test", "engines", "rocketmq", "pom.xml"),
		"dependency:copy-dependencies", "-DincludeScope=runtime", "-Drocketmq.version="+version, "-DoutputDirectory="+half)
	if out, err := cmd.CombinedOutput(); err != nil || !hasJars(half, version) {
		t.Logf("mvn: %v\n%s", err, out)
		Missing(t, "RocketMQ "+version+", which Maven could not fetch,")
	}
	if err := os.Rename(half, jars); err != nil {
		t.Fatal(err)
	}
	return jars
}

// hasJars tells whether a folder has the jars by which the servers start.
func hasJars(dir, version string) bool {
	for _, part := range []string{"namesrv", "broker", "remoting", "store", "common"} {
		if _, err := os.Stat(filepath.Join(dir, "rocketmq-"+part+"-"+version+".jar")); err != nil {
			return false
		}
	}
	return true
}
