//go:build linux

package powercut

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

const (
	writerDatabase    = "POWERCUT_WRITER_DATABASE"
	writerSynchronous = "POWERCUT_WRITER_SYNCHRONOUS"
	writerCheckpoint  = "POWERCUT_WRITER_CHECKPOINT"
)

// job is what the test binary does as a child process: commit rows until the disk fails, and print the number of each
// row after its commit.
type job struct {
	database    string
	synchronous string
	checkpoint  int // pages in the log before a checkpoint; 0 for never
}

func writerJob() (job, bool) {
	j := job{database: os.Getenv(writerDatabase), synchronous: os.Getenv(writerSynchronous)}
	checkpoint, err := strconv.Atoi(os.Getenv(writerCheckpoint))
	j.checkpoint = checkpoint
	return j, err == nil && j.database != ""
}

func openDatabase(path, synchronous string, checkpoint int) (*sql.DB, error) {
	pragmas := url.Values{"_pragma": {
		"journal_mode(wal)",
		"synchronous(" + synchronous + ")",
		"wal_autocheckpoint(" + strconv.Itoa(checkpoint) + ")",
	}}
	db, err := sql.Open("sqlite", "file:"+path+"?"+pragmas.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`CREATE TABLE IF NOT EXISTS entry (number INTEGER PRIMARY KEY, body BLOB NOT NULL)`)
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// body is what row number must hold: between one byte and five pages, different in every row.
func body(number int64) []byte {
	seed := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(number)))
	return bytes.Repeat(seed[:1+number%32], 1+int(number%7)*100)
}

// run answers the exit code; it ends only by an error.
func (j job) run() int {
	err := j.write()
	fmt.Fprintln(os.Stderr, err)
	return 3
}

func (j job) write() error {
	db, err := openDatabase(j.database, j.synchronous, j.checkpoint)
	if err != nil {
		return err
	}
	defer db.Close()
	var number int64
	if err := db.QueryRow(`SELECT coalesce(max(number), 0) FROM entry`).Scan(&number); err != nil {
		return err
	}
	for {
		number++
		if _, err := db.Exec(`INSERT INTO entry (number, body) VALUES (?, ?)`, number, body(number)); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(os.Stdout, number); err != nil {
			return err
		}
	}
}

// writer is a running child.
type writer struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    *bufio.Scanner
	stderr bytes.Buffer
	acked  []int64
}

func startWriter(t *testing.T, j job) *writer {
	t.Helper()
	// A child that never meets its error is killed, so that the test fails with what the child said.
	deadline, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	w := &writer{t: t}
	w.cmd = exec.CommandContext(deadline, os.Args[0])
	w.cmd.Env = append(os.Environ(), writerDatabase+"="+j.database, writerSynchronous+"="+j.synchronous,
		writerCheckpoint+"="+strconv.Itoa(j.checkpoint))
	w.cmd.Stderr = &w.stderr
	pipe, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.out = bufio.NewScanner(pipe)
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return w
}

// read takes the next acked number; false when the child has ended.
func (w *writer) read() bool {
	if !w.out.Scan() {
		return false
	}
	number, err := strconv.ParseInt(w.out.Text(), 10, 64)
	if err != nil {
		w.t.Fatalf("the child printed %q, want a number: %v", w.out.Text(), err)
	}
	w.acked = append(w.acked, number)
	return true
}

// readUntil takes count numbers; the child must not end before.
func (w *writer) readUntil(count int) {
	w.t.Helper()
	for len(w.acked) < count {
		if !w.read() {
			_ = w.cmd.Wait()
			w.t.Fatalf("the child ended after %d rows, want %d: %s", len(w.acked), count, w.stderr.String())
		}
	}
}

// finish waits for the error that ends the child, and answers it with every number that it acked.
func (w *writer) finish() (acked []int64, failure string) {
	w.t.Helper()
	for w.read() {
	}
	if err := w.cmd.Wait(); err == nil || w.cmd.ProcessState.ExitCode() != 3 {
		w.t.Fatalf("the child ended with %v, want an error of its database: %s", err, w.stderr.String())
	}
	return w.acked, w.stderr.String()
}

// inspect opens a copy of the folder, as a restarted machine would find it, and answers which numbers are there and what
// integrity_check says. A row with a wrong body is a failure of the check.
func inspect(ctx context.Context, folder, copyTo string) (present map[int64]bool, check string, err error) {
	if err := os.CopyFS(copyTo, os.DirFS(folder)); err != nil {
		return nil, "", err
	}
	db, err := openDatabase(copyTo+"/chat.db", "full", 1000)
	if err != nil {
		return nil, "", err
	}
	defer db.Close()
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check`).Scan(&check); err != nil {
		return nil, "", err
	}
	rows, err := db.QueryContext(ctx, `SELECT number, body FROM entry`)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	present = map[int64]bool{}
	for rows.Next() {
		var number int64
		var got []byte
		if err := rows.Scan(&number, &got); err != nil {
			return nil, "", err
		}
		present[number] = true
		if !bytes.Equal(got, body(number)) {
			check = fmt.Sprintf("row %d has a wrong body", number)
		}
	}
	return present, check, rows.Err()
}
