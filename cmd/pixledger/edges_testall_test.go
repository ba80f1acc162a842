//go:build testall

package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"

	"pixledger/ingest/collect"
	"pixledger/ingest/edge/edgetest"
	"pixledger/report/deliver"
	"pixledger/schemas/published"
)

// objectStore is a real server of one of the kinds, with the shared lake in it.
type objectStore struct {
	name  string
	spec  string
	files string // where its objects stand as files; "" where they do not
}

// objectStores starts a server of each kind that is installed.
func objectStores(t *testing.T) []objectStore {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	tool := func(name string) string {
		p := filepath.Join(cache, "pixledger", "tools", "bin", name)
		if _, err := os.Stat(p); err != nil {
			t.Fatalf("%v\ninstall it with: .ci/tools-all", err)
		}
		return p
	}
	serve := func(address string, env []string, name string, args ...string) {
		c := exec.Command(name, args...)
		c.Env = append(os.Environ(), env...)
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
		waitFor(t, name+" listens", func() bool {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		}, func() string { return "" })
	}
	root, s3 := t.TempDir(), edgetest.Addr(t)
	const secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLE"
	if err := os.Mkdir(filepath.Join(root, "network"), 0o755); err != nil {
		t.Fatal(err)
	}
	serve(s3, []string{"ROOT_ACCESS_KEY=pixledger", "ROOT_SECRET_KEY=" + secret}, tool("versitygw"), "--port", s3, "--quiet", "posix", root)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "pixledger", "AWS_SECRET_ACCESS_KEY": secret, "AWS_CONFIG_FILE": "/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	gcs := edgetest.Addr(t)
	_, port, _ := net.SplitHostPort(gcs)
	serve(gcs, nil, tool("fake-gcs-server"), "-scheme", "http", "-host", "127.0.0.1", "-port", port, "-backend", "memory", "-public-host", gcs, "-log-level", "warn")
	t.Setenv("STORAGE_EMULATOR_HOST", gcs)
	made, err := http.Post("http://"+gcs+"/storage/v1/b?project=p", "application/json", strings.NewReader(`{"name":"network"}`))
	if err != nil || made.StatusCode != http.StatusOK {
		t.Fatalf("make a bucket: %v, %v", made, err)
	}
	_ = made.Body.Close()

	key := base64.StdEncoding.EncodeToString([]byte("a-key-of-an-emulator-that-nobody-else-has-and-64-bytes-are-wanted"))
	azure := edgetest.Addr(t)
	_, port, _ = net.SplitHostPort(azure)
	serve(azure, []string{"AZURITE_ACCOUNTS=acme:" + key}, tool("azurite-blob"), "--blobHost", "127.0.0.1", "--blobPort", port,
		"--location", t.TempDir(), "--silent", "--skipApiVersionCheck", "--disableTelemetry")
	t.Setenv("AZURE_STORAGE_ACCOUNT", "acme")
	t.Setenv("AZURE_STORAGE_KEY", key)
	credential, err := azblob.NewSharedKeyCredential("acme", key)
	if err != nil {
		t.Fatal(err)
	}
	client, err := azblob.NewClientWithSharedKeyCredential("http://"+azure+"/acme", credential, nil)
	if err == nil {
		_, err = client.CreateContainer(t.Context(), "network", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return []objectStore{
		{"S3", "s3://network/lake?endpoint=http://" + s3, filepath.Join(root, "network", "lake")},
		{"Google", "gs://network/lake", ""},
		{"Azure", "azblob://network/lake?storage_account=acme&protocol=http&localemu=true&domain=" + azure, ""},
	}
}

// Three daemons on three edges publish to a real S3 server, with one user's touches
// and conversion spread over them; the centre attributes it once and right. What they
// publish is what is right when publishing is killed at any instant, and who reads
// meanwhile never sees half a day.
func TestEdgesOnObjectStores(t *testing.T) {
	for _, s := range objectStores(t) {
		t.Run(s.name, func(t *testing.T) { edgesOn(t, s) })
	}
}

func edgesOn(t *testing.T, s objectStore) {
	w := newEdgesWorld(t, s.spec)
	w.journeys(800, 2)
	click, conversion := w.one()

	// The daemons ingest and publish by their schedules; the clock stands after the
	// days. One of them is killed again and again in the middle of publishing.
	daemons := map[string]*daemonProcess{}
	for _, e := range edgeNames {
		every := "@every 1s"
		if e == "edge-b" { // this one is published below
			every = "@yearly"
		}
		w.configure(e, fmt.Sprintf("sources: [{name: edge-1, path: ./pixel.log}]\ncommit: {interval: 50ms}\nconsole: {listen: %q}\npublish: {to: %q, edge: %s}\nschedule: {publish: %q, compact: \"@every 3s\"}",
			edgetest.Addr(t), s.spec, e, every))
		d := &daemonProcess{program: program{t: t, dir: w.path(e)}}
		t.Cleanup(d.end)
		d.start("--now", edgesNow)
		daemons[e] = d
	}
	store := w.store(s)
	stop, read := make(chan struct{}), make(chan int)
	go func() { read <- w.readMeanwhile(s, stop) }()

	published := program{t: t, dir: w.path("edge-b")}
	kills := 0
	for begun := time.Now(); ; {
		c := published.command("publish", "--now", edgesNow)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		if kills == 0 { // once for certain while its first part is under way
			waitFor(t, "edge-b begins a part", func() bool { return w.begun(store, "edge-b") > 0 || len(ended) > 0 }, func() string { return "" })
			_ = c.Process.Kill()
		}
		timer := time.AfterFunc(time.Duration(rand.Int64N(int64(time.Second+time.Duration(kills)*100*time.Millisecond))), func() {
			_ = c.Process.Kill()
		})
		err := <-ended
		timer.Stop()
		if err == nil {
			break
		}
		if kills++; time.Since(begun) > 2*time.Minute {
			t.Fatalf("killed %d times, and still not published", kills)
		}
	}
	if kills == 0 {
		t.Error("publishing ended before it could be killed")
	}
	// The daemon of another is killed when its job has just begun a part.
	for n := 0; n < 3 && w.dates(store, "edge-c") < 3; n++ {
		before := w.begun(store, "edge-c")
		waitFor(t, "edge-c begins a part", func() bool { return w.begun(store, "edge-c") > before || w.dates(store, "edge-c") == 3 }, daemons["edge-c"].said)
		daemons["edge-c"].kill()
		daemons["edge-c"].start("--now", edgesNow)
	}
	for _, e := range edgeNames {
		waitFor(t, e+" is published", func() bool { return w.dates(store, e) == 3 }, daemons[e].said)
	}
	close(stop)
	t.Logf("publishing was killed %d times, and read %d times meanwhile", kills, <-read)
	// What is published is what each lake has, once.
	w.run("centre", "collect")
	for _, e := range edgeNames {
		const sum = "SELECT type, date, count(*) AS n, CAST(sum(hash(event_id, event_time, user_id, source_offset)) AS VARCHAR) AS sum FROM events WHERE date <= '2026-11-12' AND edge IN ('edge-1', '%s') GROUP BY ALL ORDER BY ALL"
		got, want := w.run("centre", "query", fmt.Sprintf(sum, e), "--format", "csv"), w.run(e, "query", fmt.Sprintf(sum, e), "--format", "csv")
		if got != want {
			t.Errorf("%s: %s", e, firstDifference(want, got))
		}
	}
	w.run("one", "ingest")
	for _, at := range []string{"centre", "one"} {
		w.run(at, "close")
	}
	w.compare()
	w.earned(click, conversion)
	for _, e := range edgeNames {
		daemons[e].stop()
		if out := w.run(e, "verify"); !strings.Contains(out, "no differences") {
			t.Errorf("%s: verify: %s", e, out)
		}
	}
}

// store opens the shared lake.
func (w *edgesWorld) store(s objectStore) sharedStore {
	w.t.Helper()
	target, err := deliver.Parse(s.spec, w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	d, err := deliver.Open(context.Background(), target, deliver.Options{Delay: time.Millisecond})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = d.Close() })
	return sharedStore{d}
}

// chain reads what an edge has published.
func chain(s published.Store, edge string) (all []*published.Manifest, err error) {
	var sequence int64
	head, id := "", ""
	for {
		m, err := collect.Next(context.Background(), s, edge, sequence, head, id)
		if err != nil || m == nil {
			return all, err
		}
		sequence, head, id = m.Sequence, m.Manifest, m.Lake
		all = append(all, m)
	}
}

// dates is the number of dates that an edge has published.
func (w *edgesWorld) dates(s published.Store, edge string) int {
	all, err := chain(s, edge)
	if err != nil {
		w.t.Error(err)
	}
	dates := map[string]bool{}
	for _, m := range all {
		dates[m.Date] = true
	}
	return len(dates)
}

// begun is the number of parts that an edge has begun to publish.
func (w *edgesWorld) begun(s published.Store, edge string) int {
	there, err := s.List(context.Background(), published.StartedFolder(edge))
	if err != nil {
		w.t.Error(err)
	}
	return len(there)
}

// readMeanwhile reads the shared lake until it is told to stop, as analysts do: by the
// manifests, where each date is whole, and by glob, where no file is half there and no
// row twice. It gives how often.
func (w *edgesWorld) readMeanwhile(s objectStore, stop chan struct{}) (times int) {
	store := w.store(s)
	var once sync.Once
	for {
		select {
		case <-stop:
			return times
		default:
		}
		times++
		for _, e := range edgeNames {
			all, err := chain(store, e)
			if err != nil {
				w.t.Error(err)
				return times
			}
			there, err := store.List(context.Background(), "events/edge="+e)
			if err != nil {
				w.t.Error(err)
				return times
			}
			for _, m := range all {
				for _, f := range m.Files {
					if size, ok := there[f.Path]; strings.HasPrefix(f.Path, "events/") && (!ok || size != f.Bytes) {
						w.t.Errorf("%s of a published date: is there %v, with %d of %d bytes", f.Path, ok, size, f.Bytes)
					}
				}
			}
		}
		if s.files == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(s.files, "published", "edge=edge-a", "000000000001.json")); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		once.Do(func() { w.t.Logf("reading began") })
		db := w.sharedViews(s.files)
		// The account of what is published, and what the views then have: a date's
		// manifest is not there before all of its rows.
		var lines, rows, double, glob int
		err := db.QueryRow(`SELECT
			(SELECT coalesce(sum(list_sum(list_transform(list_filter(files, lambda f: starts_with(f.path, 'events/')), lambda f: f."rows"))), 0) FROM manifests),
			(SELECT count(*) FROM events),
			(SELECT count(*) - count(DISTINCT (source_id, source_offset)) FROM events),
			(SELECT count(*) - count(DISTINCT (source_id, source_offset)) FROM read_parquet($1 || '/events/**/*.parquet', hive_partitioning = true))`, s.files).Scan(&lines, &rows, &double, &glob)
		if err != nil || lines != rows || double != 0 || glob != 0 {
			w.t.Errorf("%v: %d rows by the manifests, %d by the views, %d and %d twice", err, lines, rows, double, glob)
			return times
		}
		_ = db.Close()
	}
}
