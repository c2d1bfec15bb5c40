package presence

import (
	"sync"

	"github.com/kefu-chat/kefu/internal/chat"
)

// view is a picture that is read while it changes.
type view struct {
	mu      sync.RWMutex
	picture picture
}

// Agent implements Registry.
func (v *view) Agent(agent chat.AgentID) State {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.picture.agent(agent)
}

// ByID implements Registry.
func (v *view) ByID(site chat.SiteID, id chat.VisitorID) (*Visitor, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.picture.byID(site, id)
}

// ByKey implements Registry.
func (v *view) ByKey(site chat.SiteID, key Key) (*Visitor, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.picture.byKey(site, key)
}

// Nodes implements Registry.
func (v *view) Nodes(site chat.SiteID, id chat.VisitorID) []string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.picture.nodes(site, id)
}

// Count implements Registry.
func (v *view) Count(site chat.SiteID) int64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.picture.count(site)
}

// Visitors implements Registry.
func (v *view) Visitors(site chat.SiteID, limit int) ([]*Visitor, uint64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.picture.newest(site, limit)
}

// Changed implements Registry.
func (v *view) Changed(site chat.SiteID, after uint64) ([]*Visitor, uint64, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.picture.changed(site, after)
}
