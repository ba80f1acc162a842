//go:build testall

package deliver

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"gocloud.dev/blob"
)

// inBucket gives what stands in a bucket, by the library itself.
func inBucket(t *testing.T, spec string) (held func(string) map[string]string, put func(folder, name, content string)) {
	bucket := opened(t, spec, quick(&said{})).store.(*bucketStore).bucket
	held = func(folder string) map[string]string {
		out := map[string]string{}
		list := bucket.List(&blob.ListOptions{Prefix: folder + "/"})
		for {
			o, err := list.Next(context.Background())
			if errors.Is(err, io.EOF) {
				return out
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := bucket.ReadAll(context.Background(), o.Key)
			if err != nil {
				t.Fatal(err)
			}
			out[path.Base(o.Key)] = string(b)
		}
	}
	return held, func(folder, name, content string) {
		if err := bucket.WriteAll(context.Background(), folder+"/"+name, []byte(content), nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRealS3(t *testing.T) {
	const secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLE"
	root, address := t.TempDir(), "127.0.0.1:"+freePort(t)
	if err := os.Mkdir(filepath.Join(root, "finance"), 0o755); err != nil {
		t.Fatal(err)
	}
	serve(t, address, []string{"ROOT_ACCESS_KEY=pixledger", "ROOT_SECRET_KEY=" + secret}, tool(t, "versitygw"), "--port", address, "--quiet", "posix", root)
	t.Setenv("AWS_ACCESS_KEY_ID", "pixledger")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for name, more := range map[string]string{
		"as compatible":        "",
		"with newer checksums": "&request_checksum_calculation=when_supported",
	} {
		t.Run(name, func(t *testing.T) {
			bucket := strings.ReplaceAll(name, " ", "-")
			if err := os.Mkdir(filepath.Join(root, bucket), 0o755); err != nil {
				t.Fatal(err)
			}
			spec := func(address, folder string) string {
				return "s3://" + bucket + "/" + folder + "?endpoint=http://" + address + more
			}
			held, put := inBucket(t, spec(address, ""))
			deliversWell(t, &place{address: address, spec: spec, held: held, put: put, secrets: []string{secret}})
		})
	}

	told := &said{}
	refused(t, told, "s3://none/p?endpoint=http://"+address, "there is no bucket or container none")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong"+secret)
	refused(t, told, "s3://finance/p?endpoint=http://"+address, "the service refuses these credentials")
	t.Setenv("AWS_ACCESS_KEY_ID", "nobody-at-all")
	refused(t, told, "s3://finance/p?endpoint=http://"+address, "the service refuses these credentials")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	refused(t, told, "s3://finance/p?endpoint=http://"+address, "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	refused(t, told, "s3://finance/p", "no region is given")
	told.search(t, []string{secret})
}

func TestRealAzure(t *testing.T) {
	// An emulator's account and key of our own.
	key := base64.StdEncoding.EncodeToString([]byte("a-key-of-an-emulator-that-nobody-else-has-and-64-bytes-are-wanted"))
	address := "127.0.0.1:" + freePort(t)
	_, port, _ := strings.Cut(address, ":")
	serve(t, address, []string{"AZURITE_ACCOUNTS=acme:" + key}, tool(t, "azurite-blob"), "--blobHost", "127.0.0.1", "--blobPort", port,
		"--location", t.TempDir(), "--silent", "--skipApiVersionCheck", "--disableTelemetry")
	t.Setenv("AZURE_STORAGE_ACCOUNT", "acme")
	t.Setenv("AZURE_STORAGE_KEY", key)
	spec := func(address, folder string) string {
		return "azblob://finance/" + folder + "?storage_account=acme&protocol=http&localemu=true&domain=" + address
	}
	target, err := Parse(spec(address, ""), "/")
	if err != nil {
		t.Fatal(err)
	}
	client, err := azureContainer(target, azcore.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	held, put := inBucket(t, spec(address, ""))
	deliversWell(t, &place{address: address, spec: spec, held: held, put: put, secrets: []string{key}})

	told := &said{}
	refused(t, told, strings.Replace(spec(address, "p"), "finance", "none", 1), "there is no bucket or container none")
	t.Setenv("AZURE_STORAGE_KEY", base64.StdEncoding.EncodeToString([]byte("another")))
	refused(t, told, spec(address, "p"), "the service refuses these credentials")
	t.Setenv("AZURE_STORAGE_KEY", "not base64 !")
	refused(t, told, spec(address, "p"), "the key in AZURE_STORAGE_KEY is none")
	t.Setenv("AZURE_STORAGE_KEY", "")
	const sas = "sv=2026-01-01&sr=c&sig=c2lnbmF0dXJlLW9mLW5vYm9keQ%3D%3D"
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", sas)
	refused(t, told, spec(address, "p"), "the service refuses these credentials")
	o := quick(told)
	o.Retries = 1
	err = opened(t, spec("127.0.0.1:"+freePort(t), "p"), o).Put(t.Context(), "", day(t)) // a message with the whole URL
	told.err(err)
	told.search(t, []string{key, "c2lnbmF0dXJlLW9mLW5vYm9keQ"})
}

func TestRealGoogle(t *testing.T) {
	address := "127.0.0.1:" + freePort(t)
	_, port, _ := strings.Cut(address, ":")
	serve(t, address, nil, tool(t, "fake-gcs-server"), "-scheme", "http", "-host", "127.0.0.1", "-port", port, "-backend", "memory", "-public-host", address, "-log-level", "warn")
	res, err := http.Post("http://"+address+"/storage/v1/b?project=p", "application/json", bytes.NewReader([]byte(`{"name":"finance"}`)))
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("make a bucket: %v, %v", res, err)
	}
	_ = res.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	// The library takes the emulator's address from the environment alone.
	spec := func(address, folder string) string {
		t.Setenv("STORAGE_EMULATOR_HOST", address)
		return "gs://finance/" + folder
	}
	held, put := inBucket(t, spec(address, ""))
	deliversWell(t, &place{address: address, spec: spec, held: held, put: put})
	told := &said{}
	spec(address, "")
	refused(t, told, "gs://none/p", "there is no bucket or container none")

	t.Setenv("STORAGE_EMULATOR_HOST", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/none/account.json")
	refused(t, told, "gs://finance/p", "there are no credentials for Google Cloud")
}
