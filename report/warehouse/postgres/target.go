package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// AllowedURL is what a target's URL looks like, for messages.
const AllowedURL = "postgres://USER@HOST:PORT/DATABASE, with the password in PGPASSWORD or ~/.pgpass"

// DefaultSchema is the schema that tables are loaded into where none is named.
const DefaultSchema = "pixledger"

// connectTimeout bounds the wait for a server that does not answer, where the
// URL or PGCONNECT_TIMEOUT sets no other bound.
const connectTimeout = 30 * time.Second

// Target is a schema of a PostgreSQL database. It is never printed with its
// password.
type Target struct {
	Schema string
	config *pgx.ConnConfig
}

// ParseTarget reads a URL, completed by the environment as libpq does. schema
// "" is the one that the URL's search_path names, else the default. Its errors
// never hold a password.
func ParseTarget(text, schema string) (*Target, error) {
	wrong := fmt.Errorf("it is no URL of PostgreSQL; allowed: %s", AllowedURL)
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" || u.Fragment != "" {
		return nil, wrong
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return nil, wrong
	}
	// Without its secrets first, so that what is wrong can be told.
	bare, query := *u, u.Query()
	if u.User != nil {
		bare.User = url.User(u.User.Username())
	}
	query.Del("password")
	query.Del("sslpassword")
	bare.RawQuery = query.Encode()
	if _, err := pgx.ParseConfig(bare.String()); err != nil {
		var parse *pgconn.ParseConfigError
		if errors.As(err, &parse) {
			return nil, fmt.Errorf("%w; allowed: %s", err, AllowedURL)
		}
		return nil, wrong
	}
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, wrong
	}
	t := &Target{Schema: schema, config: config}
	if t.Schema == "" {
		t.Schema = config.RuntimeParams["search_path"]
	}
	if t.Schema == "" {
		t.Schema = DefaultSchema
	}
	if strings.ContainsAny(t.Schema, ",\"\x00") || strings.TrimSpace(t.Schema) != t.Schema || len(t.Schema) > 63 {
		return nil, fmt.Errorf("the schema is %q; allowed: the name of one, of at most 63 bytes and without commas and quotes", t.Schema)
	}
	config.RuntimeParams["search_path"] = pgx.Identifier{t.Schema}.Sanitize()
	config.RuntimeParams["timezone"] = "UTC"
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	return t, nil
}

// String names the target without its password.
func (t *Target) String() string {
	u := url.URL{Scheme: "postgres", User: url.User(t.config.User), Host: t.config.Host, Path: "/" + t.config.Database}
	if port := strconv.Itoa(int(t.config.Port)); strings.HasPrefix(t.config.Host, "/") {
		u.Host, u.RawQuery = "", url.Values{"host": {t.config.Host}, "port": {port}}.Encode() // a socket's folder
	} else {
		u.Host = net.JoinHostPort(t.config.Host, port)
	}
	return u.String()
}

// Reach tells why the target can't be connected to.
func (t *Target) Reach(ctx context.Context) error {
	conn, err := t.connect(ctx, "pixledger warehouse")
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// connect opens a connection, under a name that others see while they wait.
func (t *Target) connect(ctx context.Context, as string) (*pgx.Conn, error) {
	config := t.config.Copy()
	config.RuntimeParams["application_name"] = as
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t, err)
	}
	return conn, nil
}
