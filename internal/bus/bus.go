// Package bus carries notices between nodes. A notice is a hint: it may be
// lost, repeated or come out of order; whoever needs the truth reads the
// database. What is carried are bytes: a bus that leaves the process seals
// them before they go.
package bus

// Features are what a bus does beyond its duty.
type Features struct {
	// Ordered: the notices of one node on one topic come in their order.
	Ordered bool
	// Filtered: only notices of joined topics reach this node; otherwise the bus
	// drops the others after they came.
	Filtered bool
}

// Receive takes a notice of another node. It is called by one goroutine at a
// time and must not block for long. The notice may be kept.
type Receive func(topic string, notice []byte)

// MaxNotice bounds a notice, in bytes.
const MaxNotice = 64 << 10

// MaxTopic bounds a topic's name, in bytes; names are ASCII letters, digits, '-'
// and '_', in parts separated by single '/'.
const MaxTopic = 96

// Bus carries notices. All methods but Start and Close return at once, and are
// safe for concurrent use.
type Bus interface {
	// Start begins to deliver to receive the notices of topics that are joined,
	// except this node's own.
	Start(receive Receive) error
	// Publish sends a notice to the other nodes that joined the topic. It may be lost.
	Publish(topic string, notice []byte)
	// Join and Leave change what this node gets; repeating them changes nothing.
	Join(topic string)
	Leave(topic string)
	// Alone tells that there can be no other node: then nothing need be published.
	Alone() bool
	Features() Features
	Stats() Stats
	// Close stops the delivery; receive is not called after it has returned.
	Close()
}

// Stats are what a bus has counted since its start.
type Stats struct {
	// Up tells whether it is connected now; a bus within the process always is.
	Up bool
	// Published and Received are notices that went and came; Lost could not be
	// sent, or found no room; Refused came but were not sealed by this cluster.
	Published, Received, Lost, Refused int64
	// Reconnects is how often a lost connection came back.
	Reconnects int64
	// Leaving and Arriving are notices that wait now: to be sent, and to be read.
	Leaving, Arriving int64
}
