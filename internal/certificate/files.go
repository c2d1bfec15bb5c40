package certificate

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// maxFile bounds what is read of a certificate or key, in bytes.
const maxFile = 1 << 20

// Files has a certificate that somebody else keeps fresh in two files.
type Files struct {
	certificate, key string
	log              *slog.Logger

	current     atomic.Pointer[tls.Certificate]
	chain, seal []byte // what was last looked at; the loop's
	failed      string // the last failure that was logged

	stop, ended chan struct{}
}

// Watch reads the files, and again whenever they have changed; it looks for that
// so often. A new file that cannot be used is logged once and the old certificate
// is kept. Errors: the files cannot be used now.
func Watch(certificate, key string, every time.Duration, log *slog.Logger) (*Files, error) {
	f := &Files{certificate: certificate, key: key, log: log, stop: make(chan struct{}), ended: make(chan struct{})}
	if _, err := f.look(); err != nil {
		return nil, err
	}
	go f.run(every)
	return f, nil
}

// Close stops looking.
func (f *Files) Close() {
	close(f.stop)
	<-f.ended
}

func (f *Files) run(every time.Duration) {
	defer close(f.ended)
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-f.stop:
			return
		case <-ticks.C:
		}
		changed, err := f.look()
		switch {
		case err != nil && err.Error() != f.failed:
			f.failed = err.Error()
			f.log.Error("the new certificate cannot be used, the old one is shown on", "error", err)
		case err == nil && changed:
			f.failed = ""
			f.log.Info("the certificate was read again", "until", f.NotAfter().UTC())
		}
	}
}

// look reads the files and uses them if they are other ones.
func (f *Files) look() (changed bool, err error) {
	chain, err := readFile(f.certificate)
	if err != nil {
		return false, err
	}
	key, err := readFile(f.key)
	if err != nil {
		return false, err
	}
	if bytes.Equal(chain, f.chain) && bytes.Equal(key, f.seal) {
		return false, nil
	}
	c, err := parse(chain, key)
	if err != nil {
		return false, fmt.Errorf("%s with the key %s: %w", f.certificate, f.key, err)
	}
	f.chain, f.seal = chain, key
	f.current.Store(c)
	return true, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is longer than %d bytes: it is no certificate and no key", path, maxFile)
	}
	return os.ReadFile(path)
}

// NotAfter is when the certificate ends.
func (f *Files) NotAfter() time.Time { return f.current.Load().Leaf.NotAfter }

// TLS is how a listener shows the certificate.
func (f *Files) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols(), GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return f.current.Load(), nil
	}}
}
