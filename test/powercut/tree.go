//go:build linux

package powercut

import (
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"
)

// node is a file, a directory or a symbolic link.
type node struct {
	id       uint64
	mode     uint32 // type and permissions, as in stat(2)
	uid, gid uint32
	changed  time.Time
	links    int    // live names; a directory counts one
	lookups  uint64 // references that the kernel holds

	content content          // regular files
	target  string           // symbolic links
	live    map[string]*node // directories: what processes see
	stable  map[string]*node // directories: what a cut leaves

	volatile bool // SQLite's shared memory: never durable, alive until Restore
}

func (n *node) kind() uint32    { return n.mode & syscall.S_IFMT }
func (n *node) isDir() bool     { return n.kind() == syscall.S_IFDIR }
func (n *node) isRegular() bool { return n.kind() == syscall.S_IFREG }

// edit says that a directory's name now means node, or nothing if node is nil.
type edit struct {
	dir  *node
	name string
	node *node
}

// change is one step that happens wholly or not at all: one edit, or the two of a rename.
type change []edit

func (c change) touches(dirs map[*node]struct{}) bool {
	return slices.ContainsFunc(c, func(e edit) bool { _, yes := dirs[e.dir]; return yes })
}

// tree is everything under the mount, with the changes of names that no fsync of a directory has made durable yet.
type tree struct {
	root    *node
	nodes   map[uint64]*node
	lastID  uint64
	journal []change
}

// newTree answers an empty tree whose nodes are numbered from after lastID, so that a kernel which still remembers
// nodes of an earlier tree never takes one for another. The root is always node 1.
func newTree(rootMode uint32, lastID uint64) *tree {
	t := &tree{nodes: map[uint64]*node{}, lastID: max(lastID, 1)}
	t.root = newNode(1, syscall.S_IFDIR|rootMode)
	t.root.links = 1
	t.nodes[1] = t.root
	return t
}

func newNode(id uint64, mode uint32) *node {
	n := &node{id: id, mode: mode, changed: time.Now()}
	switch n.kind() {
	case syscall.S_IFDIR:
		n.live, n.stable = map[string]*node{}, map[string]*node{}
	case syscall.S_IFREG:
		n.content = newContent(image{})
	}
	return n
}

func (t *tree) add(mode uint32, name string) *node {
	t.lastID++
	n := newNode(t.lastID, mode)
	n.volatile = n.isRegular() && strings.HasSuffix(name, "-shm")
	t.nodes[n.id] = n
	return n
}

// apply makes a change visible and remembers it until its directory is synced.
func (t *tree) apply(edits ...edit) {
	now := time.Now()
	for _, e := range edits {
		if old := e.dir.live[e.name]; old != nil {
			old.links--
		}
		if e.node != nil {
			e.dir.live[e.name] = e.node
			e.node.links++
		} else {
			delete(e.dir.live, e.name)
		}
		e.dir.changed = now
	}
	t.journal = append(t.journal, edits)
}

func settle(c change) {
	for _, e := range c {
		if e.node == nil {
			delete(e.dir.stable, e.name)
		} else {
			e.dir.stable[e.name] = e.node
		}
	}
}

// syncDir makes the names in dir durable. A rename takes its other directory along, and with it that directory's
// earlier changes, for they must not come after it.
func (t *tree) syncDir(dir *node) {
	dirs := map[*node]struct{}{dir: {}}
	chosen := make([]bool, len(t.journal))
	for i, c := range slices.Backward(t.journal) {
		if chosen[i] = c.touches(dirs); chosen[i] {
			for _, e := range c {
				dirs[e.dir] = struct{}{}
			}
		}
	}
	var rest []change
	for i, c := range t.journal {
		if chosen[i] {
			settle(c)
		} else {
			rest = append(rest, c)
		}
	}
	t.journal = rest
}

// settleFirst makes the first count changes durable, in their order.
func (t *tree) settleFirst(count int) {
	for _, c := range t.journal[:count] {
		settle(c)
	}
	t.journal = t.journal[count:]
}

// forget drops a node that has neither a name nor a process, and answers how many pages it held.
func (t *tree) forget(id, lookups uint64) (freed int) {
	n := t.nodes[id]
	if n == nil {
		return 0
	}
	n.lookups -= min(lookups, n.lookups)
	if n.lookups > 0 || n.links > 0 || n == t.root {
		return 0
	}
	delete(t.nodes, id)
	return n.content.held()
}

// sortedNames answers the names of a directory's map in a stable order.
func sortedNames(entries map[string]*node) []string {
	return slices.Sorted(maps.Keys(entries))
}
