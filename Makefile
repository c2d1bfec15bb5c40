# make run   builds the pages and the server, and starts it on :8080 with its data under ./data
# make test  installs what it needs, and runs every test
GOFLAGS ?= -trimpath
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X main.version=$(VERSION)

.PHONY: run build web test test-all lint generate bench clean

run: build
	./bin/kefu serve

build: web
	CGO_ENABLED=0 go build $(GOFLAGS) -ldflags '$(LDFLAGS)' -o bin/kefu ./cmd/kefu

# The pages are built again only when something under web/ is newer than the last build.
web: web/dist/widget.js.gz

WEB_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -path 'web/build/manifest/*' 2>/dev/null)

web/dist/widget.js.gz: web/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web && NODE_ENV=production npm run build --loglevel=error
	@touch $@

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --loglevel=error --no-progress
	@touch $@

test:
	./test/run

test-all:
	./test/run --all

lint:
	./test/run lint

generate: clients/typescript/node_modules/.package-lock.json
	go generate ./...
	cd clients/go && go generate ./...
	cd clients/typescript && npm run generate --silent

clients/typescript/node_modules/.package-lock.json: clients/typescript/package-lock.json
	cd clients/typescript && npm ci --loglevel=error --no-progress
	@touch $@

bench: build
	./test/bench

clean:
	rm -rf bin web/node_modules clients/typescript/node_modules clients/typescript/dist
	cd web && find dist -mindepth 1 -not -name .gitkeep -delete
