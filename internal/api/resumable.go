package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
)

// 可续传的上传 speaks tus 1.0.0 (https://tus.io/protocols/resumable-upload) with
// the extensions creation, expiration and termination.
const tusVersion = "1.0.0"

const (
	// maxUnfinishedUploads is how many uploads one identity may have under way.
	maxUnfinishedUploads = 5
	// maxUnfinishedBytes is what all unfinished uploads of a county may announce.
	maxUnfinishedBytes = 8 << 30
	// unfinishedFor is how long an upload may take.
	unfinishedFor = 72 * time.Hour
	// stalled is how long a body may stay silent before it is taken for cut off.
	stalled = time.Minute
)

// partialRow is an upload under way, as the database has it.
type partialRow struct {
	ID        uuid.UUID
	FileName  string
	Size      int64
	SHA256    string // as announced; "" if none was
	Township  string
	ExpiresAt time.Time
	Completed bool
}

const partialColumns = `upload_id, file_name, size, sha256, township_code, expires_at, completed_at IS NOT NULL`

func scanPartial(row pgx.CollectableRow) (p partialRow, err error) {
	return p, row.Scan(&p.ID, &p.FileName, &p.Size, &p.SHA256, &p.Township, &p.ExpiresAt, &p.Completed)
}

// tus refuses a client of another protocol version, and says ours.
func tus(c echo.Context, version *string) error {
	c.Response().Header().Set("Tus-Resumable", tusVersion)
	if value(version) == tusVersion {
		return nil
	}
	c.Response().Header().Set("Tus-Version", tusVersion)
	return &problem{Status: http.StatusPreconditionFailed, kind: "tus-version", Title: "协议版本不符 · Protocol version",
		Detail: "请求头 Tus-Resumable 须为 1.0.0。 Send the header Tus-Resumable: 1.0.0."}
}

func (s *server) ListResumableUploads(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	actor, _ := access.From(ctx)
	rows, err := s.db.Pool.Query(ctx, `SELECT `+partialColumns+` FROM partial_upload
		WHERE county_code = $1 AND identity_id = $2 AND township_code = $3 AND completed_at IS NULL AND expires_at > now()
		ORDER BY created_at, upload_id`, county, actor.ID, actor.Township)
	if err != nil {
		return fmt.Errorf("partial uploads: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanPartial)
	if err != nil {
		return fmt.Errorf("partial uploads: %w", err)
	}
	out := []ResumableUpload{}
	for _, p := range list {
		offset, err := s.files.arrived(p.ID)
		if errors.Is(err, errNoPartial) {
			continue // completed or dropped meanwhile
		}
		if err != nil {
			return err
		}
		out = append(out, p.json(offset))
	}
	return c.JSON(http.StatusOK, out)
}

func (p partialRow) json(offset int64) ResumableUpload {
	return ResumableUpload{UploadId: p.ID, FileName: p.FileName, Size: p.Size, Offset: offset, Sha256: p.SHA256, ExpiresAt: p.ExpiresAt}
}

func (s *server) BeginUpload(c echo.Context, county CountyPath, params BeginUploadParams) error {
	ctx := c.Request().Context()
	if err := tus(c, params.TusResumable); err != nil {
		return err
	}
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	p := partialRow{ID: uuid.New(), Size: params.UploadLength}
	switch {
	case p.Size > maxUpload:
		return tooLarge()
	case p.Size == 0:
		return uploadProblem(errEmpty)
	}
	var err error
	if p.FileName, p.SHA256, err = uploadMetadata(params.UploadMetadata); err != nil {
		return err
	}
	if err := s.dropExpired(ctx); err != nil {
		return err
	}
	actor, _ := access.From(ctx)
	p.Township = actor.Township
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := roomFor(ctx, tx, county, actor, p.Size); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `INSERT INTO partial_upload (county_code, upload_id, identity_id, township_code, file_name, size, sha256, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8) RETURNING expires_at`,
			county, p.ID, actor.ID, p.Township, p.FileName, p.Size, p.SHA256, unfinishedFor).Scan(&p.ExpiresAt)
		if err != nil {
			return err
		}
		if err := s.files.beginPartial(p.ID); err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: county, Action: "upload.begin", Kind: "upload", ID: p.ID.String(),
			After: map[string]any{"file_name": p.FileName, "size": p.Size, "sha256": p.SHA256}})
	})
	if err != nil {
		_ = s.files.dropPartial(p.ID) // nothing names it
		return fmt.Errorf("begin upload: %w", err)
	}
	h := c.Response().Header()
	h.Set(echo.HeaderLocation, fmt.Sprintf("%s/counties/%s/resumable-uploads/%s", base, county, p.ID))
	s.standing(c, p, 0)
	return c.JSON(http.StatusCreated, p.json(0))
}

// roomFor refuses an upload beyond what may be under way at a time. Two that begin
// together wait for each other here.
func roomFor(ctx context.Context, tx pgx.Tx, county string, actor access.Actor, size int64) error {
	if _, err := tx.Exec(ctx, `LOCK TABLE partial_upload IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return err
	}
	var mine int
	var bytes int64
	err := tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE identity_id = $2), coalesce(sum(size), 0)::bigint FROM partial_upload
		WHERE county_code = $1 AND completed_at IS NULL`, county, actor.ID).Scan(&mine, &bytes)
	switch {
	case err != nil:
		return err
	case mine >= maxUnfinishedUploads:
		return conflict("uploads-unfinished", fmt.Sprintf("已有 %d 个文件没有传完，不能再开始新的。请先传完，或放弃其中一个。 %[1]d uploads are not complete; finish or drop one of them first.", mine))
	case bytes+size > maxUnfinishedBytes:
		return conflict("uploads-unfinished", "全县未传完的文件过多，暂不能开始新的。请稍后再试，或放弃不再需要的。 Too much is under way in the county; try again later.")
	}
	return nil
}

// dropExpired removes what has been under way for too long, and rows of what was
// completed long ago.
func (s *server) dropExpired(ctx context.Context) error {
	rows, err := s.db.Pool.Query(ctx, `DELETE FROM partial_upload WHERE expires_at <= now() RETURNING upload_id`)
	if err != nil {
		return fmt.Errorf("expired uploads: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("expired uploads: %w", err)
	}
	for _, id := range ids {
		if err := s.files.dropPartial(id); err != nil {
			return err
		}
	}
	return nil
}

var hexSum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// uploadMetadata reads Upload-Metadata: keys with values in Base64.
func uploadMetadata(text string) (name, sum string, err error) {
	for _, pair := range strings.Split(text, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(pair), " ")
		raw, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return "", "", badRequest("upload-metadata", fmt.Sprintf("Upload-Metadata 中 %s 的值不是 Base64。 The value of %[1]s is no Base64.", k))
		}
		switch k {
		case "filename":
			name = string(raw)
		case "sha256":
			sum = string(raw)
		}
	}
	if sum != "" && !hexSum.MatchString(sum) {
		return "", "", badRequest("upload-metadata", "Upload-Metadata 中 sha256 应为 64 位小写十六进制。 sha256 is 64 lower-case hex digits.")
	}
	if len(name) > 255 {
		name = "" // as the parameter file_name of addUpload
	}
	_, name, err = named(nil, name, "DLTB.zip")
	return name, sum, err
}

// mine is an upload that the caller began, in the capacity of then; to anyone else
// it is not there.
func (s *server) mine(ctx context.Context, county string, id uuid.UUID) (partialRow, error) {
	actor, _ := access.From(ctx)
	rows, err := s.db.Pool.Query(ctx, `SELECT `+partialColumns+` FROM partial_upload
		WHERE county_code = $1 AND upload_id = $2 AND identity_id = $3 AND township_code = $4 AND expires_at > now()`,
		county, id, actor.ID, actor.Township)
	if err != nil {
		return partialRow{}, fmt.Errorf("partial upload %s: %w", id, err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPartial)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, noPartial(id)
	}
	if err != nil {
		return p, fmt.Errorf("partial upload %s: %w", id, err)
	}
	return p, nil
}

func noPartial(id uuid.UUID) error {
	return notFound("upload", fmt.Sprintf("没有未传完的文件 %s：可能已过期、已放弃，或不是您开始的。请重新上传。 No such upload of yours; begin again.", id))
}

// standing tells the client how far an upload has come.
func (s *server) standing(c echo.Context, p partialRow, offset int64) {
	h := c.Response().Header()
	h.Set("Upload-Offset", strconv.FormatInt(offset, 10))
	h.Set("Upload-Length", strconv.FormatInt(p.Size, 10))
	h.Set("Upload-Expires", p.ExpiresAt.UTC().Format(http.TimeFormat))
	if p.Completed {
		h.Set("Upload-Complete", "?1")
	} else {
		h.Set("Upload-Complete", "?0")
	}
}

func (s *server) GetUploadOffset(c echo.Context, county CountyPath, id UploadID, params GetUploadOffsetParams) error {
	if err := tus(c, params.TusResumable); err != nil {
		return err
	}
	p, err := s.mine(c.Request().Context(), county, id)
	if err != nil {
		return err
	}
	offset := p.Size
	if !p.Completed {
		if offset, err = s.files.arrived(id); err != nil {
			return partialProblem(id, err)
		}
	}
	s.standing(c, p, offset)
	return c.NoContent(http.StatusOK)
}

func (s *server) ContinueUpload(c echo.Context, county CountyPath, id UploadID, params ContinueUploadParams) error {
	ctx := c.Request().Context()
	if err := tus(c, params.TusResumable); err != nil {
		return err
	}
	if kind, _, err := mime.ParseMediaType(c.Request().Header.Get("Content-Type")); err != nil || kind != "application/offset+octet-stream" {
		return &problem{Status: http.StatusUnsupportedMediaType, kind: "media-type", Title: "请求体类型不支持 · Unsupported media type",
			Detail: "请用 application/offset+octet-stream。 Send the content as application/offset+octet-stream."}
	}
	p, err := s.mine(ctx, county, id)
	if err != nil {
		return err
	}
	if p.Completed { // the answer to the last part was lost
		if params.UploadOffset != p.Size {
			return wrongOffset(params.UploadOffset, p.Size)
		}
		s.standing(c, p, p.Size)
		return c.NoContent(http.StatusNoContent)
	}
	file, err := s.files.openPartial(id)
	if err != nil {
		return partialProblem(id, err)
	}
	defer file.close()
	if params.UploadOffset != file.offset {
		return wrongOffset(params.UploadOffset, file.offset)
	}
	if n := c.Request().ContentLength; n > p.Size-file.offset {
		return partialProblem(id, errBeyond)
	}
	if err := file.write(&patient{c.Request().Body, http.NewResponseController(c.Response())}, p.Size); err != nil {
		s.standing(c, p, file.offset)
		return partialProblem(id, err)
	}
	if file.offset == p.Size {
		if err := s.complete(ctx, county, file, &p); err != nil {
			return err
		}
	}
	s.standing(c, p, file.offset)
	return c.NoContent(http.StatusNoContent)
}

// patient reads a body that may take long, but not stay silent.
type patient struct {
	io.Reader
	conn *http.ResponseController
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(stalled)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, fmt.Errorf("%w: %w", errCut, err)
	}
	n, err := p.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errCut, err)
	}
	return n, err
}

// complete makes an upload of what has arrived in full, if it is what was announced.
func (s *server) complete(ctx context.Context, county string, file *partial, p *partialRow) error {
	sum, err := file.sum()
	if err != nil {
		return err
	}
	if p.SHA256 != "" && sum != p.SHA256 {
		if err := s.forget(ctx, county, p, "内容与声明的摘要不符 · digest mismatch"); err != nil {
			return err
		}
		return conflict("upload-digest", fmt.Sprintf("收到的内容与开始时声明的摘要不符（续传时选了另一个文件，或传输有误），已删除。请重新上传“%s”。 What arrived is not what was announced; it was dropped. Begin again.", p.FileName))
	}
	if err := s.files.keepPartial(file, sum); err != nil {
		return partialProblem(p.ID, err)
	}
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE partial_upload SET completed_at = now() WHERE county_code = $1 AND upload_id = $2 AND completed_at IS NULL AND expires_at > now()`, county, p.ID)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return noPartial(p.ID)
		}
		_, err = tx.Exec(ctx, `INSERT INTO upload (county_code, upload_id, file_name, size, sha256, township_code) VALUES ($1, $2, $3, $4, $5, $6)`,
			county, p.ID, p.FileName, p.Size, sum, p.Township)
		if err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: county, Action: "upload.add", Kind: "upload", ID: p.ID.String(),
			After: map[string]any{"file_name": p.FileName, "size": p.Size, "sha256": sum}})
	})
	if err != nil {
		return fmt.Errorf("record upload: %w", err)
	}
	p.Completed = true
	return s.files.dropPartial(p.ID)
}

func (s *server) DropUpload(c echo.Context, county CountyPath, id UploadID, params DropUploadParams) error {
	ctx := c.Request().Context()
	if err := tus(c, params.TusResumable); err != nil {
		return err
	}
	p, err := s.mine(ctx, county, id)
	if err != nil {
		return err
	}
	if p.Completed {
		return conflict("upload-complete", "文件已传完并保存，不能放弃。 The upload is complete and stays.")
	}
	if err := s.forget(ctx, county, &p, ""); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// forget drops an upload that is not complete.
func (s *server) forget(ctx context.Context, county string, p *partialRow, why string) error {
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM partial_upload WHERE county_code = $1 AND upload_id = $2 AND completed_at IS NULL`, county, p.ID)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return noPartial(p.ID)
		}
		return access.Record(ctx, tx, access.Entry{County: county, Action: "upload.drop", Kind: "upload", ID: p.ID.String(),
			Before: map[string]any{"file_name": p.FileName, "size": p.Size}, Reason: why})
	})
	if err != nil {
		return fmt.Errorf("drop upload: %w", err)
	}
	return s.files.dropPartial(p.ID)
}

func wrongOffset(said, have int64) error {
	return conflict("upload-offset", fmt.Sprintf("已收到 %d 字节，不能从第 %d 字节接着发。请以 HEAD 问明后再发。 %[1]d bytes have arrived; ask by HEAD and go on from there.", have, said))
}

// partialProblem says why an upload did not go on.
func partialProblem(id uuid.UUID, err error) error {
	switch {
	case errors.Is(err, errNoPartial):
		return noPartial(id)
	case errors.Is(err, errBusy):
		return &problem{Status: http.StatusLocked, kind: "upload-busy", Title: "正在写入 · Locked",
			Detail: "另一个请求正在传这个文件，请稍候再试。 Another request is writing this upload; try again shortly."}
	case errors.Is(err, errBeyond):
		return badRequest("upload-length", "内容超出声明的长度，多出的没有保存。请检查文件是否已被改动，放弃后重新上传。 There is more than was announced; it was not kept. Has the file changed? Drop the upload and begin again.")
	case errors.Is(err, errCut):
		return badRequest("upload-cut", "上传中断，已收到的保留。请以 HEAD 问明后接着发。 The upload was cut short; what arrived is kept. Ask by HEAD and go on.")
	}
	return err
}
