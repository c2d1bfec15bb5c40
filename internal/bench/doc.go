// Package bench measures a server from outside, as its clients meet it: a load
// generator in one process, the server in another, whose CPU and memory are read
// from /proc. A bare yardstick of the same run stands beside each figure, because
// only their ratio says something about another machine.
//
// Everything is bounded in number and time, and goes to this machine only.
package bench
