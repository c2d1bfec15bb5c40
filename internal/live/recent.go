package live

// recentMost bounds how many are remembered in each generation.
const recentMost = 4096

// recent remembers values by who was there lately, in two generations: who is not
// asked for while one fills up begins anew. The zero value is empty.
type recent[K comparable, V any] struct{ now, old map[K]*V }

// of is the value of a key, a zero one where none is remembered.
func (r *recent[K, V]) of(key K) *V {
	one := r.now[key]
	if one != nil {
		return one
	}
	if one = r.old[key]; one == nil {
		one = new(V)
	}
	if r.now == nil || len(r.now) >= recentMost {
		r.old, r.now = r.now, map[K]*V{}
	}
	r.now[key] = one
	return one
}
