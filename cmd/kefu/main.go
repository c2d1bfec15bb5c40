// Command kefu is live chat between a website's visitors and its team.
package main

import (
	"os"

	"github.com/kefu-chat/kefu/internal/app"
	"github.com/kefu-chat/kefu/internal/bench"
)

func main() {
	os.Exit(app.Main(os.Args[1:], os.Environ(), app.OwnStreams(), &bench.Commands{}))
}
