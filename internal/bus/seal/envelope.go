// Package seal closes what nodes tell one another, so that a network that carries
// it can neither read nor forge it. Whoever holds the cluster's keys, which are
// rows of its database, is a node.
//
// An envelope of version 1 is
//
//	version 1 byte | key's number 4 bytes | length of node 1 byte | node | nonce 12 bytes | AES-256-GCM of the notice
//
// and binds all that stands before the nonce, and the topic. Numbers are big-endian.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	version1 = 1

	keyOffset  = 1
	nodeOffset = 6
	nonceSize  = 12
	tagSize    = 16

	// MaxNode bounds the name of a node, in bytes.
	MaxNode = 255
	// Overhead bounds what an envelope is longer than its notice, in bytes.
	Overhead = nodeOffset + MaxNode + nonceSize + tagSize
)

// Why an envelope is not opened.
var (
	// ErrVersion: it is of a later version, or not an envelope at all.
	ErrVersion = errors.New("not an envelope of a version that is known here")
	// ErrKey: it was sealed with a key that is not live.
	ErrKey = errors.New("sealed with a key that is not live here")
	// ErrGarbled: it is damaged, forged, or was meant for another topic.
	ErrGarbled = errors.New("damaged, or sealed by somebody else, or for another topic")
)

// header is what stands in an envelope in the clear.
type header struct {
	key   uint32
	node  string
	bound []byte // what is authenticated beside the topic
	rest  []byte // nonce and ciphertext
}

func parse(envelope []byte) (header, error) {
	if len(envelope) == 0 || envelope[0] != version1 {
		return header{}, ErrVersion
	}
	if len(envelope) < nodeOffset {
		return header{}, ErrGarbled
	}
	end := nodeOffset + int(envelope[nodeOffset-1])
	if end == nodeOffset || len(envelope) < end+nonceSize+tagSize {
		return header{}, ErrGarbled
	}
	return header{
		key:   binary.BigEndian.Uint32(envelope[keyOffset:]),
		node:  string(envelope[nodeOffset:end]),
		bound: envelope[:end],
		rest:  envelope[end:],
	}, nil
}

// Sender is the node that an envelope names. It may be a lie until the envelope is opened.
func Sender(envelope []byte) (node string, ok bool) {
	h, err := parse(envelope)
	return h.node, err == nil
}

func newAEAD(secret [SecretSize]byte) cipher.AEAD {
	block, err := aes.NewCipher(secret[:])
	if err != nil {
		panic(err) // the size is right
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the block size that GCM wants
	}
	return aead
}

// close1 makes an envelope of version 1.
func close1(key uint32, aead cipher.AEAD, topic, node string, notice []byte) ([]byte, error) {
	if node == "" || len(node) > MaxNode {
		return nil, fmt.Errorf("a node's name has %d bytes: expected 1 to %d", len(node), MaxNode)
	}
	bound := nodeOffset + len(node)
	envelope := make([]byte, bound+nonceSize, bound+nonceSize+len(notice)+tagSize)
	envelope[0] = version1
	binary.BigEndian.PutUint32(envelope[keyOffset:], key)
	envelope[nodeOffset-1] = byte(len(node))
	copy(envelope[nodeOffset:], node)
	nonce := envelope[bound:]
	_, _ = rand.Read(nonce) // it never fails: see crypto/rand
	return aead.Seal(envelope, nonce, notice, bind(envelope[:bound], topic)), nil
}

func open1(h header, aead cipher.AEAD, topic string) ([]byte, error) {
	notice, err := aead.Open(nil, h.rest[:nonceSize], h.rest[nonceSize:], bind(h.bound, topic))
	if err != nil {
		return nil, ErrGarbled
	}
	return notice, nil
}

// bind needs no separator: the head of an envelope tells its own length.
func bind(head []byte, topic string) []byte {
	both := make([]byte, 0, len(head)+len(topic))
	return append(append(both, head...), topic...)
}
