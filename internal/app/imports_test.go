package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kefu-chat/kefu/"

// arrows say what each part of the house may import of the others. Packages
// below a part (store/storetest) belong to it. A part that is not here fails the
// test: name it, and what it may see.
var arrows = map[string][]string{
	"cmd/kefu":             {"internal/app", "internal/bench"},
	"internal/app":         {"*"},
	"internal/server":      {"internal/live", "internal/retention", "internal/webhook", "internal/atp", "internal/legacy", "internal/push", "internal/audit", "internal/chat", "internal/identity", "internal/site", "internal/files", "internal/broadcast", "internal/jobs", "internal/presence", "internal/wire", "internal/ws", "web"},
	"internal/live":        {"internal/audit", "internal/retention", "internal/push", "internal/chat", "internal/identity", "internal/site", "internal/files", "internal/broadcast", "internal/jobs", "internal/presence", "internal/bus", "internal/wire", "internal/ws"},
	"internal/atp":         {"internal/live", "internal/legacy", "internal/chat", "internal/identity", "internal/presence", "internal/wire", "internal/ws"},
	"internal/store":       {"internal/audit", "internal/portrait", "internal/webhook", "internal/retention", "internal/legacy", "internal/push", "internal/chat", "internal/identity", "internal/site", "internal/files", "internal/broadcast", "internal/jobs", "internal/presence", "internal/bus/seal"},
	"internal/bench":       {"internal/wire", "internal/ws", "internal/store", "internal/chat", "internal/client", "internal/site", "internal/identity"},
	"internal/client":      {"internal/wire", "internal/ws", "internal/chat"}, // an agent's and a visitor's program, for bench and test
	"internal/metrics":     {"internal/live", "internal/bus", "internal/ws", "internal/store", "internal/chat", "internal/wire"},
	"internal/wire":        {"internal/chat"},
	"internal/bus":         {"internal/bus/seal", "internal/rocketmq", "internal/redis", "internal/trust"},
	"internal/bus/seal":    {}, // its keys are rows, so the store sees it
	"internal/rocketmq":    {},
	"internal/redis":       {"internal/trust"},
	"internal/trust":       {},
	"internal/ws":          {},
	"internal/certificate": {},
	"internal/outbound":    {},
	"internal/portrait":    {"internal/chat", "internal/files", "internal/jobs", "internal/outbound"},
	"internal/webhook":     {"internal/chat", "internal/audit", "internal/site", "internal/jobs", "internal/outbound"},
	"internal/faults":      {}, // every part may ask it; it asks nobody

	// The nouns look only toward chat and site, and toward audit, where their deeds are written down.
	"internal/chat":      {},
	"internal/audit":     {"internal/chat"},
	"internal/site":      {"internal/chat", "internal/audit"},
	"internal/identity":  {"internal/chat", "internal/audit", "internal/site"},
	"internal/files":     {"internal/chat", "internal/audit", "internal/site"},
	"internal/broadcast": {"internal/chat", "internal/audit", "internal/site", "internal/jobs"},
	"internal/jobs":      {"internal/chat", "internal/audit", "internal/site"},
	"internal/presence":  {"internal/chat", "internal/site", "internal/redis"},
	"internal/push":      {"internal/chat", "internal/audit", "internal/site"},
	"internal/legacy":    {"internal/chat", "internal/audit", "internal/site"},
	"internal/retention": {"internal/chat", "internal/audit", "internal/site", "internal/files", "internal/jobs"},

	"web":  {},
	"test": {"*"},
}

// ownedBy names the libraries that only one part may know.
var ownedBy = map[string]string{
	"database/sql":                     "internal/store",
	"github.com/uptrace/bun":           "internal/store",
	"modernc.org/sqlite":               "internal/store",
	"github.com/pressly/goose/v3":      "internal/store",
	"github.com/gobwas/ws":             "internal/ws",
	"github.com/danielgtaylor/huma/v2": "internal/server",
	"github.com/goccy/go-yaml":         "internal/app",
	"golang.org/x/crypto/argon2":       "internal/identity",
	"github.com/golang-jwt/jwt/v5":     "internal/identity",

	"github.com/minio/minio-go/v7":        "internal/files",
	"golang.org/x/image":                  "internal/files",
	"github.com/gabriel-vasile/mimetype":  "internal/files",
	"github.com/prometheus/client_golang": "internal/metrics",
	"golang.org/x/crypto/acme":            "internal/certificate",
}

var junkDrawers = []string{"util", "utils", "common", "helper", "helpers", "model", "models", "misc", "shared"}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportsPointOneWay(t *testing.T) {
	packages := listPackages(t)
	if len(packages) < 10 {
		t.Fatalf("go list names %d packages: it looked in the wrong place", len(packages))
	}
	for _, fault := range violations(packages) {
		t.Error(fault)
	}
}

func TestTheImportTestSeesViolations(t *testing.T) {
	for name, p := range map[string]goPackage{
		"a noun imports the store":     {module + "internal/chat", []string{module + "internal/store"}},
		"nouns in a circle":            {module + "internal/chat", []string{module + "internal/identity"}},
		"ws knows chat":                {module + "internal/ws", []string{module + "internal/chat"}},
		"a part below another one":     {module + "internal/live/deep", []string{module + "internal/server"}},
		"SQL outside the store":        {module + "internal/live", []string{"database/sql"}},
		"an engine's package below":    {module + "internal/live", []string{"github.com/uptrace/bun/dialect/sqlitedialect"}},
		"a part that nobody named":     {module + "internal/magic", nil},
		"a junk drawer":                {module + "internal/chat/util", nil},
		"everybody imports app":        {module + "internal/live", []string{module + "internal/app"}},
		"the server reaches the store": {module + "internal/server", []string{module + "internal/store"}},
	} {
		if len(violations([]goPackage{p})) != 1 {
			t.Errorf("%s: want one fault, have %q", name, violations([]goPackage{p}))
		}
	}
}

func violations(packages []goPackage) []string {
	var faults []string
	for _, p := range packages {
		own := strings.TrimPrefix(p.ImportPath, module)
		for name := range strings.SplitSeq(own, "/") {
			if slices.Contains(junkDrawers, name) {
				faults = append(faults, fmt.Sprintf("%s: a folder named %q says nothing: name it for what it does", own, name))
			}
		}
		part, known := partOf(own)
		if !known {
			faults = append(faults, fmt.Sprintf("%s: a new part of the house: say in this test what it may import", own))
			continue
		}
		for _, imported := range p.Imports {
			if fault := judge(part, own, imported); fault != "" {
				faults = append(faults, fault)
			}
		}
	}
	return faults
}

func judge(part, own, imported string) string {
	if other, ours := strings.CutPrefix(imported, module); ours {
		target, _ := partOf(other)
		may := arrows[part]
		if target == part || target == "internal/faults" || slices.Contains(may, "*") || slices.Contains(may, target) {
			return ""
		}
		return fmt.Sprintf("%s imports %s, but %s may only see %v", own, other, part, may)
	}
	for engine, owner := range ownedBy {
		if (imported == engine || strings.HasPrefix(imported, engine+"/")) && part != owner && part != "test" {
			return fmt.Sprintf("%s imports %s, which belongs to %s alone", own, imported, owner)
		}
	}
	return ""
}

// partOf is the part of the house that a package belongs to.
func partOf(own string) (string, bool) {
	for ; own != "." && own != "/"; own = path.Dir(own) {
		if _, ok := arrows[own]; ok {
			return own, true
		}
	}
	return "", false
}
