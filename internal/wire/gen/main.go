// Command gen writes the TypeScript twins of the frames: web/client/src/wire.gen.ts.
// It reads the sources of wire, chat and site, so that names, fields, values
// and comments have one home.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen ROOT, the folder with go.mod")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func target(root string) string {
	return filepath.Join(root, "web", "client", "src", "wire.gen.ts")
}

func write(root string) error {
	text, err := generate(root)
	if err != nil {
		return err
	}
	return os.WriteFile(target(root), text, 0o644)
}
