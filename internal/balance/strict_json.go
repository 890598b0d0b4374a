package balance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// jsonFault is a reason to refuse a JSON text, and where it stands (bytes from
// the beginning).
type jsonFault struct {
	offset int64
	zh, en string
}

func (f *jsonFault) Error() string { return f.zh + " · " + f.en }

// decodeStrict decodes one JSON object into a struct. encoding/json takes keys of
// any case and the last of several; here every key is spelled as the struct's tags
// spell it and stands once, every field without omitempty is there, null stands
// only where a figure may be missing (a pointer), and nothing follows the object.
func decodeStrict(data []byte, into any) error {
	if !utf8.Valid(data) {
		return &jsonFault{0, "不是 UTF-8 文本", "is not UTF-8 text"}
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	w := jsonWalk{dec}
	if err := w.value(reflect.TypeOf(into).Elem(), ""); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &jsonFault{dec.InputOffset(), "JSON 之后还有内容", "something follows the JSON object"}
	}
	if err := json.Unmarshal(data, into); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return typeFault(wrong)
		}
		return &jsonFault{dec.InputOffset(), "不是合格的 JSON：" + err.Error(), "not valid JSON: " + err.Error()}
	}
	return nil
}

// typeFault says in the format's words, not the program's, what should stand there.
func typeFault(wrong *json.UnmarshalTypeError) *jsonFault {
	zh, en := "文本", "text"
	switch wrong.Type.Kind() {
	case reflect.Float64:
		zh, en = "数", "a number"
		if strings.HasPrefix(wrong.Value, "number ") {
			zh, en = "双精度范围内的数", "a number within the range of doubles"
		}
	case reflect.Int, reflect.Int64:
		zh, en = "整数", "a whole number"
	case reflect.Bool:
		zh, en = "true 或 false", "true or false"
	}
	return &jsonFault{wrong.Offset, fmt.Sprintf("%q 应为%s", wrong.Field, zh), fmt.Sprintf("%q must be %s", wrong.Field, en)}
}

// jsonWalk goes through a text token by token beside the type it is meant for.
type jsonWalk struct{ dec *json.Decoder }

func (w *jsonWalk) refuse(zh, en string, args ...any) error {
	return &jsonFault{w.dec.InputOffset(), fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)}
}

func (w *jsonWalk) token() (json.Token, error) {
	t, err := w.dec.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, w.refuse("不是合格的 JSON：%v", "not valid JSON: %v", err)
	}
	return t, nil
}

func (w *jsonWalk) value(t reflect.Type, name string) error {
	token, err := w.token()
	if err != nil {
		return err
	}
	if token == nil {
		if t.Kind() == reflect.Pointer {
			return nil
		}
		return w.refuse("%q 不能为 null", "%q must not be null", name)
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	open, nested := token.(json.Delim)
	switch {
	case t.Kind() == reflect.Struct && nested && open == '{':
		return w.object(t, name)
	case t.Kind() == reflect.Slice && nested && open == '[':
		for w.dec.More() {
			if err := w.value(t.Elem(), name); err != nil {
				return err
			}
		}
		_, err := w.token()
		return err
	case nested || t.Kind() == reflect.Struct || t.Kind() == reflect.Slice:
		return w.refuse("%q 的类型不对", "%q is of the wrong type", name)
	}
	return nil // what a string, number or truth value says is left to encoding/json
}

func (w *jsonWalk) object(t reflect.Type, name string) error {
	fields, needed := jsonFields(t)
	seen := map[string]bool{}
	for w.dec.More() {
		token, err := w.token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		field, known := fields[key]
		if !known {
			for other := range fields {
				if strings.EqualFold(other, key) {
					return w.refuse("键 %q 应写作 %q", "key %q must be written %q", key, other)
				}
			}
			return w.refuse("未知的键 %q", "unknown key %q", key)
		}
		if seen[key] {
			return w.refuse("键 %q 重复", "key %q stands twice", key)
		}
		seen[key] = true
		if err := w.value(field, key); err != nil {
			return err
		}
	}
	if _, err := w.token(); err != nil {
		return err
	}
	for _, key := range needed {
		if !seen[key] {
			return w.refuse("缺少键 %q", "key %q is missing", key)
		}
	}
	return nil
}

// jsonFields gives the types of a struct's fields by key, and the keys that must
// be there.
func jsonFields(t reflect.Type) (fields map[string]reflect.Type, needed []string) {
	fields = map[string]reflect.Type{}
	for i := range t.NumField() {
		key, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		fields[key] = t.Field(i).Type
		if options != "omitempty" {
			needed = append(needed, key)
		}
	}
	return fields, needed
}
