package chat

import (
	"fmt"
	"strconv"
	"strings"
)

// Picture names a picture that anybody may see: an agent's portrait or a site's
// logo. It is never changed: another picture has another name. Zero: there is none.
type Picture struct {
	File FileID
	// Key is random, so that nobody finds pictures by counting; at least 1.
	Key int64
}

// PicturesPath is where pictures are, on every node.
const PicturesPath = "/pictures/"

// Address is where the picture is, a path on this server; empty: there is none.
func (p Picture) Address() string {
	if p == (Picture{}) {
		return ""
	}
	return PicturesPath + strconv.FormatInt(int64(p.File), 36) + "-" + strconv.FormatInt(p.Key, 36)
}

// ParsePicture reads what follows PicturesPath, in the one form that Address writes.
func ParsePicture(name string) (Picture, error) {
	file, key, _ := strings.Cut(name, "-")
	id, errFile := strconv.ParseInt(file, 36, 64)
	n, errKey := strconv.ParseInt(key, 36, 64)
	p := Picture{FileID(id), n}
	if errFile != nil || errKey != nil || id <= 0 || n <= 0 || p.Address() != PicturesPath+name {
		return Picture{}, fmt.Errorf("%.40q names no picture", name)
	}
	return p, nil
}
