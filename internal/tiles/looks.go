package tiles

import (
	"fmt"

	"gengheng/internal/ogc"
	"gengheng/internal/tiles/style"
)

// overlays are the collections of a set in the order in which they are drawn over
// the survey: layers first, then what was declared, found and planned.
func (t *set) overlays() []style.Overlay {
	var out []style.Overlay
	for i := len(t.cols) - 1; i >= 0; i-- {
		if col := t.cols[i]; col.ID != "parcels" {
			out = append(out, style.OverlayOf(col.ID, col.Title))
		}
	}
	return out
}

func (s *Service) styleJSON(c *ogc.Call) error {
	t, err := s.set(c)
	if err != nil {
		return err
	}
	v, err := style.MapLibre(t.title, t.at+"/xyz/{z}/{x}/{y}.pbf", maxZoom, t.box, t.overlays())
	if err != nil {
		return err
	}
	return ogc.Answer(c, v)
}

func (s *Service) legend(c *ogc.Call) error {
	t, err := s.listed(c)
	if err != nil {
		return err
	}
	v, err := style.LegendOf(t.overlays())
	if err != nil {
		return err
	}
	return ogc.Answer(c, v)
}

// document answers with a style of the land classes for a desktop program, to be
// saved as a file.
func document(media, name string, make func() ([]byte, error)) func(c *ogc.Call) error {
	return func(c *ogc.Call) error {
		b, err := make()
		if err != nil {
			return err
		}
		h := c.W.Header()
		h.Set("Content-Type", media)
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
		if _, err := c.W.Write(b); err != nil {
			return fmt.Errorf("send %s: %w", name, err)
		}
		return nil
	}
}
