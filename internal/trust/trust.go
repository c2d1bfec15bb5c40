// Package trust reads the certificates that vouch for others.
package trust

import (
	"crypto/x509"
	"fmt"
	"os"
)

// Only reads certificates in PEM; nobody else's vouch for anybody then.
func Only(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM: expected one or more that begin with -----BEGIN CERTIFICATE-----", file)
	}
	return pool, nil
}
