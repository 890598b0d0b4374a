// Package migrations holds the database's forward-only goose migrations, so
// that the one binary carries them.
package migrations

import "embed"

// FS holds every migration, named NNNNN_subject.sql.
//
//go:embed *.sql
var FS embed.FS
