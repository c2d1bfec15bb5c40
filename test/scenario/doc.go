// Package scenario runs the real program as its own process, breaks it the way
// the world does (kill -9, power cuts, full disks, slow and hostile clients,
// lost deliveries), and has test/checker judge what clients saw and what the
// database holds. Its tests wait for events, never for time. They need Linux.
package scenario
