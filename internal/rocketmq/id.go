package rocketmq

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// ids makes the ids that messages are known by (UNIQ_KEY), and the client's own.
type ids struct {
	ip     [4]byte
	prefix [10]byte // address, process, random: 4 + 2 + 4
	count  atomic.Uint32
}

func newIDs(now time.Time) *ids {
	g := &ids{ip: localIPv4()}
	copy(g.prefix[:], g.ip[:])
	binary.BigEndian.PutUint16(g.prefix[4:], uint16(os.Getpid()))
	_, _ = rand.Read(g.prefix[6:]) // it never fails
	g.count.Store(uint32(now.UnixNano()))
	return g
}

// client is an id of the client, unique among processes: ip@process#random.
func (g *ids) client() string {
	return fmt.Sprintf("%s@%d#%x", net.IP(g.ip[:]), os.Getpid(), g.prefix[6:])
}

// message is a message's id: 32 hexadecimal digits, of the prefix, the
// milliseconds since the month began (u32) and a counter (u16).
func (g *ids) message(now time.Time) string {
	now = now.UTC()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	id := binary.BigEndian.AppendUint32(g.prefix[:len(g.prefix):len(g.prefix)], uint32(now.Sub(month).Milliseconds()))
	id = binary.BigEndian.AppendUint16(id, uint16(g.count.Add(1)))
	return strings.ToUpper(hex.EncodeToString(id))
}

// localIPv4 is an address of this host by which others may know it.
func localIPv4() [4]byte {
	addrs, _ := net.InterfaceAddrs() // none is no harm: it is a part of a name
	for _, addr := range addrs {
		if n, ok := addr.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			return [4]byte(n.IP.To4())
		}
	}
	return [4]byte{127, 0, 0, 1}
}
