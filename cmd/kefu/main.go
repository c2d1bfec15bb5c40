// Command kefu is live chat between a website's visitors and its team.
package main

import (
	"context"
	"os"

	"github.com/kefu-chat/kefu/internal/app"
	"github.com/kefu-chat/kefu/internal/bench"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(app.Main(os.Args[1:], os.Environ(), app.Process{
		Context: context.Background(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Version: version,
	}, bench.NewCommands()))
}
