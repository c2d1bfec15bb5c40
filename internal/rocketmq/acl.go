package rocketmq

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"slices"
)

// Credentials are what a server with access control asks for.
type Credentials struct {
	AccessKey     string
	SecretKey     string
	SecurityToken string // for temporary keys; else empty
}

const (
	extAccessKey     = "AccessKey"
	extSecurityToken = "SecurityToken"
	extSignature     = "Signature"
)

// sign puts access key and signature into a command that is complete otherwise:
// the HMAC of all other fields' values, in the order of their names, and the body.
func (k *Credentials) sign(c *command) {
	if k.AccessKey == "" {
		return
	}
	if c.ext == nil {
		c.ext = map[string]string{}
	}
	c.ext[extAccessKey] = k.AccessKey
	if k.SecurityToken != "" {
		c.ext[extSecurityToken] = k.SecurityToken
	}
	delete(c.ext, extSignature)
	mac := hmac.New(sha1.New, []byte(k.SecretKey))
	for _, name := range slices.Sorted(maps.Keys(c.ext)) {
		mac.Write([]byte(c.ext[name]))
	}
	mac.Write(c.body)
	c.ext[extSignature] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
