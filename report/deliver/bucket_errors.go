package deliver

import (
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"gocloud.dev/gcerrors"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
)

// tokenTimeout is what fetching a token may take where no attempt watches it.
const tokenTimeout = time.Minute

// status is the HTTP status that a store has answered with, or 0. The
// library's own codes are not enough: it takes a 403 of Google for "not found".
func status(err error) int {
	var amazon *awshttp.ResponseError
	var azure *azcore.ResponseError
	var google *googleapi.Error
	switch {
	case errors.As(err, &amazon):
		return amazon.HTTPStatusCode()
	case errors.As(err, &azure):
		return azure.StatusCode
	case errors.As(err, &google):
		return google.Code
	case errors.Is(err, storage.ErrObjectNotExist), errors.Is(err, storage.ErrBucketNotExist), gcerrors.Code(err) == gcerrors.NotFound:
		return http.StatusNotFound
	}
	return 0
}

// nameTaken tells whether the store refused to replace an object.
func nameTaken(err error) bool {
	return gcerrors.Code(err) == gcerrors.FailedPrecondition || status(err) == http.StatusPreconditionFailed
}

// mayNotList tells whether the store knows who asks, and does not let him list.
// Google has one answer for that and for who is nobody.
func mayNotList(err error) bool {
	return status(err) == http.StatusForbidden && slices.Contains([]string{"AccessDenied", "AuthorizationPermissionMismatch"}, code(err))
}

// code is the store's own word for what is wrong.
func code(err error) string {
	var amazon smithy.APIError
	var azure *azcore.ResponseError
	switch {
	case errors.As(err, &amazon):
		return amazon.ErrorCode()
	case errors.As(err, &azure):
		return azure.ErrorCode
	}
	return ""
}

// judge says what an error of a store means.
func (s *bucketStore) judge(doing string, err error) error {
	var known *fault
	if errors.As(err, &known) {
		return err
	}
	f := &fault{what: doing, err: err}
	var authority x509.UnknownAuthorityError
	var certificate *x509.CertificateInvalidError
	var name x509.HostnameError
	var token *oauth2.RetrieveError
	var identity *azidentity.AuthenticationFailedError
	switch at := status(err); {
	case errors.As(err, &authority), errors.As(err, &certificate), errors.As(err, &name):
		f.permanent, f.remedy = true, "somebody may stand between, or the certificate of the service is not one this machine trusts"
	case errors.As(err, &token) && token.Response != nil && token.Response.StatusCode < 500, errors.As(err, &identity), strings.Contains(err.Error(), "failed to refresh cached credentials"):
		f.permanent, f.remedy = true, credentialsOf(s.target.kind)
	case at == http.StatusMovedPermanently, at == http.StatusNotFound && slices.Contains([]string{"", "NoSuchBucket", "NoSuchKey", "NotFound", "ContainerNotFound", "ResourceNotFound"}, code(err)):
		f.what = "there is no bucket or container " + s.target.host + " at this service"
		f.permanent, f.remedy = true, "make it, or correct its name, region, endpoint or account"
	case at == http.StatusUnauthorized, at == http.StatusForbidden:
		f.what = doing + ": the service refuses these credentials, or what they may do"
		f.permanent, f.remedy = true, credentialsOf(s.target.kind)
	case at == http.StatusRequestTimeout, at == http.StatusTooEarly, at == http.StatusTooManyRequests, at == http.StatusConflict:
	case code(err) == "RequestTimeout", code(err) == "SlowDown": // a 400 of some
	case at >= 400 && at < 500:
		f.permanent, f.remedy = true, "the service takes the request for a wrong one: check the destination's parameters, and the credentials"
	}
	return f
}

func credentialsOf(kind string) string {
	switch kind {
	case kindS3:
		return "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the profile or role), that they may read and write objects there, and this machine's clock"
	case kindGS:
		return "check GOOGLE_APPLICATION_CREDENTIALS (or the machine's service account), and that it may create and read objects there"
	}
	return "check AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY (or the SAS token, connection string or identity), that they may read and write blobs there, and this machine's clock"
}
