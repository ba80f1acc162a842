package deliver

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/logging"
	gcaws "gocloud.dev/aws"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcp"
	"golang.org/x/oauth2"
	"google.golang.org/api/option"

	"pixledger/schemas/disk"
)

// openBucket opens an object store. The library's own openers are not used:
// the clients they make try again on their own, for as long as they like, one
// prints to the standard output, and none lets its connections be watched.
func openBucket(ctx context.Context, t Target, d *disk.Disk, p *pulse) (store, error) {
	web := http.DefaultTransport.(*http.Transport).Clone()
	web.DialContext = p.dial
	web.Protocols = new(http.Protocols)
	web.Protocols.SetHTTP1(true) // the pings of HTTP/2 would pass for progress
	s := &bucketStore{target: t, disk: d, pulse: p, web: web, free: func() error { return nil }}
	var err error
	switch t.kind {
	case kindS3:
		s.bucket, err = openS3(ctx, t, web)
	case kindGS:
		s.bucket, s.free, err = openGS(ctx, t, web)
	case kindAz:
		s.bucket, err = openAzure(ctx, t, web)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func openS3(ctx context.Context, t Target, web *http.Transport) (*blob.Bucket, error) {
	q, _ := url.ParseQuery(t.query)
	own := map[string]string{}
	for _, name := range []string{"use_path_style", "accelerate", "ssetype", "kmskeyid"} {
		own[name] = q.Get(name)
		q.Del(name)
	}
	compatible := q.Get("endpoint") != ""
	if compatible && !q.Has("request_checksum_calculation") {
		q.Set("request_checksum_calculation", "when_required") // many do not know the newer checksums
	}
	cfg, err := gcaws.V2ConfigFromURLParams(ctx, q)
	if err != nil {
		return nil, &fault{what: "read the AWS configuration of the environment", err: err, permanent: true, remedy: "correct AWS_… variables or ~/.aws/config"}
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
		if !compatible {
			return nil, &fault{what: "no region is given", permanent: true, remedy: "add ?region=… to the destination, or set AWS_REGION"}
		}
	}
	cfg.Logger = logging.Nop{}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.HTTPClient = &http.Client{Transport: web}
		o.Retryer = aws.NopRetryer{}
		o.UsePathStyle = own["use_path_style"] == "true" || own["use_path_style"] == "" && compatible
		o.UseAccelerate = own["accelerate"] == "true"
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	return s3blob.OpenBucket(ctx, client, t.host, &s3blob.Options{
		EncryptionType:             types.ServerSideEncryption(own["ssetype"]),
		KMSEncryptionID:            own["kmskeyid"],
		RequestChecksumCalculation: cfg.RequestChecksumCalculation,
	})
}

func openGS(ctx context.Context, t Target, web *http.Transport) (*blob.Bucket, func() error, error) {
	client := &http.Client{Transport: web}
	if os.Getenv("STORAGE_EMULATOR_HOST") == "" {
		// Tokens are fetched beside the attempts' contexts.
		tokens := context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Transport: web, Timeout: tokenTimeout})
		credentials, err := gcp.DefaultCredentials(tokens)
		if err != nil {
			return nil, nil, &fault{what: "there are no credentials for Google Cloud", err: err, permanent: true,
				remedy: "set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account, or run where there is one"}
		}
		authorized, err := gcp.NewHTTPClient(web, credentials.TokenSource)
		if err != nil {
			return nil, nil, &fault{what: "open Google Cloud Storage", err: err, permanent: true}
		}
		client = &authorized.Client
	}
	service, err := storage.NewClient(ctx, option.WithHTTPClient(client), storage.WithJSONReads())
	if err != nil {
		return nil, nil, &fault{what: "open Google Cloud Storage", err: err, permanent: true}
	}
	service.SetRetry(storage.WithPolicy(storage.RetryNever))
	bucket, err := gcsblob.OpenBucket(ctx, nil, t.host, &gcsblob.Options{Client: service})
	return bucket, service.Close, err
}

func openAzure(ctx context.Context, t Target, web *http.Transport) (*blob.Bucket, error) {
	options := azcore.ClientOptions{Transport: &http.Client{Transport: web}, Retry: policy.RetryOptions{MaxRetries: -1}}
	client, err := azureContainer(t, options)
	if err != nil {
		return nil, &fault{what: "open Azure Blob Storage", err: err, permanent: true,
			remedy: "set AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or AZURE_STORAGE_CONNECTION_STRING, or what a managed identity or service principal needs"}
	}
	return azureblob.OpenBucket(ctx, client, nil)
}

// azureContainer takes the credentials from the variables that the library's
// own opener reads, in its order.
func azureContainer(t Target, options azcore.ClientOptions) (*container.Client, error) {
	o := azureblob.NewDefaultServiceURLOptions()
	set := func(to *string, name string) {
		if v := t.value(name); v != "" {
			*to = v
		}
	}
	set(&o.AccountName, "storage_account")
	set(&o.StorageDomain, "domain")
	set(&o.Protocol, "protocol")
	if v := t.value("localemu"); v != "" {
		o.IsLocalEmulator = v == "true"
	}
	connection := os.Getenv("AZURE_STORAGE_CONNECTION_STRING")
	if connection == "" {
		connection = os.Getenv("AZURE_STORAGEBLOB_CONNECTIONSTRING")
	}
	key := os.Getenv("AZURE_STORAGE_KEY")
	with := &container.ClientOptions{ClientOptions: options}
	if (key == "" || o.AccountName == "") && o.SASToken == "" && connection != "" {
		return container.NewClientFromConnectionString(connection, t.host, with)
	}
	service, err := azureblob.NewServiceURL(o)
	if err != nil {
		return nil, errors.New("no storage account is named, or its name, domain or protocol is none")
	}
	at, err := url.JoinPath(string(service), t.host)
	if err != nil {
		return nil, errors.New("the storage account, its domain or the SAS token is none")
	}
	switch {
	case key != "":
		shared, err := azblob.NewSharedKeyCredential(o.AccountName, key)
		if err != nil {
			return nil, errors.New("the key in AZURE_STORAGE_KEY is none")
		}
		return container.NewClientWithSharedKeyCredential(at, shared, with)
	case o.SASToken != "":
		return container.NewClientWithNoCredential(at, with)
	}
	identity, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options})
	if err != nil {
		return nil, err
	}
	return container.NewClient(at, identity, with)
}
