package server

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Every code that a package declares has a status of its own choice.
func TestEveryCodeHasAStatus(t *testing.T) {
	found := 0
	for _, dir := range codedPackages() {
		for _, code := range declaredCodes(t, dir) {
			found++
			if statusOf(code) == http.StatusInternalServerError && code != failed {
				t.Errorf("%s: the code %q has no status: add it to statusOf", dir, code)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d codes were found", found)
	}
}

// Whoever gets a code finds in docs/INTEGRATE.md what to do, with the status that it has.
func TestEveryCodeIsExplained(t *testing.T) {
	page, err := os.ReadFile("../../docs/INTEGRATE.md")
	if err != nil {
		t.Fatal(err)
	}
	explained := map[chat.Code]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+) \\| ([0-9, ]+) \\|").FindAllStringSubmatch(string(page), -1) {
		codes, statuses := strings.Split(row[1], ", "), strings.Split(row[2], ", ")
		for i, code := range codes {
			explained[chat.Code(strings.Trim(code, "`"))] = statuses[min(i, len(statuses)-1)]
		}
	}
	for _, dir := range codedPackages() {
		for _, code := range declaredCodes(t, dir) {
			if want := strconv.Itoa(statusOf(code)); explained[code] != want {
				t.Errorf("%s: docs/INTEGRATE.md explains %q with the status %q, and it has %s", dir, code, explained[code], want)
			}
		}
	}
}

// codedPackages are those that declare codes.
func codedPackages() []string {
	return []string{"../chat", "../wire", "../identity", "../site", "../files", "../push", "../broadcast", "../legacy", "../jobs", "../retention", "../webhook", "."}
}

// declaredCodes are the constants of type Code in a package's source.
func declaredCodes(t *testing.T, dir string) (codes []chat.Code) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || v.Type == nil || !strings.HasSuffix(fmt.Sprint(v.Type), "Code") && !isChatCode(v.Type) {
				return true
			}
			for _, value := range v.Values {
				if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					text, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					codes = append(codes, chat.Code(text))
				}
			}
			return true
		})
	}
	return codes
}

func isChatCode(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "Code"
}

func TestWhatNobodyForesawIsNotTold(t *testing.T) {
	var text strings.Builder
	log := slog.New(slog.NewTextHandler(&text, nil))
	p := problemOf(t.Context(), log, errors.New("disk on fire"))
	if p.status != http.StatusInternalServerError || strings.Contains(p.Text, "fire") || !strings.Contains(text.String(), "disk on fire") {
		t.Errorf("%+v, the log: %s", p, &text)
	}
	p = problemOf(t.Context(), log, fmt.Errorf("read: %w", context.DeadlineExceeded))
	if p.status != http.StatusServiceUnavailable || p.RetryAfter == 0 {
		t.Errorf("%+v", p)
	}
	p = problemOf(t.Context(), log, fmt.Errorf("wrapped: %w", chat.Refuse(chat.NotFound, "there is none")))
	if p.status != http.StatusNotFound || p.Text != "There is none." {
		t.Errorf("%+v", p)
	}
}
