//go:build !faults

package app

// handleWitnesses handles no job: the kind is a test's, in builds with -tags faults.
func (a *App) handleWitnesses() {}
