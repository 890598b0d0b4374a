package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
)

func (s *server) AddUpload(c echo.Context, county CountyPath, params AddUploadParams) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, maxUpload+(1<<20))
	body, name, err := uploadedFile(c.Request(), params.FileName, "DLTB.zip")
	if err != nil {
		return err
	}
	sum, size, err := s.files.put(body)
	if err == nil && size == 0 {
		err = errEmpty
	}
	if err != nil {
		return uploadProblem(err)
	}
	id := uuid.New()
	actor, _ := access.From(ctx)
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO upload (county_code, upload_id, file_name, size, sha256, township_code) VALUES ($1, $2, $3, $4, $5, $6)`,
			county, id, name, size, sum, actor.Township)
		if err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: county, Action: "upload.add", Kind: "upload", ID: id.String(),
			After: map[string]any{"file_name": name, "size": size, "sha256": sum}})
	})
	if err != nil {
		return fmt.Errorf("record upload: %w", err)
	}
	return c.JSON(http.StatusCreated, Upload{UploadId: id, FileName: name, Size: size, Sha256: sum})
}

// uploadProblem says why a file did not arrive.
func uploadProblem(err error) error {
	var tooBig *http.MaxBytesError
	switch {
	case errors.Is(err, errTooLarge), errors.As(err, &tooBig):
		return tooLarge()
	case errors.Is(err, io.ErrUnexpectedEOF):
		return badRequest("upload-cut", "上传中断，文件不完整，未保存。请重新上传。 The upload was cut short; nothing was stored. Send it again.")
	case errors.Is(err, errEmpty):
		return badRequest("upload-empty", "文件为空。请检查后重新上传。 The file is empty.")
	}
	return err
}

// uploadedFile finds the file in the request: the body itself, or the part
// "file" of a form. Nothing is buffered. given is the parameter file_name;
// example is a name that would do, for who gave none.
func uploadedFile(r *http.Request, given *string, example string) (io.Reader, string, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || (kind != "multipart/form-data" && kind != "application/octet-stream") {
		return nil, "", &problem{Status: http.StatusUnsupportedMediaType, kind: "media-type", Title: "请求体类型不支持 · Unsupported media type",
			Detail: "请用 application/octet-stream（请求体即文件，文件名放在 file_name）或 multipart/form-data（字段 file）。 Send the file as the body, or as the part `file` of a form."}
	}
	name := value(given)
	if kind == "application/octet-stream" {
		return named(r.Body, name, example)
	}
	form, err := r.MultipartReader()
	if err != nil {
		return nil, "", badRequest("form", "表单无法解析：缺少 boundary。 The form has no boundary.")
	}
	for {
		part, err := form.NextPart()
		if err != nil {
			return nil, "", badRequest("form", "表单中没有名为 file 的文件字段。 The form has no part named file.")
		}
		if part.FormName() != "file" {
			continue
		}
		if name == "" {
			name = part.FileName()
		}
		return named(part, name, example)
	}
}

// named keeps the last element of the client's file name: it is shown to
// people and says nothing about where the file is stored.
func named(r io.Reader, name, example string) (io.Reader, string, error) {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name == "." || name == ".." || name == "/" || name == "" || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, "", badRequest("file-name", fmt.Sprintf("缺少文件名，或文件名含控制字符。请在地址参数 file_name 中给出，如 ?file_name=%[1]s。 Give the file's name in the parameter file_name, as in ?file_name=%[1]s.", example))
	}
	return r, name, nil
}
