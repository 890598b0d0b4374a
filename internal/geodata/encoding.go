package geodata

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// charset is an encoding that text of a file can be in.
type charset struct {
	name string
	// codec is nil for UTF-8.
	codec encoding.Encoding
}

var (
	charsetUTF8    = charset{"UTF-8", nil}
	charsetGB18030 = charset{"GB18030", simplifiedchinese.GB18030}
	charsetBig5    = charset{"Big5", traditionalchinese.Big5}
	charsetLatin1  = charset{"ISO-8859-1", charmap.ISO8859_1}
)

// charsetNamed reads the name in a .cpg, or an option. GBK and GB2312 are
// subsets of GB18030 and read as such. ok is false for an unknown name.
func charsetNamed(name string) (cs charset, ok bool) {
	key := strings.ToUpper(strings.Trim(name, "\ufeff \t\r\n\x00"))
	key = strings.NewReplacer("-", "", "_", "", " ", "").Replace(key)
	key = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(key, "ANSI"), "OEM"), "CP")
	switch key {
	case "UTF8", "65001", "UNICODE(UTF8)":
		return charsetUTF8, true
	case "GBK", "GB2312", "GB18030", "936", "54936", "EUCCN", "MS936", "WINDOWS936", "LDID/77", "LDID/122":
		return charsetGB18030, true
	case "BIG5", "950", "LDID/79", "LDID/120":
		return charsetBig5, true
	case "ISO88591", "88591", "ISO8859", "LATIN1", "1252", "WINDOWS1252", "LDID/87", "LDID/3":
		return charsetLatin1, true
	}
	return charset{}, false
}

// charsetOfLDID reads the language driver byte of a .dbf. Programs write 0x03
// and 0x57 (Windows ANSI) whatever the text is, so these declare nothing.
func charsetOfLDID(b byte) (charset, bool) {
	switch b {
	case 0x4d, 0x7a:
		return charsetGB18030, true
	case 0x4f, 0x78:
		return charsetBig5, true
	}
	return charset{}, false
}

// decode gives the text of raw. cut says that the last character was cut off
// in its middle (left out); bad that something else cannot be decoded (U+FFFD
// stands there).
func (c charset) decode(raw []byte) (text string, cut, bad bool) {
	if isASCII(raw) {
		return string(raw), false, false
	}
	if c.codec == nil {
		return decodeUTF8(raw)
	}
	text, bad = c.convert(raw)
	if !bad {
		return text, false, false
	}
	// GB18030 characters have 1, 2 or 4 bytes, Big5 1 or 2: at most three
	// bytes of a cut one remain.
	for n := 1; n <= 3 && n < len(raw); n++ {
		if raw[len(raw)-n] < 0x80 && n == 1 {
			break
		}
		if shorter, bad := c.convert(raw[:len(raw)-n]); !bad {
			return shorter, true, false
		}
	}
	if len(raw) == 1 {
		return "", true, false
	}
	return text, false, true
}

func (c charset) convert(raw []byte) (string, bool) {
	out, err := c.codec.NewDecoder().Bytes(raw)
	if err != nil {
		return strings.ToValidUTF8(string(out), "\ufffd"), true
	}
	text := string(out)
	return text, strings.ContainsRune(text, utf8.RuneError)
}

func decodeUTF8(raw []byte) (text string, cut, bad bool) {
	if utf8.Valid(raw) {
		return string(raw), false, false
	}
	for n := 1; n <= 3 && n <= len(raw); n++ {
		tail := raw[len(raw)-n:]
		if utf8.RuneStart(tail[0]) {
			if tail[0] >= 0xc2 && !utf8.FullRune(tail) && utf8.Valid(raw[:len(raw)-n]) {
				return string(raw[:len(raw)-n]), true, false
			}
			break
		}
	}
	return strings.ToValidUTF8(string(raw), "\ufffd"), false, true
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// evidence is what the text of a file says about its encoding.
type evidence struct {
	nonASCII int // texts with any byte above 127
	notUTF8  int // of these, how many are not UTF-8 (a cut end is allowed)
	notGB    int // how many are not GB18030
	wide     int // UTF-8 sequences of three and more bytes
}

func (e *evidence) add(raw []byte) {
	if isASCII(raw) {
		return
	}
	e.nonASCII++
	text, _, bad := decodeUTF8(raw)
	if bad {
		e.notUTF8++
	} else {
		for _, r := range text {
			if r >= 0x800 {
				e.wide++
			}
		}
	}
	if !structureGB18030(raw) {
		e.notGB++
	}
}

// structureGB18030 tells whether bytes have GB18030's structure; a character
// cut off at the end is allowed. It is enough as evidence, and many times
// faster than decoding.
func structureGB18030(b []byte) bool {
	for i := 0; i < len(b); {
		switch lead := b[i]; {
		case lead < 0x80:
			i++
		case lead == 0x80 || lead == 0xff:
			return false
		case i+1 == len(b):
			return true
		case b[i+1] >= 0x40 && b[i+1] != 0x7f && b[i+1] != 0xff:
			i += 2
		case b[i+1] >= 0x30 && b[i+1] <= 0x39:
			if i+2 < len(b) && (b[i+2] < 0x81 || b[i+2] == 0xff) || i+3 < len(b) && (b[i+3] < 0x30 || b[i+3] > 0x39) {
				return false
			}
			i += 4
		default:
			return false
		}
	}
	return true
}

// looksUTF8: everything is UTF-8, with Chinese in it. GBK text that is UTF-8 by
// accident (联通) has two-byte sequences only.
func (e *evidence) looksUTF8() bool { return e.nonASCII > 0 && e.notUTF8 == 0 && e.wide > 0 }

// fits tells whether a declared encoding can be right.
func (e *evidence) fits(c charset) bool {
	switch c.name {
	case charsetUTF8.name:
		return e.notUTF8 == 0
	case charsetGB18030.name:
		return e.notGB == 0 && !e.looksUTF8()
	case charsetLatin1.name:
		// Any bytes are Latin-1. Text of this trade that is also Chinese is
		// Chinese.
		return e.nonASCII == 0 || !e.looksUTF8() && e.notGB > 0
	}
	return !e.looksUTF8()
}

// guess is for undeclared text: UTF-8 if it can be and cannot be GB18030 by
// accident, else GB18030.
func (e *evidence) guess() charset {
	if e.nonASCII == 0 || e.looksUTF8() || e.notUTF8 == 0 && e.notGB > 0 {
		return charsetUTF8
	}
	return charsetGB18030
}

// chooseCharset follows the order .cpg, LDID, UTF-8, GB18030 (threats.md 5.3);
// what is declared yields to contents that contradict it, with a notice.
// option, from the user, does not yield.
func chooseCharset(option, cpg string, ldid byte, e *evidence) (charset, []Notice, error) {
	if option != "" {
		c, ok := charsetNamed(option)
		if !ok {
			return c, nil, fileError(ErrEncoding, "", fmt.Sprintf("不认识编码 %q；可用 GBK、GB18030、UTF-8、Big5", option), fmt.Sprintf("encoding %q is unknown; use GBK, GB18030, UTF-8 or Big5", option))
		}
		return c, nil, nil
	}
	guess := e.guess()
	declared, by := charset{}, ""
	if strings.TrimSpace(cpg) != "" {
		by = ".cpg " + printable(strings.TrimSpace(cpg))
		declared, _ = charsetNamed(cpg)
	} else if c, ok := charsetOfLDID(ldid); ok {
		declared, by = c, fmt.Sprintf(".dbf LDID 0x%02x", ldid)
	}
	switch {
	case declared.name != "" && e.fits(declared):
		return declared, nil, nil
	case e.nonASCII == 0:
		return guess, nil, nil
	case by != "":
		return guess, []Notice{{NoticeEncodingWrong,
			fmt.Sprintf("声明的编码（%s）与内容不符，按 %s 读取；请核对文字", by, guess.name),
			fmt.Sprintf("the declared encoding (%s) contradicts the contents; read as %s", by, guess.name)}}, nil
	}
	return guess, []Notice{{NoticeEncodingGuessed,
		fmt.Sprintf("没有声明编码（缺 .cpg），按 %s 读取；请核对文字", guess.name),
		fmt.Sprintf("no encoding is declared (no .cpg); read as %s", guess.name)}}, nil
}
