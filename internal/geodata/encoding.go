package geodata

import (
	"fmt"
	"strings"
	"sync"
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
	// samples are the first distinct texts, by which encodings are compared
	samples []string
	known   map[string]bool
}

const (
	maxSamples     = 400
	maxSampleBytes = 256
)

func (e *evidence) add(raw []byte) { e.count(raw, tell(raw)) }

// count takes what tell says of a text, so that one that recurs need not be asked
// again.
func (e *evidence) count(raw []byte, t tells) {
	if t.nonASCII == 0 {
		return
	}
	e.sample(raw)
	e.nonASCII, e.notUTF8, e.notGB, e.wide = e.nonASCII+t.nonASCII, e.notUTF8+t.notUTF8, e.notGB+t.notGB, e.wide+t.wide
}

// tells is what one text adds to the evidence.
type tells struct{ nonASCII, notUTF8, notGB, wide int }

func tell(raw []byte) (t tells) {
	if isASCII(raw) {
		return t
	}
	t.nonASCII = 1
	text, _, bad := decodeUTF8(raw)
	if bad {
		t.notUTF8 = 1
	} else {
		for _, r := range text {
			if r >= 0x800 {
				t.wide++
			}
		}
	}
	if !structureGB18030(raw) {
		t.notGB = 1
	}
	return t
}

func (e *evidence) sample(raw []byte) {
	if len(e.samples) == maxSamples || len(raw) > maxSampleBytes || e.known[string(raw)] {
		return
	}
	if e.known == nil {
		e.known = map[string]bool{}
	}
	e.known[string(raw)] = true
	e.samples = append(e.samples, string(raw))
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

// reading is how the samples read in an encoding.
type reading struct {
	charset charset
	// invalid is how many samples cannot be decoded.
	invalid int
	// common is the share of everyday characters among those beyond ASCII,
	// punctuation left out; characters is how many these are.
	common     float64
	characters int
}

func (e *evidence) read(c charset) reading {
	r := reading{charset: c}
	common := 0
	for _, sample := range e.samples {
		text, _, bad := c.decode([]byte(sample))
		if bad {
			r.invalid++
		}
		for _, v := range text {
			switch {
			case v < 0x80 || v >= 0x2000 && v < 0x3100 || v >= 0xff00 && v < 0xfff0: // marks, numerals, full-width forms
			default:
				r.characters++
				if everyday()[v] {
					common++
				}
			}
		}
	}
	if r.characters > 0 {
		r.common = float64(common) / float64(r.characters)
	}
	return r
}

// everyday are the characters of the first levels of GB 2312 (3755) and of Big5
// (5401), which make up nearly all of what is written; text read in a wrong
// encoding scatters over the others.
var everyday = sync.OnceValue(func() map[rune]bool {
	set := make(map[rune]bool, 8000)
	level := func(c charset, first, last byte, trails ...[2]byte) {
		for lead := first; lead <= last; lead++ {
			for _, trail := range trails {
				for b := int(trail[0]); b <= int(trail[1]); b++ {
					if text, bad := c.convert([]byte{lead, byte(b)}); !bad {
						for _, r := range text {
							set[r] = true
						}
					}
				}
			}
		}
	}
	level(charsetGB18030, 0xb0, 0xd7, [2]byte{0xa1, 0xfe})
	level(charsetBig5, 0xa4, 0xc6, [2]byte{0x40, 0x7e}, [2]byte{0xa1, 0xfe})
	return set
})

// better is the encoding that the texts are in rather than in c: it explains
// all of them, and c explains fewer, or makes rare characters of everyday ones.
func (e *evidence) better(c charset) (charset, bool) {
	if len(e.samples) == 0 {
		return charset{}, false
	}
	given := e.read(c)
	var best *reading
	for _, other := range []charset{charsetUTF8, charsetGB18030, charsetBig5} {
		r := e.read(other)
		possible := r.invalid == 0 && (other != charsetUTF8 || e.notUTF8 == 0) && (other != charsetGB18030 || e.notGB == 0)
		if other.name != c.name && possible && r.characters > 0 && (best == nil || r.common > best.common) {
			best = &r
		}
	}
	switch {
	case best == nil || best.common < 0.5:
		return charset{}, false
	case given.invalid > 0 || !e.fits(c):
		return best.charset, true
	case best.characters >= 2 && best.common-given.common >= 0.25:
		return best.charset, true
	}
	return charset{}, false
}

// shown are up to three samples as they read in an encoding.
func (e *evidence) shown(c charset) string {
	var texts []string
	for _, sample := range e.samples[:min(3, len(e.samples))] {
		text, _, _ := c.decode([]byte(sample))
		texts = append(texts, "“"+printable(text)+"”")
	}
	return strings.Join(texts, "、")
}

// chooseCharset follows the order .cpg, LDID, UTF-8, GB18030; what the file
// declares yields to contents that contradict it, with a notice. option, from
// the user, does not yield: what contradicts it is refused.
func chooseCharset(option, cpg string, ldid byte, e *evidence) (charset, []Notice, error) {
	if option != "" {
		c, ok := charsetNamed(option)
		if !ok {
			return c, nil, fileError(ErrEncoding, "", fmt.Sprintf("不认识编码 %q；可用 GBK、GB18030、UTF-8、Big5", option), fmt.Sprintf("encoding %q is unknown; use GBK, GB18030, UTF-8 or Big5", option))
		}
		if fits, ok := e.better(c); ok {
			return c, nil, fileError(ErrEncoding, "",
				fmt.Sprintf("文字不是声明的编码 %s：按 %s 读是 %s，按 %s 读是 %s；请改选 %s，或不选编码由程序判断", c.name, c.name, e.shown(c), fits.name, e.shown(fits), fits.name),
				fmt.Sprintf("the text is not in the declared encoding %s but in %s: %s, not %s; choose %s, or none", c.name, fits.name, e.shown(fits), e.shown(c), fits.name))
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
	if declared.name != "" {
		if fits, ok := e.better(declared); ok {
			guess = fits
		} else if e.fits(declared) {
			return declared, nil, nil
		}
	}
	switch {
	case e.nonASCII == 0:
		return guess, nil, nil
	case by != "":
		return guess, []Notice{{NoticeEncodingWrong,
			fmt.Sprintf("声明的编码（%s）与内容不符，按 %s 读取，如 %s；请核对文字", by, guess.name, e.shown(guess)),
			fmt.Sprintf("the declared encoding (%s) contradicts the contents; read as %s, such as %s", by, guess.name, e.shown(guess))}}, nil
	}
	return guess, []Notice{{NoticeEncodingGuessed,
		fmt.Sprintf("没有声明编码（缺 .cpg），按 %s 读取，如 %s；请核对文字", guess.name, e.shown(guess)),
		fmt.Sprintf("no encoding is declared (no .cpg); read as %s, such as %s", guess.name, e.shown(guess))}}, nil
}
