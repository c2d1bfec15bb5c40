package store

import (
	"bytes"
	"hash"

	"golang.org/x/crypto/blake2b"
)

// fingerprintSize is in bytes: enough to tell two bodies of one client_id apart,
// too little to search bodies by it.
const fingerprintSize = 8

// fingerprinter hashes commands with the database's own key, so that a copied
// row alone says nothing about an erased text. Used by one goroutine.
type fingerprinter struct{ hash hash.Hash }

func newFingerprinter(key []byte) *fingerprinter {
	h, err := blake2b.New(fingerprintSize, key)
	if err != nil { // the key is made by this program
		panic("store: " + err.Error())
	}
	return &fingerprinter{hash: h}
}

func (f *fingerprinter) of(command []byte) []byte {
	f.hash.Reset()
	_, _ = f.hash.Write(command) // never fails
	return f.hash.Sum(make([]byte, 0, fingerprintSize))
}

// sameCommand compares with a stored fingerprint; an erased one fits every command.
func sameCommand(stored, given []byte) bool { return len(stored) == 0 || bytes.Equal(stored, given) }
