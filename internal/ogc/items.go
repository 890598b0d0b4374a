package ogc

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gengheng/internal/collection"
)

// found is one page.
type found struct {
	features []byte
	n        int
	matched  int // -1: more than is counted
	next     string
}

func (s *Service) items(c *Call) error {
	ctx := c.R.Context()
	var q *query
	page := found{features: s.buffer()}
	defer func() { s.buffers.Put(&page.features) }()
	err := c.Read(ctx, func(db Querier) error {
		col, err := s.registry.Open(ctx, db, c.County, c.Collection)
		if err != nil {
			return err
		}
		q = newQuery(col)
		if err := q.apply(s.params(col, false), c.R.URL.Query()); err != nil {
			return err
		}
		if q.after != nil {
			if ok, err := col.Repin(ctx, db, q.after.Pin); err != nil || !ok {
				return cmp.Or[error](err, bad("cursor", "cursor 所指的数据版本已撤回或不存在，请从第一页重新开始。 The version that the cursor names is gone; begin again."))
			}
			q.args[1] = col.Args()[1]
		}
		return q.read(ctx, db, c.Scope == "", &page)
	})
	if err != nil {
		return q.spoken(err)
	}
	// the connection is given back before a slow reader gets the page
	return q.sendPage(c, &page)
}

// spoken turns what the database refused for the caller's sake into a problem:
// the statement timeout, and coordinates of a filter that lie where the county's
// projection ends.
func (q *query) spoken(err error) error {
	if q != nil && q.filtered && collection.Untransformable(err) {
		return bad("filter-geometry", "filter 中的坐标无法换算到本县坐标系；请核对坐标范围、filter-crs 及其轴序。 Coordinates of the filter cannot be brought to the county's plane; check filter-crs and its axis order.")
	}
	if slow := collection.TooSlow(err); slow != nil {
		return slow
	}
	return err
}

// read counts and reads a page. whole: the caller sees every row.
func (q *query) read(ctx context.Context, db Querier, whole bool, page *found) error {
	page.matched = q.col.Total
	if page.matched < 0 || len(q.where) > 0 || !whole {
		sql, args := q.count()
		if err := db.QueryRow(ctx, sql, args...).Scan(&page.matched); err != nil {
			return fmt.Errorf("count %s: %w", q.col.ID, err)
		}
		if page.matched > maxCount {
			page.matched = -1
		}
	}
	sql, args := q.page()
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("read %s: %w", q.col.ID, err)
	}
	defer rows.Close()
	last := make([]string, len(q.col.Keys))
	fields := q.shown()
	for rows.Next() {
		if page.n == q.limit || page.n > 0 && len(page.features) > maxPage {
			page.next = cursor{q.col.Pin, last}.String()
			rows.Close() // what is left is not fetched
			break
		}
		row := rows.RawValues()
		page.features = comma(page.features, page.n)
		if page.features, err = q.appendFeature(page.features, fields, row); err != nil {
			return err
		}
		page.features = append(page.features, '}')
		page.n++
		for i := range last {
			last[i] = string(row[i])
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", q.col.ID, err)
	}
	if page.next != "" && page.n < q.limit && q.offset > 0 {
		// who counts by offset would miss the rest without knowing
		return bad("offset", fmt.Sprintf("这一页超过 %d MB，只放得下 %d 个要素；请把 limit 减到 %d 以下，或改用 next 链接。 The page is too large for this limit.", maxPage>>20, page.n, page.n))
	}
	return nil
}

func (q *query) sendPage(c *Call, page *found) error {
	at := c.Root + "/collections/" + url.PathEscape(q.col.ID)
	links := []link{{at + "/items" + search(c.R.URL.Query(), "", ""), "self", mediaGeoJSON, ""}, {at, "collection", mediaJSON, q.col.Title}}
	if page.next != "" {
		links = append(links, link{at + "/items" + search(c.R.URL.Query(), "cursor", page.next), "next", mediaGeoJSON, "下一页 · next page"})
	}
	tail, err := plainJSON(links)
	if err != nil {
		return err
	}
	head := fmt.Appendf(nil, `{"type":"FeatureCollection","timeStamp":%q,`, time.Now().UTC().Format(time.RFC3339))
	if page.matched >= 0 {
		head = fmt.Appendf(head, `"numberMatched":%d,`, page.matched)
	}
	head = fmt.Appendf(head, `"numberReturned":%d,"links":%s,"features":[`, page.n, tail)
	q.contentCRS(c)
	return sendBytes(c, http.StatusOK, mediaGeoJSON, head, page.features, []byte("]}\n"))
}

// contentCRS says what the coordinates are in (Part 2, /req/crs/ogc-crs-header).
func (q *query) contentCRS(c *Call) { c.W.Header().Set("Content-Crs", "<"+q.out.URI+">") }

// search is the query string of a link: the request's own, with one value put in
// and the place that the request began at taken out.
func search(values url.Values, name, value string) string {
	v := maps.Clone(values)
	if name != "" {
		v.Del("offset")
		v.Set(name, value)
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write links: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

func (s *Service) feature(c *Call) error { return s.answer(c, http.StatusOK) }

// answer sends the feature that c.Feature names.
func (s *Service) answer(c *Call, status int) error {
	q, body, version, err := s.readFeature(c)
	if err != nil {
		return q.spoken(err)
	}
	at := c.Root + "/collections/" + url.PathEscape(q.col.ID)
	links, err := plainJSON([]link{{at + "/items/" + url.PathEscape(c.Feature) + search(c.R.URL.Query(), "", ""), "self", mediaGeoJSON, ""}, {at, "collection", mediaJSON, q.col.Title}})
	if err != nil {
		return err
	}
	body = append(append(append(body, `,"links":`...), links...), '}', '\n')
	tag := entityTag(q, version, body)
	c.W.Header().Set("ETag", tag)
	q.contentCRS(c)
	if status == http.StatusOK && (c.R.Method == http.MethodGet || c.R.Method == http.MethodHead) && matches(c.R.Header.Get("If-None-Match"), tag) {
		c.W.WriteHeader(http.StatusNotModified)
		return nil
	}
	return sendBytes(c, status, mediaGeoJSON, body)
}

// versionDigits are how much of a version an entity tag holds.
const versionDigits = 24

// entityTag names the representation: before the point what of the feature can be
// edited, which is what If-Match is held against (a verdict that has changed since
// is no lost update), behind it all that is shown.
func entityTag(q *query, version string, body []byte) string {
	sum := sha256.Sum256(append([]byte(q.out.URI), body...))
	tag := hex.EncodeToString(sum[:12])
	if len(version) >= versionDigits {
		tag = version[:versionDigits] + "." + tag
	}
	return `"` + tag + `"`
}

// readFeature reads the feature that c.Feature names, without its closing brace.
func (s *Service) readFeature(c *Call) (q *query, body []byte, version string, err error) {
	ctx := c.R.Context()
	err = c.Read(ctx, func(db Querier) error {
		col, err := s.registry.Open(ctx, db, c.County, c.Collection)
		if err != nil {
			return err
		}
		none := missing("feature", fmt.Sprintf("图层 %s 没有要素 %s。 No such feature.", col.ID, excerpt(c.Feature)))
		pin, parts, ok := col.Split(c.Feature)
		keys, fine := col.Values(parts)
		if !ok || !fine {
			return none
		}
		if ok, err := col.Repin(ctx, db, pin); err != nil || !ok {
			return cmp.Or[error](err, none)
		}
		q = newQuery(col)
		if err := q.apply(s.params(col, true), c.R.URL.Query()); err != nil {
			return err
		}
		sql, args := q.one(keys)
		rows, err := db.Query(ctx, sql, args...)
		if err != nil {
			return fmt.Errorf("read %s: %w", col.ID, err)
		}
		defer rows.Close()
		if !rows.Next() {
			return cmp.Or(rows.Err(), error(none))
		}
		row := rows.RawValues()
		body, err = q.appendFeature(nil, q.shown(), row)
		version = string(row[len(row)-1])
		rows.Close()
		return cmp.Or(err, rows.Err())
	})
	return q, body, version, err
}

// matches compares weakly, as RFC 9110 says for If-None-Match.
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}
