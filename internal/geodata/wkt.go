package geodata

import (
	"fmt"
	"strconv"
	"strings"
)

// wktNode is KEYWORD[argument, ...] of a well-known text CRS; arguments are
// nodes, strings and numbers.
type wktNode struct {
	keyword  string // upper case
	texts    []string
	numbers  []float64
	children []*wktNode
}

const wktMaxDepth = 32

// parseWKT parses WKT 1 (OGC and ESRI flavour) and the keywords of WKT 2.
func parseWKT(text string) (*wktNode, error) {
	p := &wktParser{rest: strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))}
	n, err := p.node(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.rest != "" {
		return nil, fmt.Errorf("text after the end: %.20q", p.rest)
	}
	return n, nil
}

type wktParser struct{ rest string }

func (p *wktParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n\x00") }

func (p *wktParser) node(depth int) (*wktNode, error) {
	if depth > wktMaxDepth {
		return nil, fmt.Errorf("nested deeper than %d", wktMaxDepth)
	}
	p.space()
	end := strings.IndexAny(p.rest, "[(")
	if end <= 0 {
		return nil, fmt.Errorf("no keyword at %.20q", p.rest)
	}
	n := &wktNode{keyword: strings.ToUpper(strings.TrimSpace(p.rest[:end]))}
	for _, r := range n.keyword {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' {
			return nil, fmt.Errorf("%.20q is no keyword", n.keyword)
		}
	}
	p.rest = p.rest[end+1:]
	for {
		if err := p.argument(n, depth); err != nil {
			return nil, err
		}
		p.space()
		if p.rest == "" {
			return nil, fmt.Errorf("%s is not closed", n.keyword)
		}
		next := p.rest[0]
		p.rest = p.rest[1:]
		switch next {
		case ',':
		case ']', ')':
			return n, nil
		default:
			return nil, fmt.Errorf("unexpected %q in %s", next, n.keyword)
		}
	}
}

func (p *wktParser) argument(n *wktNode, depth int) error {
	p.space()
	if p.rest == "" {
		return fmt.Errorf("%s is not closed", n.keyword)
	}
	if p.rest[0] == '"' {
		end := strings.IndexByte(p.rest[1:], '"')
		if end < 0 {
			return fmt.Errorf("string in %s is not closed", n.keyword)
		}
		n.texts = append(n.texts, p.rest[1:1+end])
		p.rest = p.rest[end+2:]
		return nil
	}
	end := strings.IndexAny(p.rest, "[(,])")
	if end < 0 {
		return fmt.Errorf("%s is not closed", n.keyword)
	}
	if p.rest[end] == '[' || p.rest[end] == '(' {
		child, err := p.node(depth + 1)
		if err != nil {
			return err
		}
		n.children = append(n.children, child)
		return nil
	}
	word := strings.TrimSpace(p.rest[:end])
	p.rest = p.rest[end:]
	if v, err := strconv.ParseFloat(word, 64); err == nil {
		n.numbers = append(n.numbers, v)
	}
	// A bare word (AXIS direction) says nothing that is needed.
	return nil
}

// find gives the first child with one of the keywords, or nil.
func (n *wktNode) find(keywords ...string) *wktNode {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		for _, k := range keywords {
			if c.keyword == k {
				return c
			}
		}
	}
	return nil
}

func (n *wktNode) name() string {
	if n == nil || len(n.texts) == 0 {
		return ""
	}
	return n.texts[0]
}

func (n *wktNode) number(i int) (float64, bool) {
	if n == nil || i >= len(n.numbers) {
		return 0, false
	}
	return n.numbers[i], true
}
