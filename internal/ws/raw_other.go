//go:build !unix

package ws

import (
	"errors"
	"net"
	"syscall"
)

// rawConn gives nothing here: connections use the blocking reader and writer.
func rawConn(net.Conn) syscall.RawConn { return nil }

func readFD(uintptr, []byte) (int, bool, error) { return 0, false, errors.ErrUnsupported }

func writeFD(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }
