package polygon

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkt"
)

var updateCorpus = flag.Bool("update", false, "make the generated pairs of testdata/corpus.txt anew")

const corpusFile = "testdata/corpus.txt"

const corpusHead = `# Pairs of polygons (synthetic) that come nearer to each other than plain
# arithmetic can tell, or touch in many places. One pair in four lines: kind,
# planar area in common as computed in rational numbers, and the polygons.
# These come from go test -run 'TestCorpus$' -update.
`

// corpusByHand begins what -update leaves as it is.
const corpusByHand = "\n# Added by hand: whatever an overlay was ever wrong about. -update keeps these.\n"

// simple says whether a polygon is valid and no vertex lies within an edge of it.
func simple(t *testing.T, mp orb.MultiPolygon) bool {
	t.Helper()
	c := prepare(t, mp)
	return c.Valid() && len(c.pts) == verticesOf(mp)
}

// TestCorpus replays the pairs that were hard.
func TestCorpus(t *testing.T) {
	if *updateCorpus {
		writeCorpus(t)
	}
	text, err := os.ReadFile(corpusFile)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		if line := s.Text(); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 || len(lines)%4 != 0 {
		t.Fatalf("%s has %d lines, want four for each pair", corpusFile, len(lines))
	}
	for l := range slices.Chunk(lines, 4) {
		want, err := strconv.ParseFloat(l[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		a, b := parse(t, l[2]), parse(t, l[3])
		differencesOf(t, l[0], a, b, want)
		differencesOf(t, l[0], b, a, want)
		unionOf(t, l[0], a, b, want)
		slivers := 2e-9 * (prepare(t, a).length() + prepare(t, b).length())
		for _, got := range []Overlap{overlapOf(t, a, b), overlapOf(t, b, a)} {
			if got.Doubt != 0 || math.Abs(got.Planar-want) > 1e-5 {
				t.Errorf("%s: %v, planar %.9f, exactly %.9f\n%s\n%s", l[0], got.Doubt, got.Planar, want, l[2], l[3])
			}
			if got.Geometry != nil && (math.Abs(planar(got.Geometry)-want) > 1e-5+slivers || !simple(t, got.Geometry)) {
				t.Errorf("%s: geometry of %.9f, want %.9f: %s", l[0], planar(got.Geometry), want, wkt.MarshalString(got.Geometry))
			}
		}
	}
}

// unionOf checks a with b, given the planar area that they have in common.
func unionOf(t *testing.T, kind string, a, b orb.MultiPolygon, common float64) {
	t.Helper()
	pa, pb := prepare(t, a), prepare(t, b)
	got := Union([]*Candidate{pa, pb}, zone37)
	if got.Doubt != 0 {
		return
	}
	want, slivers := pa.planar+pb.planar-common, 2e-9*(pa.length()+pb.length())
	if math.Abs(planar(got.Geometry)-want) > 1e-5+slivers || !simple(t, got.Geometry) || !hangsTogether(got.Geometry) {
		t.Errorf("%s: union of %.9f, want %.9f: %s", kind, planar(got.Geometry), want, wkt.MarshalString(got.Geometry))
	}
}

// differencesOf checks a without b, given the planar area that they have in
// common. A result in doubt is no error: PostGIS computes it.
func differencesOf(t *testing.T, kind string, a, b orb.MultiPolygon, common float64) {
	t.Helper()
	pa, pb := prepare(t, a), prepare(t, b)
	got := Difference(pa, pb, zone37)
	if got.Doubt != 0 {
		return
	}
	want, slivers := pa.planar-common, 2e-9*(pa.length()+pb.length())
	if math.Abs(planar(got.Geometry)-want) > 1e-5+slivers || !simple(t, got.Geometry) {
		t.Errorf("%s: difference of %.9f, want %.9f: %s", kind, planar(got.Geometry), want, wkt.MarshalString(got.Geometry))
	}
}

// writeCorpus collects small pairs of every kind whose geometry rounding may
// have changed, and some that are merely degenerate.
func writeCorpus(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	taken := map[string]int{}
	var out bytes.Buffer
	out.WriteString(corpusHead)
	for range 60000 {
		p := randomPair(rng)
		if rng.IntN(4) == 0 {
			p = randomCellsPair(rng)
		}
		if points, _ := vertices([]orb.MultiPolygon{p.a, p.b}); points > 40 {
			continue
		}
		a, b := prepare(t, p.a), prepare(t, p.b)
		if !a.Valid() || !b.Valid() || a.levels == 0 || b.levels == 0 {
			continue
		}
		var e engine
		o := e.overlap(&a.operand, &b.operand, a.planar, zone37, true)
		key, limit := p.kind+", close", 6
		if !e.forward.close {
			key, limit = p.kind, 2
		}
		if o.Doubt != 0 || !e.forward.degenerate && !e.forward.close || taken[key] == limit {
			continue
		}
		taken[key]++
		fmt.Fprintf(&out, "\n%s\n%v\n%s\n%s\n", key, exactArea(p.a, p.b), wkt.MarshalString(p.a), wkt.MarshalString(p.b))
	}
	before, err := os.ReadFile(corpusFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(corpusFile, append(out.Bytes(), byHand(before)...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// byHand is the part of a corpus that was added by hand, its heading included.
func byHand(corpus []byte) []byte {
	_, pairs, _ := bytes.Cut(corpus, []byte(corpusByHand))
	return slices.Concat([]byte(corpusByHand), pairs)
}

// TestCorpusKeepsWhatWasAddedByHand: a pair that was hard once is not lost when
// the others are made anew.
func TestCorpusKeepsWhatWasAddedByHand(t *testing.T) {
	text, err := os.ReadFile(corpusFile)
	if err != nil {
		t.Fatal(err)
	}
	kept := byHand(text)
	if !bytes.HasSuffix(text, kept) || bytes.Count(kept, []byte("MULTIPOLYGON")) < 2 {
		t.Errorf("of %s only this is kept: %.200s", corpusFile, kept)
	}
	again := append([]byte(corpusHead), kept...)
	if got := byHand(again); !bytes.Equal(got, kept) {
		t.Errorf("kept once more: %.200s", got)
	}
}
